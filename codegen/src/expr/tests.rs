use super::{Body, Expr, ExprFault, MAX_STEPS, Source};
use crate::ir::Access;
use atome_spec::Op;

#[track_caller]
fn refused(text: &str) -> String {
    match text.parse::<Expr>() {
        Ok(expr) => panic!("accepted: {expr}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn body(text: &str) -> String {
    let body: Body = text.parse().unwrap();
    let printed = body.to_string();
    assert_eq!(printed.parse(), Ok(body), "{printed}");
    printed
}

#[test]
fn statements_are_printed_with_the_parentheses_that_they_need() {
    let kept = [
        "y = a + b * c",
        "y = (a + b) * c",
        "y = a - (b - c)",
        "y = a / b / c",
        "y = a / (b / c)",
        "y = -a * b",
        "y = -(a * b)",
        "y = --a",
        "y = -1.5 * a",
        "y = -(1.5)",
        "y = -(-1.5)",
        "y = a - -1.5",
        "y = min(a, max(b, 1e-10)) + 3.4028235e38",
        "y = select(a < b + 1.0, a, -b)",
        "y = select(a <= b, select(a == b, 0.0, a), b)",
        "k = sigmoid(f); h = k * h + silu(i) * (1.0 - k); y = squared_relu(h)",
    ];
    for text in kept {
        assert_eq!(body(text), text);
    }
    assert_eq!(body("y = select(a > b, a, b)"), "y = select(b < a, a, b)");
    assert_eq!(body("y = select(a >= b, a, b)"), "y = select(b <= a, a, b)");
    assert_eq!(body("y = ((a))"), "y = a");
    assert_eq!(
        body("# gates\nk = a\n  + 1 # more\ny=k;;"),
        "k = a + 1.0; y = k"
    );
}

#[test]
fn equal_operations_are_one_step_and_operands_are_read_as_they_were() {
    let text = "(x: row, h: state, y: row) { h = h + exp(x); y = h * exp(x) }";
    let expr: Expr = text.parse().unwrap();
    let ops: Vec<Op> = expr.chain().steps.iter().map(|step| step.op).collect();
    assert_eq!(ops, [Op::Exp, Op::Add, Op::Mul]);
    let last = &expr.chain().steps[2].sources;
    assert_eq!(last[..], [Source::Step(1), Source::Step(0)]);
    let access = [0, 1, 2].map(|operand| expr.access(operand));
    assert_eq!(access, [Access::In, Access::InOut, Access::Out]);
    // A copy is a step too, so that what is stored is always a result.
    let copy: Expr = "(x: row, y: row) { y = x }".parse().unwrap();
    assert_eq!(copy.chain().steps[0].op, Op::Add);
}

#[test]
fn whole_expressions_are_read_back() {
    for text in [
        "(x: row, g: gain, y: row) { y = x * g }",
        "(x: row, d: row per head, a: gain per head, h: state) { h = h * (a * d) + x }",
        "(x: row) { x = x + 1.0 }",
    ] {
        let expr: Expr = text.parse().unwrap();
        assert_eq!(expr.to_string(), text);
        assert_eq!(expr.has_heads(), text.contains("head"));
    }
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let cases = [
        ("", "line 1, column 1: expected `(`, found the end"),
        (
            "(x: rows) { x = x }",
            "line 1, column 5: expected `row`, `gain` or `state`, found `rows`",
        ),
        (
            "(x: row per token) { x = x }",
            "line 1, column 13: expected `head`, found `token`",
        ),
        (
            "(x: row y: row) { y = x }",
            "line 1, column 9: expected `,`, found `y`",
        ),
        (
            "(x: row) { }",
            "line 1, column 12: expected a statement, `name = ..`, found `}`",
        ),
        (
            "(x: row) { x = x",
            "line 1, column 17: expected `}`, found the end",
        ),
        (
            "(x: row) { x = x } x",
            "line 1, column 20: expected the end, found `x`",
        ),
        (
            "(x: row) {\n  x = x y = 1\n}",
            "line 2, column 9: expected an operator, `;` or a new line, found `y`",
        ),
        (
            "(x: row) { x = y }",
            "line 1, column 16: no operand is named `y`",
        ),
        (
            "(x: row) { x = 1 + }",
            "line 1, column 20: expected a value, found `}`",
        ),
        (
            "(x: row) { x = x ^ 2 }",
            "line 1, column 18: a character that means nothing here: '^'",
        ),
        (
            "(x: row) { x = 1e40 * x }",
            "line 1, column 16: `1e40` is not a finite number",
        ),
        (
            "(x: row) { x = 1.2.3 * x }",
            "line 1, column 16: `1.2.3` is not a finite number",
        ),
        (
            "(x: row) { x = exp(x, x) }",
            "line 1, column 16: `exp` takes 1 values, found 2",
        ),
        (
            "(x: row) { x = select(x, x, x) }",
            "line 1, column 24: expected `<`, `<=`, `>`, `>=` or `==`, found `,`",
        ),
        (
            "(x: row) { x = x\nx = x }",
            "line 2, column 1: `x` is given a value twice",
        ),
        (
            "(x: row, x: gain) { x = x }",
            "line 1, column 10: two operands are named `x`",
        ),
        (
            "(tokens: row) { tokens = -tokens }",
            "line 1, column 2: an operand is named `tokens` as a dimension of its kernel: expected another name than tokens, \
             channels, heads, head_dim and those that end in _stride",
        ),
        (
            "(x: row, x_stride: gain) { x = x * x_stride }",
            "line 1, column 10: an operand is named `x_stride` as a dimension of its kernel: expected another name than tokens, \
             channels, heads, head_dim and those that end in _stride",
        ),
        (
            "(x: row, z: gain) { x = x + 1 }",
            "line 1, column 10: the operand `z` is never used",
        ),
        (
            "(x: row) { t = exp(x); x = x + 1 }",
            "line 1, column 12: the value `t` is never used",
        ),
        (
            "(x: row, g: gain) { g = x }",
            "line 1, column 10: `g` cannot be written: it has no value for each channel of its own",
        ),
        (
            "(x: row, y: row per head) { y = x }",
            "line 1, column 10: `y` cannot be written: it has no value for each channel of its own",
        ),
        (
            "(x: row, h: state) { x = h + x }",
            "line 1, column 10: the state `h` needs to be read and then written",
        ),
        (
            "(x: row, h: state) { h = x }",
            "line 1, column 10: the state `h` needs to be read and then written",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), message, "{text}");
    }
    let unknown = refused("(x: row) { x = relu(x) }");
    let expected = "line 1, column 16: no function is named `relu`, expected one of exp, tanh, ";
    assert!(unknown.starts_with(expected), "{unknown}");
    assert!(unknown.ends_with("min, max, select"), "{unknown}");
}

#[test]
fn size_is_bounded() {
    let deep = |n: usize| format!("(x: row) {{ x = {}x{} }}", "(".repeat(n), ")".repeat(n));
    assert!(deep(60).parse::<Expr>().is_ok());
    assert!(refused(&deep(100_000)).ends_with("nested more than 64 deep"));
    let signs = format!("(x: row) {{ x = {}x }}", "-".repeat(100_000));
    assert!(refused(&signs).ends_with("nested more than 64 deep"));
    let sum = |n: usize| {
        let terms: Vec<String> = (0..n).map(|i| format!("x * {i}")).collect();
        format!("(x: row) {{ x = {} }}", terms.join(" + "))
    };
    assert!(sum(MAX_STEPS / 2).parse::<Expr>().is_ok());
    let many = sum(MAX_STEPS).parse::<Expr>().unwrap_err();
    assert_eq!(many.fault, ExprFault::TooManySteps);
    assert!(refused(&sum(100_000)).ends_with("nested more than 64 deep"));
    let operands: Vec<String> = (0..17).map(|i| format!("x{i}: row")).collect();
    let text = format!("({}) {{ x0 = x1 }}", operands.join(", "));
    assert_eq!(refused(&text), "17 operands, expected at most 16");
}
