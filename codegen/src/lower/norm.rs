//! Layer and root mean square normalisation of each row, with 16 partial sums and the fixed tree.

use super::Lowering;
use crate::ir::{Access, Address, Builder, Elem, Lanes, ReduceOp, Size, UnaryOp, Value};

pub(super) fn lower(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let all = rows.clone() * width.clone();
    let b = &mut l.b;
    let x = b.buffer("x", Access::In, Elem::F32, all.clone());
    let gamma = b.buffer("gamma", Access::In, Elem::F32, width.clone());
    let beta = b.buffer("beta", Access::In, Elem::F32, width.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, all);
    let eps = b.scalar("eps");
    let count = b.size_f32(&width);
    let one = b.f32(1.0);

    b.for_loop(rows, &[], |b, row, _| {
        let load = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            b.load_vector(x, at.clone().step(row, width.clone()), lanes.clone())
        };
        let mean = average(b, &width, count, &mut |b, at, lanes| load(b, at, lanes));
        let mean = b.splat(mean);
        let variance = average(b, &width, count, &mut |b, at, lanes| {
            let value = load(b, at, lanes);
            let centred = b.sub(value, mean);
            let square = b.mul(centred, centred);
            b.keep(square, lanes)
        });
        let shifted = b.add(variance, eps);
        let deviation = b.unary(UnaryOp::Sqrt, shifted);
        let inverse = b.div(one, deviation);
        let inverse = b.splat(inverse);
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let value = load(b, &at, &lanes);
            let gain = b.load_vector(gamma, at.clone(), lanes.clone());
            let bias = b.load_vector(beta, at.clone(), lanes.clone());
            let centred = b.sub(value, mean);
            let normal = b.mul(centred, inverse);
            let scaled = b.mul(gain, normal);
            let y = b.add(scaled, bias);
            b.store(out, at.step(row, width.clone()), y, lanes);
            vec![]
        });
        vec![]
    });
}

pub(super) fn lower_rms(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let all = rows.clone() * width.clone();
    let b = &mut l.b;
    let x = b.buffer("x", Access::In, Elem::F32, all.clone());
    let gamma = b.buffer("gamma", Access::In, Elem::F32, width.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, all);
    let eps = b.scalar("eps");
    let count = b.size_f32(&width);
    let one = b.f32(1.0);

    b.for_loop(rows, &[], |b, row, _| {
        let load = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            b.load_vector(x, at.clone().step(row, width.clone()), lanes.clone())
        };
        let square = average(b, &width, count, &mut |b, at, lanes| {
            let value = load(b, at, lanes);
            b.mul(value, value)
        });
        let shifted = b.add(square, eps);
        let root = b.unary(UnaryOp::Sqrt, shifted);
        let inverse = b.div(one, root);
        let inverse = b.splat(inverse);
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let value = load(b, &at, &lanes);
            let gain = b.load_vector(gamma, at.clone(), lanes.clone());
            let normal = b.mul(value, inverse);
            let y = b.mul(normal, gain);
            b.store(out, at.step(row, width.clone()), y, lanes);
            vec![]
        });
        vec![]
    });
}

/// The sum of `term` over a row of `n` elements, divided by `count`.
fn average(
    b: &mut Builder,
    n: &Size,
    count: Value,
    term: &mut dyn FnMut(&mut Builder, &Address, &Lanes) -> Value,
) -> Value {
    let zero = b.splat_f32(0.0);
    let sums = b.for_each_vector(n, &[zero], |b, at, lanes, sums| {
        let term = term(b, &at, &lanes);
        vec![b.add(sums[0], term)]
    });
    let sum = b.reduce(ReduceOp::Add, sums[0]);
    b.div(sum, count)
}
