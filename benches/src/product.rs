//! Ternary matrix by one vector, and by several.

use crate::answer::same;
use crate::error::BenchError;
use crate::kernels::{Product, Shape};
use crate::limit::{self, Reading, Use};
use crate::pages::{Buffer, Pages};
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time_of;
use atome_kernels::{packing, reference};
use std::hint::black_box;

/// Columns of a product that are checked against the reference, which is slow.
const CHECKED: usize = 8;
const SCALE: f32 = 0.0375;
const SEED: u64 = 0x9e11;

/// The benchmark called `name` of a product by `tokens` vectors.
pub(crate) fn run(name: &str, shape: Shape, tokens: usize) -> Result<Record, BenchError> {
    let Shape { rows, cols, .. } = shape;
    let product = Product::new(shape)?;
    let mut random = Random::new(SEED);
    let trits = random.trits(rows * cols);
    let x = random.floats(tokens * cols);
    let bytes = 4 * packing::gemv::words(rows, cols);
    let mut w = Buffer::new(bytes, Pages::Small);
    packing::gemv::pack_into(&trits, rows, cols, w.words_mut())?;

    let mut out = vec![f32::NAN; tokens * rows];
    product.call(w.words(), &x, SCALE, &mut out);
    let weights = reference::Ternary::new(&trits, rows, cols, SCALE);
    check(name, weights, &x, &out)?;

    let work = || {
        product.call(
            black_box(w.words()),
            black_box(&x),
            SCALE,
            black_box(&mut out),
        )
    };
    let weights = (bytes, w.pages());
    Ok(record(name, shape, weights, (Use::Select, tokens), work))
}

/// The record of a product by `tokens` vectors of a matrix of so many bytes, which `work` does.
pub(crate) fn record(
    name: &str,
    shape: Shape,
    (bytes, pages): (usize, Pages),
    (of, tokens): (Use, usize),
    work: impl FnMut(),
) -> Record {
    let Shape { rows, cols, .. } = shape;
    let macs = rows * cols * tokens;
    let reading = Reading {
        isa: shape.choice.isa(),
        bytes,
        pages,
        threads: 1,
    };
    let limit = limit::product(of, macs, reading);
    let measured = Measured {
        ns: time_of(work),
        threads: 1,
        macs: Some(macs),
        bytes,
        limit,
    };
    let bits_per_weight = (8 * bytes) as f64 / (rows * cols) as f64;
    measured.kernel(name, &shape.choice, bits_per_weight)
}

/// Holds up to eight columns, the first and the last among them, to the scalar reference.
fn check(name: &str, w: reference::Ternary<'_>, x: &[f32], out: &[f32]) -> Result<(), BenchError> {
    let tokens = out.len() / w.rows();
    let checked = tokens.min(CHECKED);
    let mut expected = vec![0.0; w.rows()];
    for i in 0..checked {
        let t = i * (tokens - 1) / checked.saturating_sub(1).max(1);
        reference::gemv(w, &x[t * w.cols()..][..w.cols()], &mut expected);
        same(name, &expected, &out[t * w.rows()..][..w.rows()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_is_no_record() {
        let trits = [1, -1, 0, 1];
        let w = reference::Ternary::new(&trits, 2, 2, 1.0);
        let x = [2.0, 3.0, 5.0, 7.0];
        assert!(check("gemm", w, &x, &[-1.0, 3.0, -2.0, 7.0]).is_ok());
        let fault = check("gemm", w, &x, &[-1.0, 3.0, -2.0, 0.5]).unwrap_err();
        assert!(
            matches!(fault, BenchError::WrongAnswer { found: 0.5, .. }),
            "{fault}"
        );
    }
}
