//! Matrix of f32 by vectors: small products that are not ternary.

use super::Lowering;
use crate::ir::{Address, Builder, Lanes, ReduceOp, Value};
use crate::op::{Content, Def, Parts, dim, input, output};

/// Rows that are multiplied at once, by one reading of the vector.
const TOGETHER: u64 = 4;

pub(super) const MATMUL: Def = Def {
    numerics: "`out[t, r] = sum(w[r, c] * x[t, c])`, in 16 partial sums and the fixed tree.",
    dims: &[dim("rows"), dim("cols"), dim("tokens").told_by(&["x"])],
    buffers: |d| {
        let [rows, cols, tokens] = ["rows", "cols", "tokens"].map(|name| d.get(name));
        vec![
            input("w", Content::F32, &(rows.clone() * cols.clone())),
            input("x", Content::F32, &(tokens.clone() * cols)),
            output("out", Content::F32, &(tokens * rows)),
        ]
    },
    parts: &[Parts::of("tokens"), Parts::of("rows").alone(&["tokens"])],
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let [rows, cols, tokens] = ["rows", "cols", "tokens"].map(|name| l.dim(name));
    let [w, x, out] = ["w", "x", "out"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_loop(tokens, &[], |b, t, _| {
        let some = |b: &mut Builder, first: &Address, count: u64| {
            let zero = b.splat_f32(0.0);
            let zeros = vec![zero; count as usize];
            let row = first.times(&cols);
            let sums = b.for_each_vector(&cols, &zeros, |b, at, lanes, sums| {
                let value = b.load_vector(x, at.clone().step(t, cols.clone()), lanes.clone());
                let add = |(n, sum): (u64, &Value)| {
                    let at = row.clone().plus(&at).offset(cols.clone() * n);
                    let weight = b.load_vector(w, at, lanes.clone());
                    let term = b.mul(weight, value);
                    b.add(*sum, term)
                };
                (0..).zip(sums).map(add).collect()
            });
            for (n, sum) in (0..).zip(sums) {
                let sum = b.reduce(ReduceOp::Add, sum);
                let to = first.clone().step(t, rows.clone()).offset(n);
                b.store(out, to, sum, Lanes::All);
            }
        };
        let full = rows.clone().div(TOGETHER);
        b.for_loop(full.clone(), &[], |b, i, _| {
            some(b, &Address::of(&[(i, TOGETHER.into())]), TOGETHER);
            vec![]
        });
        b.for_loop(rows.clone().rem(TOGETHER), &[], |b, i, _| {
            let first = Address::of(&[(i, 1.into())]).offset(full * TOGETHER);
            some(b, &first, 1);
            vec![]
        });
        vec![]
    });
}
