use super::{Problem, parse};
use crate::ir::{Access, Address, Builder, Elem, Inst, Lanes, Size, Stmt, Value, random};

#[test]
fn random_functions_survive_print_and_parse() {
    for seed in 0..2000 {
        let function = random::function(seed);
        let text = function.to_string();
        let read = parse(&text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        assert_eq!(read, function, "seed {seed}\n{text}");
        assert_eq!(read.to_string(), text, "seed {seed}");
    }
}

#[test]
fn every_f32_class_survives() {
    let bits = [
        0,
        1,
        0x8000_0000,
        0x007f_ffff,
        0x3f80_0000,
        0x7f7f_ffff,
        0x7f80_0000,
    ];
    let more = [
        0xff80_0000,
        0x7fc0_0000,
        0xffc0_0000,
        0x7f80_0001,
        0x33d6_bf95,
        0x4b00_0001,
    ];
    for bits in bits.into_iter().chain(more) {
        let mut b = Builder::new("constants");
        b.f32(0.0);
        let mut function = b.finish();
        function.body[0] = Stmt::Let(Value(0), Inst::F32(bits));
        assert_eq!(parse(&function.to_string()), Ok(function), "{bits:#x}");
    }
}

#[test]
fn a_whole_function_reads_well() {
    let mut b = Builder::new("dot");
    let n = b.dim("n");
    let x = b.buffer("x", Access::In, Elem::F32, n.clone().div_ceil(16) * 16);
    let out = b.buffer("out", Access::Out, Elem::F32, 1);
    let scale = b.scalar("scale");
    let zero = b.splat_f32(0.0);
    let sums = b.for_each_vector(&n, &[zero], |b, at, lanes, sums| {
        let v = b.load_vector(x, at, lanes);
        let v = b.mul(v, v);
        vec![b.add(sums[0], v)]
    });
    let sum = b.reduce(crate::ir::ReduceOp::Add, sums[0]);
    let sum = b.mul(sum, scale);
    b.store(out, Address::at(0), sum, Lanes::All);
    let expected = "\
kernel dot(n) scalars(scale) {
  in x: f32[(n + 15) / 16 * 16]
  out out: f32[1]

  %0: f32 = param scale
  %1: f32 = const.f32 0.0
  %2: f32x16 = splat %1
  %8: f32x16 = for %3 in 0..n / 16 carry %4: f32x16 = %2 {
    %5: f32x16 = load x[%3 * 16]
    %6: f32x16 = mul %5, %5
    %7: f32x16 = add %4, %6
    yield %7
  }
  %14: f32x16 = for %9 in 0..(n % 16 + 15) / 16 carry %10: f32x16 = %8 {
    %11: f32x16 = load x[n / 16 * 16] lanes n % 16
    %12: f32x16 = mul %11, %11
    %13: f32x16 = add %10, %12
    yield %13
  }
  %15: f32 = reduce.add %14
  %16: f32 = mul %15, %0
  store out[0] = %16
}";
    assert_eq!(b.finish().to_string(), expected);
}

#[test]
fn addresses_do_not_run_into_each_other() {
    let mut b = Builder::new("addresses");
    let n = b.dim("n");
    let x = b.buffer("x", Access::In, Elem::F32, n.clone());
    let zero = b.i32(0);
    let i = b.to_index(zero);
    let twice = n.clone() * 2;
    for address in [
        Address::at(n.clone().sub(3)).step(i, twice.clone()),
        Address::at(n.clone().sub(3) + n.clone()).step(i, Size::ONE),
        Address::at(twice.clone() + (n.clone() + 1) + 5)
            .step(i, 0)
            .step(i, twice),
        Address::at(n.clone() * (n.clone() * n.clone().rem(7))),
        Address::of(&[(i, n)]),
    ] {
        b.load(x, address);
    }
    let function = b.finish();
    let text = function.to_string();
    assert!(text.contains("x[%1 * (n * 2) + (n - 3)]"), "{text}");
    assert!(text.contains("x[n * (n * (n % 7))]"), "{text}");
    assert!(text.contains("x[%1 * n]"), "{text}");
    assert_eq!(parse(&text), Ok(function));
}

#[test]
fn numbers_without_a_definition_keep_their_place() {
    let text = "kernel holes() {\n  %7: i32 = const.i32 -5\n}";
    let function = parse(text).expect("valid");
    assert_eq!(function.types.len(), 8);
    assert_eq!(function.to_string(), text);
}

#[test]
fn names_may_be_keywords_and_blanks_do_not_matter() {
    let text = "kernel for(lanes,unroll)scalars(param){in in:f32[lanes]out out:f32[unroll]// end
        for%0 in 0..unroll unroll 2{%1:f32=load in[%0]store out[%0]=%1}%2:f32=param param
        %3:f32x16=load in[0]lanes lanes% 16\n}";
    let function = parse(text).expect("valid");
    assert_eq!(function.body.len(), 3);
    assert_eq!(parse(&function.to_string()), Ok(function));
}

/// The error of a body in a small function, as text.
fn error(body: &str) -> String {
    let text = format!("kernel k(n) scalars(s) {{\n  inout x: f32[n]\n  {body}\n}}");
    parse(&text).expect_err("not valid").to_string()
}

