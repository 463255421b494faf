use super::lookup::{f16_at, i8_at};
use super::reduce::sum;

/// Multiplies a matrix of f32 by the vectors of several tokens: `out[t, r] = sum_c w[r, c] * x[t, c]`.
///
/// - `w`: `[rows, cols]`; `x`: `[tokens, cols]`; `out`: `[tokens, rows]`, overwritten.
///
/// Product `c` goes into partial sum `c mod 16`, and the fixed tree folds the partials.
///
/// # Panics
/// If a length is wrong.
pub fn matmul(w: &[f32], x: &[f32], shape: [usize; 3], out: &mut [f32]) {
    let [rows, cols, _] = shape;
    assert_eq!(w.len(), rows * cols, "length of w");
    products(x, shape, out, |r, c| w[r * cols + c]);
}

/// [`matmul`] by the rows of a table of f16, as [`lookup_f16`](super::lookup_f16) reads them.
///
/// # Panics
/// If a length is wrong.
pub fn matmul_f16(w: &[u32], x: &[f32], shape: [usize; 3], out: &mut [f32]) {
    products(x, shape, out, |r, c| f16_at(w, shape[1], r, c));
}

/// [`matmul`] by the rows of a table of int8 with a scale a row, as [`lookup_i8`](super::lookup_i8) reads them: each weight is
/// the int8 times the scale, rounded.
///
/// # Panics
/// If a length is wrong.
pub fn matmul_i8(w: &[u32], scales: &[f32], x: &[f32], shape: [usize; 3], out: &mut [f32]) {
    products(x, shape, out, |r, c| i8_at(w, shape[1], r, c) * scales[r]);
}

fn products(
    x: &[f32],
    [rows, cols, tokens]: [usize; 3],
    out: &mut [f32],
    w: impl Fn(usize, usize) -> f32,
) {
    assert_eq!(x.len(), tokens * cols, "length of x");
    assert_eq!(out.len(), tokens * rows, "length of out");
    for t in 0..tokens {
        for r in 0..rows {
            let x = &x[t * cols..][..cols];
            out[t * rows + r] = sum(x.iter().enumerate().map(|(c, x)| w(r, c) * x));
        }
    }
}
