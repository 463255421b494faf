//! Elementwise ops, and expressions of them.

use super::ball::{self, Ball};
use super::steps::{balls, judge_all};
use super::{Call, floats};
use atome_codegen::expr::{Node, OperandKind};
use atome_spec::Op;
use std::collections::BTreeMap;

macro_rules! elementwise {
    ($($name:ident: $op:ident),+ $(,)?) => {
        $(pub(super) fn $name(call: &Call<'_>) -> Result<(), String> { judge(call, Op::$op) })+
    };
}

elementwise! {
    exp: Exp, tanh: Tanh, softplus: Softplus, silu: Silu, sigmoid: Sigmoid, neg: Neg, abs: Abs,
    sqrt: Sqrt, squared_relu: SquaredRelu, add: Add, sub: Sub, mul: Mul, div: Div, min: Min,
    max: Max, select_lt: SelectLt, select_le: SelectLe, select_eq: SelectEq,
}

fn judge(call: &Call<'_>, op: Op) -> Result<(), String> {
    let inputs = call.case.arguments.iter().filter(|a| a.name != "out");
    let inputs: Vec<Vec<Ball>> = inputs.map(|a| balls(&floats(&a.before))).collect();
    let value = |i: usize| {
        let operands: Vec<Ball> = inputs.iter().map(|x| x[i]).collect();
        exact(op, &operands)
    };
    let values: Vec<Ball> = (0..call.dim("n")).map(value).collect();
    judge_all(call, "out", &values)
}

/// What an elementwise op gives.
fn exact(op: Op, x: &[Ball]) -> Ball {
    match (op, x) {
        (Op::Exp, [x]) => ball::exp(*x),
        (Op::Tanh, [x]) => ball::tanh(*x),
        (Op::Softplus, [x]) => ball::softplus(*x),
        (Op::Silu, [x]) => ball::silu(*x),
        (Op::Sigmoid, [x]) => x.map(|x| 1.0 / (1.0 + (-x).exp()), None),
        (Op::Neg, [x]) => x.neg(),
        (Op::Abs, [x]) => x.map(f64::abs, Some(1.0)),
        (Op::Sqrt, [x]) => x.root(),
        (Op::SquaredRelu, [x]) => {
            let positive = x.less(Ball::exact(0.0)).choose(Ball::exact(0.0), *x);
            positive.mul(positive)
        }
        (Op::Add, [x, y]) => x.add(*y),
        (Op::Sub, [x, y]) => x.add(y.neg()),
        (Op::Mul, [x, y]) => x.mul(*y),
        (Op::Div, [x, y]) => x.div(*y),
        (Op::Min, [x, y]) => x.less(*y).choose(*x, *y),
        (Op::Max, [x, y]) => y.less(*x).choose(*x, *y),
        (Op::SelectLt, [x, y, u, v]) => x.less(*y).choose(*u, *v),
        (Op::SelectLe, [x, y, u, v]) => x.at_most(*y).choose(*u, *v),
        (Op::SelectEq, [x, y, u, v]) => x.equals(*y).choose(*u, *v),
        _ => panic!("no elementwise op: {op}"),
    }
}

/// The statements in f64, for one token and channel after the other.
pub(super) fn map(call: &Call<'_>) -> Result<(), String> {
    let expr = call.case.spec.expr.as_deref().expect("an expression");
    let operands = expr.operands();
    let dim = |name: &str| call.case.dims.iter().find(|(n, _)| *n == name);
    let dim = |name: &str| dim(name).map(|(_, n)| *n as usize);
    let [heads, head_dim] = match dim("channels") {
        Some(channels) => [1, channels],
        None => [call.dim("heads"), call.dim("head_dim")],
    };
    let arguments = call.case.arguments.iter();
    let mut buffers: Vec<Vec<Ball>> = arguments.map(|a| balls(&floats(&a.before))).collect();
    for t in 0..call.dim("tokens") {
        for channel in 0..heads * head_dim {
            let place = |i: usize| {
                let row = match operands[i].kind {
                    OperandKind::Row => t * call.dim(&format!("{}_stride", operands[i].name)),
                    OperandKind::Gain | OperandKind::State => 0,
                };
                match operands[i].per_head {
                    true => row + channel / head_dim,
                    false => row + channel,
                }
            };
            let before = operands.iter().enumerate();
            let before = before.map(|(i, o)| (o.name.as_str(), buffers[i][place(i)]));
            let mut values: BTreeMap<&str, Ball> = before.collect();
            for statement in expr.body().statements() {
                let value = node(&statement.value, &values);
                values.insert(&statement.name, value);
                if let Some(i) = operands.iter().position(|o| o.name == statement.name) {
                    buffers[i][place(i)] = value;
                }
            }
        }
    }
    let named = operands.iter().zip(&buffers);
    named
        .filter(|(operand, _)| expr.body().writes(&operand.name))
        .try_for_each(|(operand, exact)| judge_written(call, &operand.name, exact))
}

/// Elements that the call did not write are as they were.
fn judge_written(call: &Call<'_>, name: &str, exact: &[Ball]) -> Result<(), String> {
    let argument = call.argument(name);
    let pairs = argument.before.iter().zip(&argument.after).zip(exact);
    let exact: Vec<Ball> = pairs
        .map(|((before, after), exact)| match before == after {
            true => Ball::anything(),
            false => *exact,
        })
        .collect();
    judge_all(call, name, &exact)
}

fn node(tree: &Node, values: &BTreeMap<&str, Ball>) -> Ball {
    match tree {
        Node::Number(number) => Ball::exact(number.value()),
        Node::Name(name) => values[name.as_str()],
        Node::Call(op, nodes) => {
            let operands: Vec<Ball> = nodes.iter().map(|tree| node(tree, values)).collect();
            exact(*op, &operands)
        }
    }
}
