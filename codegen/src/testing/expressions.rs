use super::Rng;
use crate::expr::{Expr, OperandKind};
use crate::{KernelSpec, op};
use atome_spec::Op;

/// Expressions that models are made of: gates, recurrences, residuals, by channel and by head.
pub const EXPRESSIONS: [&str; 8] = [
    "(x: row) { x = -x }",
    "(x: row, y: row) { x = x + y }",
    "(x: row, gate: row, y: row) { y = x * silu(gate) }",
    "(x: row, g: gain, b: gain, y: row) { y = squared_relu(x) * g + b }",
    "(f: row, i: row, floor: gain, h: state, y: row) { \
     k = floor + (1 - floor) * sigmoid(f); h = k * h + silu(i) * (1 - k); y = h }",
    "(x: row, dt: row per head, rate: gain per head, h: state, y: row) { \
     step = softplus(dt); h = exp(-(rate * step)) * h + x * step; y = max(h, -x) / sqrt(abs(h) + 1e-6) }",
    "(x: row, h: state) { x = select(x < h, tanh(x), min(x, 2)); h = 0.5 * h + x }",
    "(x: row, m: state, n: state, y: row) { \
     top = max(m, x); n = exp(m - top) * n + exp(x - top); m = top; y = select(n == 0, x, x / n) }",
];

/// The kernels of [`EXPRESSIONS`], every dimension open.
///
/// # Panics
/// Never: they are expressions.
pub fn expression_specs() -> Vec<KernelSpec> {
    let parsed = EXPRESSIONS.iter().map(|text| text.parse::<Expr>());
    let specs = parsed.map(|expr| expr.map(KernelSpec::map));
    specs.collect::<Result<_, _>>().expect("expressions")
}

/// A random valid expression; the same seed always gives the same one.
///
/// # Panics
/// Never: what is written is an expression.
pub fn random_expr(seed: u64) -> Expr {
    let mut rng = Rng::new(seed);
    loop {
        // Some of what is written leaves a value unused, or is too long.
        if let Ok(expr) = random_text(&mut rng).parse() {
            return expr;
        }
    }
}

fn random_text(rng: &mut Rng) -> String {
    let by_heads = rng.one_in(3);
    let mut operands = Vec::new();
    let mut names = Vec::new();
    let mut states = Vec::new();
    for i in 0..1 + rng.below(5) {
        let kind = rng.pick(&OperandKind::ALL);
        let name = format!("{}{i}", &kind.name()[..1]);
        let shared = by_heads && kind != OperandKind::State && rng.one_in(3);
        let per_head = if shared { " per head" } else { "" };
        operands.push(format!("{name}: {}{per_head}", kind.name()));
        if kind == OperandKind::State {
            states.push(name.clone());
        }
        names.push(name);
    }
    let mut statements = Vec::new();
    for i in 0..rng.below(3) {
        let value = random_value(rng, &names, 3);
        statements.push(format!("t{i} = {value}"));
        names.push(format!("t{i}"));
    }
    for state in states {
        let value = random_value(rng, &names, 2);
        statements.push(format!("{state} = {state} * 0.5 + {value}"));
    }
    operands.push("out: row".to_owned());
    let every: Vec<String> = names.iter().map(|n| format!("{n} * 0.25")).collect();
    let value = random_value(rng, &names, 3);
    statements.push(format!("out = {value} + {}", every.join(" - ")));
    format!("({}) {{ {} }}", operands.join(", "), statements.join("; "))
}

fn random_value(rng: &mut Rng, names: &[String], depth: u32) -> String {
    if depth == 0 || rng.one_in(4) {
        return match rng.one_in(4) {
            true => format!("{:?}", rng.tame_f32()),
            false => rng.pick(names),
        };
    }
    let functions = Op::ALL
        .iter()
        .copied()
        .filter(|op| op::arity(*op).is_some());
    let functions: Vec<Op> = functions.collect();
    let chosen = rng.pick(&functions);
    let count = op::arity(chosen).unwrap_or(0);
    let values: Vec<String> = (0..count)
        .map(|_| random_value(rng, names, depth - 1))
        .collect();
    match (chosen, &values[..]) {
        (Op::Neg, [x]) => format!("-({x})"),
        (Op::Add, [x, y]) => format!("({x} + {y})"),
        (Op::Sub, [x, y]) => format!("({x} - {y})"),
        (Op::Mul, [x, y]) => format!("({x} * {y})"),
        (Op::Div, [x, y]) => format!("({x} / {y})"),
        (Op::SelectLt, [x, y, u, v]) => format!("select({x} < {y}, {u}, {v})"),
        (Op::SelectLe, [x, y, u, v]) => format!("select({x} <= {y}, {u}, {v})"),
        (Op::SelectEq, [x, y, u, v]) => format!("select({x} == {y}, {u}, {v})"),
        _ => format!("{chosen}({})", values.join(", ")),
    }
}
