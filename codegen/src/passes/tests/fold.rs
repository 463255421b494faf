use super::check;
use crate::passes::fold::run;

/// Checks what `expression` of `%0` (f32), `%1` (i32), `%2` (f32x16) and `%3` (i32x16), none
/// of them constants, becomes.
#[track_caller]
fn becomes(ty: &str, before: &str, after: &str) {
    let buffer = if ty.starts_with("f32") { "y" } else { "z" };
    let body = |expression: &str| {
        let definitions = expression.replace(';', "\n");
        let result = definitions.trim_start().starts_with('=');
        assert!(!result, "an expression or the value itself");
        let (rest, last) = match expression.rsplit_once(';') {
            Some((rest, last)) => (rest.replace(';', "\n"), last),
            None => (String::new(), expression),
        };
        let (define, value) = match last.trim() {
            value if value.starts_with('%') => (String::new(), value.to_owned()),
            inst => (format!("%99: {ty} = {inst}"), "%99".to_owned()),
        };
        format!(
            "%0: f32 = load x[0]  %1: i32 = load i[0]
             %2: f32x16 = load x[0]  %3: i32x16 = load i[0]
             {rest}
             {define}
             store {buffer}[0] = {value}"
        )
    };
    check(run, &body(before), &body(after));
}

/// The same for f32 operands that are constants.
#[track_caller]
fn f32_constants(op: &str, x: &str, y: &str, result: Option<&str>) {
    let operands = format!("%4: f32 = const.f32 {x}; %5: f32 = const.f32 {y};");
    let before = format!("{operands} {op} %4, %5");
    let after = match result {
        Some(result) => format!("{operands} const.f32 {result}"),
        None => before.clone(),
    };
    becomes("f32", &before, &after);
}

#[test]
fn arithmetic_on_constants() {
    f32_constants("add", "16777216.0", "1.0", Some("16777216.0"));
    f32_constants("sub", "1.0", "1.0", Some("0.0"));
    f32_constants("mul", "-1.5", "2.0", Some("-3.0"));
    f32_constants("div", "1.0", "0.0", Some("inf"));
    f32_constants("max", "0.0", "-0.0", Some("-0.0"));
    f32_constants("max", "1.0", "0x7fc00001", Some("0x7fc00001"));
    becomes(
        "i32",
        "%4: i32 = const.i32 2147483647; add %4, %4",
        "%4: i32 = const.i32 2147483647; const.i32 -2",
    );
    becomes(
        "i32",
        "%4: i32 = const.i32 -8; sar %4, 1",
        "%4: i32 = const.i32 -8; const.i32 -4",
    );
    becomes(
        "f32",
        "%4: f32 = const.f32 2.25; sqrt %4",
        "%4: f32 = const.f32 2.25; const.f32 1.5",
    );
    becomes("f32", "size.f32 16777217", "const.f32 16777216.0");
    becomes("f32", "size.f32 n", "size.f32 n");
}

#[test]
fn an_operation_that_makes_a_nan_stays() {
    f32_constants("div", "0.0", "0.0", None);
    f32_constants("sub", "inf", "inf", None);
    f32_constants("mul", "inf", "0.0", None);
    f32_constants("add", "1.0", "0x7fc00000", None);
    let sqrt = "%4: f32 = const.f32 -1.0; sqrt %4";
    becomes("f32", sqrt, sqrt);
}

#[test]
fn vectors_of_constants() {
    becomes(
        "f32x16",
        "%4: f32 = const.f32 2.0; %5: f32x16 = splat %4; mul %5, %5",
        "%4: f32 = const.f32 2.0; %5: f32x16 = splat %4; %6: f32 = const.f32 4.0; splat %6",
    );
    becomes(
        "i32",
        "%4: i32x16 = iota; %5: i32x16 = mul %4, %4; extract %5, 15",
        "%4: i32x16 = iota; %5: i32x16 = mul %4, %4; const.i32 225",
    );
    becomes(
        "f32",
        "%4: i32x16 = iota; %5: f32x16 = to_float %4; reduce.add %5",
        "%4: i32x16 = iota; %5: f32x16 = to_float %4; const.f32 120.0",
    );
    // Not one constant in all lanes: stays, but is known.
    becomes(
        "f32x16",
        "%4: i32x16 = iota; %5: i32 = const.i32 16; %6: i32x16 = splat %5;
         %7: i32x16 = lt %4, %6; select %7, %2, %2",
        "%4: i32x16 = iota; %5: i32 = const.i32 16; %6: i32x16 = splat %5;
         %8: i32 = const.i32 -1; %7: i32x16 = splat %8; %2",
    );
}

