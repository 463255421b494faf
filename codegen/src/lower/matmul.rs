//! Matrix of numbers by vectors: products that are not ternary. The matrix may be a table whose rows are looked up too.

use super::lookup::{decode, row_elems};
use super::{Lowering, any};
use crate::ir::{Address, Buffer, Builder, Lanes, ReduceOp, Size, Value};
use crate::op::{BufferDef, Content, Def, Dims, Parts, dim, input, output};
use atome_spec::LANES;

/// Rows that are multiplied at once, by one reading of the vector.
const TOGETHER: u64 = 4;

const NUMERICS: &str = "`out[t, r] = sum(w[r, c] * x[t, c])`, in 16 partial sums and the fixed tree. Of a table `w[r, c]` is \
    what looking it up gives.";

pub(super) const MATMUL: Def = Def {
    numerics: NUMERICS,
    dims: &[dim("rows"), dim("cols"), dim("tokens").told_by(&["x"])],
    buffers: |d| buffers(d, Content::F32),
    parts: &[Parts::of("tokens"), Parts::of("rows").alone(&["tokens"])],
    ..Def::of(|l| lower(l, Content::F32))
};

pub(super) const MATMUL_F16: Def = Def {
    buffers: |d| buffers(d, Content::F16),
    lower: |l| lower(l, Content::F16),
    ..MATMUL
};

pub(super) const MATMUL_I8: Def = Def {
    buffers: |d| buffers(d, Content::I8),
    lower: |l| lower(l, Content::I8),
    ..MATMUL
};

fn buffers(d: &Dims<'_>, content: Content) -> Vec<BufferDef> {
    let [rows, cols, tokens] = ["rows", "cols", "tokens"].map(|name| d.get(name));
    let row = row_elems(content.per_elem() as u64, &cols);
    let mut buffers = vec![input("w", content, &(rows.clone() * row))];
    buffers.extend((content == Content::I8).then(|| input("scales", Content::F32, &rows)));
    buffers.extend([
        input("x", Content::F32, &(tokens.clone() * cols)),
        output("out", Content::F32, &(tokens * rows)),
    ]);
    buffers
}

/// Some rows meet all tokens while they are in the cache.
fn lower(l: &mut Lowering<'_>, content: Content) {
    let [rows, cols, tokens] = ["rows", "cols", "tokens"].map(|name| l.dim(name));
    let tile_vectors = content.per_elem() as u64;
    let matrix = Matrix {
        w: l.buffer("w"),
        scales: (content == Content::I8).then(|| l.buffer("scales")),
        x: l.buffer("x"),
        tile_vectors,
        row_elems: row_elems(tile_vectors, &cols),
        cols,
    };
    let out = l.buffer("out");
    let b = &mut l.b;
    let some = |b: &mut Builder, first: &Address, count: u64| {
        b.for_loop(tokens.clone(), &[], |b, t, _| {
            let sums = matrix.sums(b, first, count, t);
            for (n, sum) in (0..).zip(sums) {
                let sum = b.reduce(ReduceOp::Add, sum);
                let to = first.clone().step(t, rows.clone()).offset(n);
                b.store(out, to, sum, Lanes::All);
            }
            vec![]
        });
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
}

/// A matrix of numbers, whose vectors of elements are tiles of so many vectors of numbers.
struct Matrix {
    w: Buffer,
    /// Of rows of int8.
    scales: Option<Buffer>,
    x: Buffer,
    tile_vectors: u64,
    row_elems: Size,
    cols: Size,
}

impl Matrix {
    /// The partial sums of `count` rows from `first` on with token `t`. What pads a row is 0, and so is what pads the vector.
    fn sums(&self, b: &mut Builder, first: &Address, count: u64, t: Value) -> Vec<Value> {
        let lanes = LANES as u64;
        let tile_cols = self.tile_vectors * lanes;
        let row = first.times(&self.row_elems);
        let scales: Vec<Option<Value>> = (0..count)
            .map(|n| {
                let scale = b.load(self.scales?, first.clone().offset(n));
                Some(b.splat(scale))
            })
            .collect();
        let tile = |b: &mut Builder, at: &Address, left: &dyn Fn(u64) -> Lanes, sums: &[Value]| {
            let from = at.times(&tile_cols.into()).step(t, self.cols.clone());
            let values: Vec<Value> = (0..self.tile_vectors)
                .map(|k| b.load_vector(self.x, from.clone().offset(k * lanes), left(k)))
                .collect();
            let add = |((n, sum), scale): ((u64, &Value), &Option<Value>)| {
                let from = row.clone().plus(&at.times(&lanes.into()));
                let from = from.offset(self.row_elems.clone() * n);
                let weights = match self.tile_vectors {
                    1 => vec![b.load_vector(self.w, from, left(0))],
                    _ => decode(b, self.w, from, *scale),
                };
                weights.iter().zip(&values).fold(*sum, |sum, (w, x)| {
                    let term = b.mul(*w, *x);
                    b.add(sum, term)
                })
            };
            (0..)
                .zip(sums)
                .zip(&scales)
                .map(add)
                .collect::<Vec<Value>>()
        };
        let zero = b.splat_f32(0.0);
        let full = self.cols.clone().div(tile_cols);
        let sums = b.for_loop(full.clone(), &vec![zero; count as usize], |b, i, sums| {
            tile(b, &Address::of(&[(i, Size::ONE)]), &|_| Lanes::All, sums)
        });
        let rest = self.cols.clone().rem(tile_cols);
        b.for_loop(any(rest.clone(), tile_cols), &sums, |b, _, sums| {
            let left = |k| Lanes::First(rest.clone().sub(k * lanes));
            tile(b, &Address::at(full), &left, sums)
        })
    }
}
