//! Layer and root mean square normalisation of each row, with 16 partial sums and the fixed tree.

use super::Lowering;
use super::root::{MeanSquare, add_squares};
use crate::ir::{Address, Builder, Compare, Lanes, ReduceOp, Value};
use crate::op::{BufferDef, Callers, Content, Def, Dims, Parts, dim, input, output};
use atome_spec::numerics::THIN;

pub(super) const RMS_NORM: Def = Def {
    numerics: "`out = (x * (1 / root)) * gamma`, with the root of `t = x`.",
    dims: &[
        dim("width").told_by(&["gamma"]),
        dim("rows").told_by(&["x"]),
    ],
    buffers: |d| buffers(d, &["gamma"]),
    scalars: &["eps"],
    parts: &[Parts::of("rows")],
    callers: Callers::Programs,
    ..Def::of(lower_rms)
};

pub(super) const NORM: Def = Def {
    numerics: "`mean = sum(x) / width`; `square` is that of `t = x - mean`. Where `square + eps < (mean \
        * 2^-8 * d)^2`, `rest = sum(t) / width`, else 0; `square` is less by `(rest * d)^2`, at \
        least 0; `out = gamma * (((x - mean) - rest) * (1 / root)) + beta`. `rest` is what \
        rounding took from the mean, which in a row of nearly equal numbers is as much as their \
        deviation.",
    buffers: |d| buffers(d, &["gamma", "beta"]),
    lower,
    ..RMS_NORM
};

/// Rows in and out, and between them what has a number for each column.
fn buffers(d: &Dims<'_>, of_columns: &[&'static str]) -> Vec<BufferDef> {
    let (width, all) = (d.get("width"), d.get("rows") * d.get("width"));
    let mut buffers = vec![input("x", Content::F32, &all)];
    let of_columns = of_columns.iter();
    buffers.extend(of_columns.map(|name| input(*name, Content::F32, &width)));
    buffers.push(output("out", Content::F32, &all));
    buffers
}

fn lower(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let [x, gamma, beta, out] = ["x", "gamma", "beta", "out"].map(|name| l.buffer(name));
    let eps = l.scalar("eps");
    let b = &mut l.b;
    let count = b.size_f32(&width);
    let one = b.f32(1.0);

    b.for_loop(rows, &[], |b, row, _| {
        let load = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            b.load_vector(x, at.clone().step(row, width.clone()), lanes.clone())
        };
        let zero = b.splat_f32(0.0);
        let sums = b.for_each_vector(&width, &[zero], |b, at, lanes, sums| {
            let value = load(b, &at, &lanes);
            vec![b.add(sums[0], value)]
        });
        let sum = b.reduce(ReduceOp::Add, sums[0]);
        let mean = b.div(sum, count);
        let centre = b.splat(mean);
        let centred = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            let value = load(b, at, lanes);
            let centred = b.sub(value, centre);
            b.keep(centred, lanes)
        };
        let sums = b.for_each_vector(&width, &[zero; 2], |b, at, lanes, sums| {
            let centred = centred(b, &at, &lanes);
            vec![add_squares(b, sums[0], centred), b.add(sums[1], centred)]
        });
        let square = MeanSquare::of_sums(b, sums[0], (&width, count), &centred);
        let rest = b.reduce(ReduceOp::Add, sums[1]);
        let rest = b.div(rest, count);
        let (variance, rest) = correct(b, square, mean, rest, eps);
        let deviation = variance.root(b, eps);
        let inverse = b.div(one, deviation);
        let (inverse, rest) = (b.splat(inverse), b.splat(rest));
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let value = load(b, &at, &lanes);
            let gain = b.load_vector(gamma, at.clone(), lanes.clone());
            let bias = b.load_vector(beta, at.clone(), lanes.clone());
            let centred = b.sub(value, centre);
            let centred = b.sub(centred, rest);
            let normal = b.mul(centred, inverse);
            let scaled = b.mul(gain, normal);
            let y = b.add(scaled, bias);
            b.store(out, at.step(row, width.clone()), y, lanes);
            vec![]
        });
        vec![]
    });
}

/// The variance and what the mean lacks: in a row that deviates from its mean by little, what the
/// mean was rounded by is no small part of the deviation.
fn correct(
    b: &mut Builder,
    square: MeanSquare,
    mean: Value,
    rest: Value,
    eps: Value,
) -> (MeanSquare, Value) {
    let thin = b.f32(THIN);
    let bound = b.mul(mean, thin);
    let bound = square.down(b, bound);
    let bound = b.mul(bound, bound);
    let eps = square.eps(b, eps);
    let shifted = b.add(square.value, eps);
    let is_thin = b.compare(Compare::Lt, shifted, bound);
    let zero = b.f32(0.0);
    let rest = b.select(is_thin, rest, zero);
    (square.without(b, rest), rest)
}

fn lower_rms(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let [x, gamma, out] = ["x", "gamma", "out"].map(|name| l.buffer(name));
    let eps = l.scalar("eps");
    let b = &mut l.b;
    let count = b.size_f32(&width);
    let one = b.f32(1.0);

    b.for_loop(rows, &[], |b, row, _| {
        let load = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            b.load_vector(x, at.clone().step(row, width.clone()), lanes.clone())
        };
        let root = MeanSquare::of_row(b, (&width, count), &load).root(b, eps);
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