#[test]
fn errors_say_where_what_was_expected_and_what_was_found() {
    for (body, expected) in [
        (
            "%0: f32 = add %1 %2",
            "line 3, column 20: expected `,`, found `%2`",
        ),
        (
            "%0: f31 = iota",
            "line 3, column 7: expected index, f32, i32, f32x16 or i32x16, found `f31`",
        ),
        (
            "%0: f32 = addd %1, %2",
            "line 3, column 13: no instruction is named `addd`",
        ),
        (
            "%0: f32 = load y[0]",
            "line 3, column 18: no buffer is named `y`",
        ),
        (
            "%0: f32 = load x[m]",
            "line 3, column 20: no dimension is named `m`",
        ),
        (
            "%0: f32 = param t",
            "line 3, column 19: no scalar is named `t`",
        ),
        (
            "prefetch x[n / 0]",
            "line 3, column 18: `0` is not a number to divide by, at least 1",
        ),
        (
            "prefetch x[n - n]",
            "line 3, column 18: expected a number to subtract, found `n`",
        ),
        (
            "%0: i32 = const.i32 2147483648",
            "line 3, column 23: `2147483648` is not an i32",
        ),
        (
            "%0: f32 = const.f32 1e39",
            "line 3, column 23: `1e39` is not a finite f32",
        ),
        (
            "%0: f32 = const.f32 0x123456789",
            "line 3, column 23: `0x123456789` is not the bits of an f32",
        ),
        (
            "%0: i32 = shl %1, 256",
            "line 3, column 21: `256` is not a number, 0 to 255",
        ),
        (
            "%0: f32 = iota %0: i32 = iota",
            "line 3, column 22: %0 is defined as i32, and before as f32",
        ),
        (
            "%4194304: f32 = iota",
            "line 3, column 3: `%4194304` is not the number of a value, 0 to 4194303",
        ),
        (
            "for %0 in 1..n {}",
            "line 3, column 13: expected `0`, found `1`",
        ),
        (
            "for %0 in 0..n carry %1: f32 = %2 { yield %1 }",
            "line 3, column 37: the loop carries 1 values, but names 0 results",
        ),
        (
            "%3: f32 = for %0 in 0..n carry %1: f32 = %2 { }",
            "line 3, column 49: the loop carries 1 values, but names 0 next values",
        ),
        (
            "%3: f32, %4: f32 = iota",
            "line 3, column 22: expected `for`, found `iota`",
        ),
        (
            "yield %1",
            "line 3, column 3: expected a statement or `}`, found `yield`",
        ),
        (
            "store x[0] = %1 ; ",
            "line 3, column 19: a character that means nothing here: ';'",
        ),
        (
            "} // and more\n x",
            "line 4, column 2: expected the end, found `x`",
        ),
    ] {
        assert_eq!(error(body), expected, "{body}");
    }
    let end = parse("kernel k(").expect_err("not valid").to_string();
    assert_eq!(
        end,
        "line 1, column 10: expected the name of a dimension, found the end"
    );
}

#[test]
fn depth_is_bounded() {
    let deep = format!(
        "prefetch x[{}n{}]",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert!(error(&deep).contains("nested more than 128 deep"));
    let long = format!("prefetch x[n{}]", " * n".repeat(100_000));
    assert!(error(&long).contains("nested more than 128 deep"));
    let long = format!("prefetch x[n{}]", " - 1".repeat(100_000));
    assert!(error(&long).contains("nested more than 128 deep"));
    let loops = "for %0 in 0..n {".repeat(100_000);
    assert!(error(&loops).contains("nested more than 64 deep"));
}

/// Damaged text is refused or read, and never makes the parser panic.
#[test]
fn damaged_text_does_not_panic() {
    let mut refused = 0;
    for seed in 0..200 {
        let text = random::function(seed).to_string();
        for cut in (seed as usize % 7..text.len()).step_by(97) {
            refused += usize::from(parse(&text[..cut]).is_err());
            let without = format!("{}{}", &text[..cut], &text[cut + 1..]);
            match parse(&without) {
                Err(error) => assert_ne!(error.problem, Problem::Character { found: '\n' }),
                Ok(read) => assert_eq!(parse(&read.to_string()), Ok(read)),
            }
        }
    }
    assert!(refused > 1000);
}

/// The example that the documentation begins with.
#[test]
fn the_documented_example_is_valid() {
    let page = include_str!("../../../../docs/ir.md");
    let lines = page
        .lines()
        .skip_while(|line| !line.starts_with("    kernel"));
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: Vec<&str> = lines
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    let text = text.join("\n");
    let function = parse(&text).expect("the example follows the grammar");
    assert_eq!(function.to_string(), text.trim_end());
    assert_eq!(crate::ir::verify(&function), Ok(()));
}

/// Every operation of the table of instructions, read in a function.
#[test]
fn the_documented_words_are_the_words() {
    let page = include_str!("../../../../docs/ir.md");
    for seed in 0..50 {
        for line in random::function(seed).to_string().lines() {
            let Some((_, inst)) = line.split_once(" = ") else {
                continue;
            };
            let word = inst.split(' ').next().unwrap_or("");
            let known =
                word == "for" || line.contains("store") || page.contains(&format!("`{word}"));
            assert!(known, "`{word}` is not in the table");
        }
    }
}
