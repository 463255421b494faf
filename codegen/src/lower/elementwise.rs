//! Functions of each element of one buffer or several.

use super::{Lowering, math};
use crate::ir::{BinaryOp, Builder, Compare, UnaryOp, Value};
use crate::op::{Callers, Content, Def, Dim, Function, Parts, dim, input, output};

pub(super) const EXP: Def = numeric(|b, v| math::exp(b, v[0]));
pub(super) const TANH: Def = numeric(|b, v| math::tanh(b, v[0]));
pub(super) const SOFTPLUS: Def = numeric(|b, v| math::softplus(b, v[0]));
pub(super) const SILU: Def = numeric(|b, v| math::silu(b, v[0]));
pub(super) const SIGMOID: Def = numeric(|b, v| math::sigmoid(b, v[0]));
pub(super) const NEG: Def = elementwise(1, |b, v| b.unary(UnaryOp::Neg, v[0]));
pub(super) const ABS: Def = elementwise(1, |b, v| b.unary(UnaryOp::Abs, v[0]));
pub(super) const SQRT: Def = elementwise(1, |b, v| b.unary(UnaryOp::Sqrt, v[0]));
pub(super) const SQUARED_RELU: Def = elementwise(1, squared_relu);
pub(super) const ADD: Def = elementwise(2, |b, v| b.add(v[0], v[1]));
pub(super) const SUB: Def = elementwise(2, |b, v| b.sub(v[0], v[1]));
pub(super) const MUL: Def = elementwise(2, |b, v| b.mul(v[0], v[1]));
pub(super) const DIV: Def = elementwise(2, |b, v| b.div(v[0], v[1]));
pub(super) const MIN: Def = elementwise(2, |b, v| b.binary(BinaryOp::Min, v[0], v[1]));
pub(super) const MAX: Def = elementwise(2, |b, v| b.binary(BinaryOp::Max, v[0], v[1]));
pub(super) const SELECT_LT: Def = elementwise(4, |b, v| select(b, Compare::Lt, v));
pub(super) const SELECT_LE: Def = elementwise(4, |b, v| select(b, Compare::Le, v));
pub(super) const SELECT_EQ: Def = elementwise(4, |b, v| select(b, Compare::Eq, v));

const NUMERIC: &str = "One definition, `lower/math.rs`, operation for operation the scalar one of \
    `kernels/src/reference/math.rs`, which states ranges and errors. Any NaN gives 0x7fc00000.";
const ONE_OPERATION: &str = "The instruction of the name; `squared_relu` is `p * p` with `p = max(0, x)`; `select_lt` is \
    `x < y ? u : v`, `select_le` and `select_eq` alike. Any NaN gives 0x7fc00000.";

const DIMS: &[Dim] = &[dim("n").told_by(&["x"])];

const PARTS: &[Parts] = &[Parts::of("n").in_lines()];

/// Names of the buffers that a function reads.
const INPUTS: [&str; 4] = ["x", "y", "u", "v"];

/// A function that says itself what it gives for NaN.
const fn numeric(value: fn(&mut Builder, &[Value]) -> Value) -> Def {
    let function = Function {
        arity: 1,
        value,
        is_canonical: true,
    };
    of(function, NUMERIC)
}

const fn elementwise(arity: usize, value: fn(&mut Builder, &[Value]) -> Value) -> Def {
    let function = Function {
        arity,
        value,
        is_canonical: false,
    };
    of(function, ONE_OPERATION)
}

const fn of(function: Function, numerics: &'static str) -> Def {
    Def {
        numerics,
        dims: DIMS,
        buffers: |d| {
            let n = d.get("n");
            let arity = super::function(d.spec().op).arity;
            let inputs = INPUTS[..arity].iter();
            let inputs = inputs.map(|name| input(*name, Content::F32, &n));
            inputs.chain([output("out", Content::F32, &n)]).collect()
        },
        parts: PARTS,
        callers: Callers::Programs,
        function: Some(function),
        ..Def::of(lower)
    }
}

fn lower(l: &mut Lowering<'_>) {
    let function = super::function(l.spec.op);
    let inputs: Vec<_> = INPUTS[..function.arity]
        .iter()
        .map(|name| l.buffer(name))
        .collect();
    let (n, out) = (l.dim("n"), l.buffer("out"));
    let b = &mut l.b;
    b.for_each_vector(&n, &[], |b, at, lanes, _| {
        let loads = inputs
            .iter()
            .map(|x| b.load_vector(*x, at.clone(), lanes.clone()));
        let values: Vec<Value> = loads.collect();
        let y = (function.value)(b, &values);
        let y = canonical(b, &function, y);
        b.store(out, at, y, lanes);
        vec![]
    });
}

/// What a function gave, with the canonical NaN for any.
pub(super) fn canonical(b: &mut Builder, function: &Function, value: Value) -> Value {
    match function.is_canonical {
        true => value,
        false => math::with_canonical_nan(b, value),
    }
}

/// NaN for NaN, since a maximum is its second operand then.
fn squared_relu(b: &mut Builder, values: &[Value]) -> Value {
    let zero = b.f32_like(values[0], 0.0);
    let positive = b.binary(BinaryOp::Max, zero, values[0]);
    b.mul(positive, positive)
}

fn select(b: &mut Builder, compare: Compare, values: &[Value]) -> Value {
    let mask = b.compare(compare, values[0], values[1]);
    b.select(mask, values[2], values[3])
}
