//! Ternary matrix by one vector, and by several.

use crate::ceiling;
use crate::error::BenchError;
use crate::kernels::Product;
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time;
use atome_kernels::{packing, reference};
use atome_spec::Method;
use std::hint::black_box;

/// Columns of a product that are checked against the reference, which is slow.
const CHECKED: usize = 8;
const SCALE: f32 = 0.0375;
const SEED: u64 = 0x9e11;

/// `[rows, cols]` of the weights, and how many vectors they are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) tokens: usize,
}

/// The benchmark called `name` of one shape.
pub(crate) fn run(name: &str, kernel: Product, shape: Shape) -> Result<Record, BenchError> {
    let Shape { rows, cols, tokens } = shape;
    let mut random = Random::new(SEED);
    let trits = random.trits(rows * cols);
    let x = random.floats(tokens * cols);
    let mut w = vec![0; packing::gemv::words(rows, cols)];
    packing::gemv::pack_into(&trits, rows, cols, &mut w)?;

    let mut out = vec![f32::NAN; tokens * rows];
    kernel(&w, &x, SCALE, &mut out)?;
    check(
        name,
        reference::Ternary::new(&trits, rows, cols, SCALE),
        &x,
        &out,
    )?;

    let bytes = 4 * w.len();
    let limit = ceiling::read(bytes);
    let ns = time(|| kernel(black_box(&w), black_box(&x), SCALE, black_box(&mut out)))?;
    let measured = Measured {
        ns,
        macs: Some(rows * cols * tokens),
        bytes,
        limit,
    };
    Ok(measured.kernel(
        name,
        Method::Select,
        (8 * bytes) as f64 / (rows * cols) as f64,
    ))
}

/// Holds up to eight columns, the first and the last among them, to the scalar reference.
fn check(name: &str, w: reference::Ternary<'_>, x: &[f32], out: &[f32]) -> Result<(), BenchError> {
    let tokens = out.len() / w.rows();
    let checked = tokens.min(CHECKED);
    let mut expected = vec![0.0; w.rows()];
    for i in 0..checked {
        let t = i * (tokens - 1) / checked.saturating_sub(1).max(1);
        reference::gemv(w, &x[t * w.cols()..][..w.cols()], &mut expected);
        crate::suite::same(name, &expected, &out[t * w.rows()..][..w.rows()])?;
    }
    Ok(())
}
