#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    atome_tests::fuzz::run("vocabulary", data);
});
