//! Softmax of each row, and the index of the greatest element.

use super::{Lowering, math};
use crate::ir::{Address, BinaryOp, Builder, Compare, Lanes, ReduceOp, Size, Value};
use crate::op::{Callers, Content, Def, Parts, dim, input, output, read_back};
use atome_spec::LANES;

pub(super) const SOFTMAX: Def = Def {
    numerics: "`m` is the greatest element, by `if best > x { best } else { x }` in sixteen partials \
        from -inf and the same tree; `e = exp(x - m)`; `out = e / (sum(e) + eps)`.",
    dims: &[dim("width"), dim("rows").told_by(&["x"])],
    buffers: |d| {
        let all = d.get("rows") * d.get("width");
        let out = read_back("out", Content::F32, &all);
        vec![input("x", Content::F32, &all), out]
    },
    scalars: &["eps"],
    parts: &[Parts::of("rows")],
    callers: Callers::Programs,
    ..Def::of(lower)
};

pub(super) const ARGMAX: Def = Def {
    numerics: "The greatest by `>`, the lowest index among equals. NaN is never greater; if all are \
        NaN, or none is there, 0.",
    dims: &[dim("n")],
    buffers: |d| {
        vec![
            input("x", Content::F32, &d.get("n")),
            output("out", Content::I32, &Size::ONE),
        ]
    },
    ..Def::of(lower_argmax)
};

fn lower(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let [x, out] = ["x", "out"].map(|name| l.buffer(name));
    let eps = l.scalar("eps");
    let b = &mut l.b;

    b.for_loop(rows, &[], |b, row, _| {
        let at_row = |at: Address| at.step(row, width.clone());
        let lowest = b.splat_f32(f32::NEG_INFINITY);
        let greatest = b.for_each_vector(&width, &[lowest], |b, at, lanes, best| {
            let value = b.load_vector(x, at_row(at), lanes.clone());
            let next = b.binary(BinaryOp::Max, best[0], value);
            vec![keep_old(b, &lanes, next, best[0])]
        });
        let greatest = b.reduce(ReduceOp::Max, greatest[0]);
        let greatest = b.splat(greatest);
        let zero = b.splat_f32(0.0);
        // Whole vectors of exponentials are kept where the result goes. The last ones, which are all of a
        // short row, are carried: what was stored in part cannot be read back at once.
        let carried = b.for_each_vector(&width, &[zero; 2], |b, at, lanes, carried| {
            let value = b.load_vector(x, at_row(at.clone()), lanes.clone());
            let below = b.sub(value, greatest);
            let e = math::exp(b, below);
            if lanes == Lanes::All {
                b.store(out, at_row(at), e, lanes.clone());
            }
            let e = b.keep(e, &lanes);
            vec![b.add(carried[0], e), e]
        });
        let (sums, last) = (carried[0], carried[1]);
        let sum = b.reduce(ReduceOp::Add, sums);
        let sum = b.add(sum, eps);
        let sum = b.splat(sum);
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let e = match lanes {
                Lanes::All => b.load_vector(out, at_row(at.clone()), lanes.clone()),
                _ => last,
            };
            let p = b.div(e, sum);
            b.store(out, at_row(at), p, lanes);
            vec![]
        });
        vec![]
    });
}

/// `new` in the lanes that exist, `old` in the others.
pub(super) fn keep_old(b: &mut Builder, lanes: &Lanes, new: Value, old: Value) -> Value {
    if *lanes == Lanes::All {
        return new;
    }
    let ones = b.i32(-1);
    let ones = b.splat(ones);
    let exists = b.keep(ones, lanes);
    b.select(exists, new, old)
}

fn lower_argmax(l: &mut Lowering<'_>) {
    let n = l.dim("n");
    let [x, out] = ["x", "out"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let lowest = b.splat_f32(f32::NEG_INFINITY);
    let first = b.iota();
    let none = b.i32_like(first, 0);
    let step = b.i32_like(first, LANES as i32);
    // Each lane keeps its greatest element, the index of that, and the index it reads next.
    let found = b.for_each_vector(&n, &[lowest, none, first], |b, at, lanes, carried| {
        let [best, index, here] = [carried[0], carried[1], carried[2]];
        let value = b.load_vector(x, at, lanes.clone());
        let greater = b.compare(Compare::Lt, best, value);
        let greater = b.keep(greater, &lanes);
        // As soon as it can be known: what is next waits for this alone. NaN and equals leave what was.
        let next = b.binary(BinaryOp::Max, value, best);
        let best = keep_old(b, &lanes, next, best);
        let index = b.select(greater, here, index);
        vec![best, index, b.add(here, step)]
    });
    let [mut best, mut index] = [b.extract(found[0], 0), b.extract(found[1], 0)];
    for lane in 1..LANES as u8 {
        let (value, at) = (b.extract(found[0], lane), b.extract(found[1], lane));
        let greater = b.compare(Compare::Lt, best, value);
        let equal = b.compare(Compare::Eq, best, value);
        let earlier = b.compare(Compare::Lt, at, index);
        let tie = b.and(equal, earlier);
        let better = b.binary(BinaryOp::Or, greater, tie);
        best = b.select(better, value, best);
        index = b.select(better, at, index);
    }
    b.store(out, Address::at(0), index, Lanes::All);
}
