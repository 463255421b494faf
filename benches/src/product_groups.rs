//! Ternary matrix whose groups of columns have scales by one vector of int8 activations, and by several.

use crate::answer::same;
use crate::error::BenchError;
use crate::kernels::{Product, Shape};
use crate::limit::Use;
use crate::pages::{Buffer, Pages};
use crate::product::record;
use crate::random::Random;
use crate::record::Record;
use atome_kernels::packing;
use atome_kernels::reference::{self, GroupScales, Ternary};
use std::hint::black_box;

/// Columns of a product that are checked against the reference, which is slow.
const CHECKED: usize = 8;
const SEED: u64 = 0x6e0;

/// The benchmark called `name` of a product by `tokens` vectors.
pub(crate) fn run(name: &str, shape: Shape, tokens: usize) -> Result<Record, BenchError> {
    let Shape { rows, cols, .. } = shape;
    let group = shape.group.unwrap_or(cols);
    let groups = cols / group;
    let product = Product::new(shape)?;
    let mut random = Random::new(SEED);
    let trits = random.trits(rows * cols);
    let mut w = Buffer::new(4 * shape.matrix().words(), Pages::Small);
    shape.matrix().pack_into(&trits, w.words_mut())?;
    let of_rows = random.floats(rows * groups);
    let mut scales = vec![0.0; packing::scales::len(rows, groups)];
    packing::scales::pack_into(&of_rows, rows, groups, &mut scales);
    let floats = random.floats(tokens * cols);
    let mut q = vec![0; floats.len()];
    let (mut x_scale, mut x_sum) = (vec![0.0; tokens * groups], vec![0; tokens * groups]);
    reference::quantize(&floats, group, &mut q, &mut x_scale, &mut x_sum);
    let mut x = vec![0; tokens * cols.div_ceil(16) * 4];
    packing::int8::pack_into(&q, cols, &mut x);

    let mut out = vec![f32::NAN; tokens * rows];
    let of = (w.words(), &scales[..]);
    product.call_groups(of, (&x, &x_scale, &x_sum), &mut out);
    let checked = tokens.min(CHECKED);
    let mut expected = vec![0.0; checked * rows];
    let scales_of = GroupScales {
        scales: &of_rows,
        group,
    };
    reference::group_gemm_i8(
        (Ternary::new(&trits, rows, cols, 1.0), scales_of),
        &q[..checked * cols],
        &x_scale[..checked * groups],
        rows,
        &mut expected,
    );
    same(name, &expected, &out[..checked * rows])?;

    let work = || {
        let x = (&**black_box(&x), &x_scale[..], &x_sum[..]);
        product.call_groups(black_box(of), x, black_box(&mut out));
    };
    let uses = Use::new(shape.op, shape.choice.method());
    let bytes = size_of_val(w.words()) + size_of_val(&scales[..]);
    let weights = (bytes, w.pages());
    Ok(record(name, shape, weights, (uses, tokens), work))
}
