//! What `#[ternary_kernel]` says to mistakes: each `ui/NAME.rs` with its `ui/NAME.stderr`.

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui/pass/*.rs");
}