#[test]
fn float_identities_are_exact() {
    let with = |bits: &str, then: &str| format!("%4: f32 = const.f32 {bits}; {then}");
    for (constant, same) in [
        ("1.0", "mul %0, %4"),
        ("1.0", "mul %4, %0"),
        ("1.0", "div %0, %4"),
        ("-0.0", "add %0, %4"),
        ("-0.0", "add %4, %0"),
        ("0.0", "sub %0, %4"),
    ] {
        becomes("f32", &with(constant, same), &with(constant, "%0"));
    }
    for (constant, changes) in [
        ("0.0", "add %0, %4"),
        ("0.0", "add %4, %0"),
        ("-0.0", "sub %0, %4"),
        ("0.0", "sub %4, %0"),
        ("0.0", "mul %0, %4"),
        ("1.0", "div %4, %0"),
        ("-1.0", "mul %0, %4"),
    ] {
        becomes("f32", &with(constant, changes), &with(constant, changes));
    }
    becomes("f32", "sub %0, %0", "sub %0, %0");
    becomes("f32", "max %0, %0", "%0");
    becomes("f32", "%4: f32 = neg %0; neg %4", "%4: f32 = neg %0; %0");
    becomes(
        "f32",
        "%4: f32 = neg %0; abs %4",
        "%4: f32 = neg %0; abs %0",
    );
    becomes("f32", "%4: f32 = abs %0; abs %4", "%4: f32 = abs %0; %4");
    becomes(
        "f32",
        "%4: i32 = to_bits %0; from_bits %4",
        "%4: i32 = to_bits %0; %0",
    );
}

#[test]
fn integer_identities() {
    let with = |x: &str, then: &str| format!("%4: i32 = const.i32 {x}; {then}");
    for (constant, before, after) in [
        ("0", "add %1, %4", "%1"),
        ("0", "add %4, %1", "%1"),
        ("0", "sub %1, %4", "%1"),
        ("0", "sub %4, %1", "sub %4, %1"),
        ("1", "mul %1, %4", "%1"),
        ("0", "mul %1, %4", "const.i32 0"),
        ("0", "and %1, %4", "const.i32 0"),
        ("-1", "and %4, %1", "%1"),
        ("0", "or %1, %4", "%1"),
        ("-1", "or %1, %4", "const.i32 -1"),
        ("0", "xor %4, %1", "%1"),
        ("-1", "xor %1, %4", "xor %1, %4"),
    ] {
        becomes("i32", &with(constant, before), &with(constant, after));
    }
    becomes("i32", "sub %1, %1", "const.i32 0");
    becomes("i32", "xor %1, %1", "const.i32 0");
    becomes("i32", "and %1, %1", "%1");
    becomes("i32x16", "xor %3, %3", "%4: i32 = const.i32 0; splat %4");
    becomes("i32", "le %1, %1", "const.i32 -1");
    becomes("i32", "lt %0, %0", "const.i32 0");
    becomes("i32", "le %0, %0", "le %0, %0");
    becomes(
        "i32",
        "%4: i32 = shr %1, 3; shr %4, 4",
        "%4: i32 = shr %1, 3; shr %1, 7",
    );
    becomes(
        "i32",
        "%4: i32 = shl %1, 16; shl %4, 16",
        "%4: i32 = shl %1, 16; const.i32 0",
    );
    becomes(
        "i32",
        "%4: i32 = sar %1, 16; sar %4, 16",
        "%4: i32 = sar %1, 16; sar %1, 31",
    );
    becomes(
        "i32",
        "%4: i32 = shr %1, 3; shl %4, 3",
        "%4: i32 = shr %1, 3; shl %4, 3",
    );
}

