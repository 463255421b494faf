//! Ternary matrix by one vector of int8 activations, and by several.

use crate::answer::same;
use crate::error::BenchError;
use crate::kernels::{Product, Shape};
use crate::limit::Use;
use crate::pages::{Buffer, Pages};
use crate::product::record;
use crate::random::Random;
use crate::record::Record;
use atome_kernels::{packing, reference};
use std::hint::black_box;

/// Columns of a product that are checked against the reference, which is slow.
const CHECKED: usize = 8;
const SCALE: f32 = 0.0375;
const SEED: u64 = 0x1e8;

/// The benchmark called `name` of a product by `tokens` vectors.
pub(crate) fn run(name: &str, shape: Shape, tokens: usize) -> Result<Record, BenchError> {
    let Shape {
        packing,
        rows,
        cols,
        ..
    } = shape;
    let product = Product::new(shape)?;
    let mut random = Random::new(SEED);
    let trits = random.trits(rows * cols);
    let bytes = 4 * packing::matrix::words(packing, rows, cols);
    let mut w = Buffer::new(bytes, Pages::Small);
    packing::matrix::pack_into(packing, &trits, rows, cols, w.words_mut())?;
    let floats = random.floats(tokens * cols);
    let (mut q, mut x_scale, mut x_sum) =
        (vec![0; floats.len()], vec![0.0; tokens], vec![0; tokens]);
    reference::quantize(&floats, cols, &mut q, &mut x_scale, &mut x_sum);
    let mut x = vec![0; tokens * cols.div_ceil(16) * 4];
    packing::int8::pack_into(&q, cols, &mut x);

    let mut out = vec![f32::NAN; tokens * rows];
    product.call_i8(w.words(), (&x, &x_scale, &x_sum), SCALE, &mut out);
    let checked = tokens.min(CHECKED);
    let mut expected = vec![0.0; checked * rows];
    let weights = reference::Ternary::new(&trits, rows, cols, SCALE);
    reference::gemm_i8(
        weights,
        &q[..checked * cols],
        &x_scale[..checked],
        rows,
        &mut expected,
    );
    same(name, &expected, &out[..checked * rows])?;

    let of = Use::new(shape.op, shape.choice.method());
    let work = || {
        let x = (&**black_box(&x), &x_scale[..], &x_sum[..]);
        product.call_i8(black_box(w.words()), x, SCALE, black_box(&mut out));
    };
    let weights = (bytes, w.pages());
    Ok(record(name, shape, weights, (of, tokens), work))
}