#[test]
fn lanes_and_trits() {
    becomes("f32x16", "keep %2 lanes 16", "%2");
    becomes(
        "f32x16",
        "keep %2 lanes 0",
        "%4: f32 = const.f32 0.0; splat %4",
    );
    becomes(
        "f32x16",
        "%4: f32x16 = keep %2 lanes 5; keep %4 lanes 7",
        "%4: f32x16 = keep %2 lanes 5; %4",
    );
    becomes(
        "f32x16",
        "%4: f32x16 = keep %2 lanes 7; keep %4 lanes 5",
        "%4: f32x16 = keep %2 lanes 7; keep %2 lanes 5",
    );
    becomes(
        "f32x16",
        "%4: f32x16 = keep %2 lanes n; keep %4 lanes 5",
        "%4: f32x16 = keep %2 lanes n; keep %4 lanes 5",
    );
    becomes(
        "f32",
        "%4: f32x16 = splat %0; extract %4, 9",
        "%4: f32x16 = splat %0; %0",
    );
    becomes(
        "f32",
        "%4: f32x16 = splat %0; reduce.max %4",
        "%4: f32x16 = splat %0; %0",
    );
    becomes(
        "f32",
        "%4: f32x16 = splat %0; reduce.add %4",
        "%4: f32x16 = splat %0; reduce.add %4",
    );
    let codes = |word: &str, then: &str| {
        format!("%4: i32 = const.i32 {word}; %5: i32x16 = splat %4; {then}")
    };
    let select = "trit_select %5, bit 2, %0";
    becomes("f32x16", &codes("8", select), &codes("8", "splat %0"));
    becomes(
        "f32x16",
        &codes("4", select),
        &codes("4", "%6: f32 = const.f32 0.0; splat %6"),
    );
    becomes("f32x16", &codes("3", select), &codes("3", select));
}

#[test]
fn loads_and_stores_of_known_lanes() {
    check(
        run,
        "%0: f32x16 = load x[0] lanes 20
         %1: f32x16 = load x[0] lanes 0
         %2: f32x16 = load x[0] lanes 3
         store y[0] = %0 lanes 16
         store y[0] = %1 lanes 0
         store y[0] = %1 lanes 15
         store y[0] = %2 lanes n",
        "%0: f32x16 = load x[0]
         %3: f32 = const.f32 0.0
         %1: f32x16 = splat %3
         %2: f32x16 = load x[0] lanes 3
         store y[0] = %0
         store y[0] = %1 lanes 15
         store y[0] = %2 lanes n",
    );
}

#[test]
fn addresses() {
    check(
        run,
        "%0: i32 = const.i32 3
         %1: index = to_index %0
         for %2: index in 0..2 {
           %3: f32 = load x[%1 * 4 + %2 * 8 + %2 * m + %2 + 5]
           store s[%2 * 0] = %3
           prefetch x[%1 * n + 1]
         }",
        "%0: i32 = const.i32 3
         %1: index = to_index %0
         for %2: index in 0..2 {
           %3: f32 = load x[%2 * (8 + m + 1) + 17]
           store s[0] = %3
           prefetch x[1 + n * 3]
         }",
    );
}

#[test]
fn a_carried_value_that_never_changes_is_its_initial_value() {
    check(
        run,
        "%0: f32 = load x[0]
         %1: f32 = param p
         %9: f32, %10: f32, %11: f32 = for %2: index in 0..n carry %3: f32 = %0, %4: f32 = %1, %5: f32 = %0 {
           %6: f32 = add %3, %5
           yield %3, %6, %0
         }
         %12: f32 = add %9, %10
         store y[0] = %12
         store y[1] = %11",
        "%0: f32 = load x[0]
         %1: f32 = param p
         %10: f32 = for %2: index in 0..n carry %4: f32 = %1 {
           %6: f32 = add %0, %0
           yield %6
         }
         %12: f32 = add %0, %10
         store y[0] = %12
         store y[1] = %0",
    );
}
