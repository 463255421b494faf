use super::reduce::fault;
use super::ternary::select;
use super::{GroupScales, Ternary};

/// Multiplies a ternary matrix by a vector: `out[r] = scale * sum_c w[r, c] * x[c]`.
///
/// - `w`: `[rows, cols]`; `x`: `cols` activations; `out`: `rows`, overwritten.
///
/// A row has one f32 accumulator, which starts at +0.0 and takes the columns in order; the
/// scale is applied once, to the finished sum. NaN where that sum is no finite number.
///
/// # Panics
/// If a length is wrong.
pub fn gemv(w: Ternary<'_>, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), w.cols(), "length of x");
    assert_eq!(out.len(), w.rows(), "length of out");
    for (r, out) in out.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (&trit, &x) in w.row(r).iter().zip(x) {
            sum += select(trit, x);
        }
        *out = (sum + fault(sum)) * w.scale();
    }
}

/// Multiplies a ternary matrix by the vectors of several tokens:
/// `out[t * out_stride + r] = scale * sum_c w[r, c] * x[t, c]`, each like [`gemv`].
///
/// - `w`: `[rows, cols]`; `x`: `[tokens, cols]`.
/// - `out`: `(tokens - 1) * out_stride + rows` elements (`rows` without tokens), overwritten
///   but for the elements between a token's last row and the next token's first.
/// - `out_stride`: at least `rows`, unless there is at most one token.
///
/// # Panics
/// If a length is wrong.
pub fn gemm(w: Ternary<'_>, x: &[f32], tokens: usize, out_stride: usize, out: &mut [f32]) {
    let (rows, cols) = (w.rows(), w.cols());
    assert_eq!(x.len(), tokens * cols, "length of x");
    let between = tokens.saturating_sub(1) * out_stride;
    assert_eq!(out.len(), between + rows, "length of out");
    assert!(tokens <= 1 || out_stride >= rows, "tokens overlap in out");
    for t in 0..tokens {
        gemv(
            w,
            &x[t * cols..][..cols],
            &mut out[t * out_stride..][..rows],
        );
    }
}

/// Multiplies a ternary matrix by the int8 vectors of several tokens:
/// `out[t * out_stride + r] = (sum_c w[r, c] * x[t, c]) * (x_scale[t] * scale)`.
///
/// - `w`: `[rows, cols]`; `x`: `[tokens, cols]`; `x_scale`: a number a token.
/// - `out`, `out_stride`: as for [`gemm`].
///
/// The sum is an exact i32, rounded once to f32; the product of the scales rounds once, and so
/// does the last product.
///
/// # Panics
/// If a length is wrong.
pub fn gemm_i8(w: Ternary<'_>, x: &[i8], x_scale: &[f32], out_stride: usize, out: &mut [f32]) {
    let (rows, cols, tokens) = (w.rows(), w.cols(), x_scale.len());
    assert_eq!(x.len(), tokens * cols, "length of x");
    let between = tokens.saturating_sub(1) * out_stride;
    assert_eq!(out.len(), between + rows, "length of out");
    assert!(tokens <= 1 || out_stride >= rows, "tokens overlap in out");
    for (t, x_scale) in x_scale.iter().enumerate() {
        let x = &x[t * cols..][..cols];
        for r in 0..rows {
            let products = w.row(r).iter().zip(x);
            let sum: i32 = products.map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
            out[t * out_stride + r] = sum as f32 * (x_scale * w.scale());
        }
    }
}

/// Multiplies a ternary matrix with a scale for each group of a row's columns by the vectors of several tokens.
///
/// - `w`: `[rows, cols]`, its own scale unused; `x`: `[tokens, cols]`; `out`, `out_stride`: as for [`gemm`].
///
/// A row's result starts at 0 and takes the groups in order: each adds its sum, formed as that of [`gemv`], times its scale.
///
/// # Panics
/// If a length is wrong.
pub fn group_gemm(
    (w, scales): (Ternary<'_>, GroupScales<'_>),
    x: &[f32],
    tokens: usize,
    out_stride: usize,
    out: &mut [f32],
) {
    let (rows, cols) = (w.rows(), w.cols());
    assert_eq!(x.len(), tokens * cols, "length of x");
    for t in 0..tokens {
        for r in 0..rows {
            let mut total = 0.0;
            for first in (0..cols).step_by(scales.group) {
                let columns = first..first + scales.group;
                let sum = columns.fold(0.0, |sum, c| sum + select(w.row(r)[c], x[t * cols + c]));
                total += (sum + fault(sum)) * scales.of(cols, r, first);
            }
            out[t * out_stride + r] = total;
        }
    }
}

/// [`group_gemm`] of int8 vectors, rounded by groups: `x_scale` has a number for each group of a token.
///
/// A group adds its exact sum, rounded to f32, times the product of both scales.
///
/// # Panics
/// If a length is wrong.
pub fn group_gemm_i8(
    (w, scales): (Ternary<'_>, GroupScales<'_>),
    x: &[i8],
    x_scale: &[f32],
    out_stride: usize,
    out: &mut [f32],
) {
    let (rows, cols) = (w.rows(), w.cols());
    let groups = cols / scales.group;
    let tokens = x_scale.len().checked_div(groups).unwrap_or(0);
    assert_eq!(x.len(), tokens * cols, "length of x");
    for t in 0..tokens {
        for r in 0..rows {
            let mut total = 0.0;
            for g in 0..groups {
                let columns = g * scales.group..(g + 1) * scales.group;
                let products = columns.map(|c| i32::from(w.row(r)[c]) * i32::from(x[t * cols + c]));
                let sum: i32 = products.sum();
                let scale = x_scale[t * groups + g] * scales.of(cols, r, g * scales.group);
                total += sum as f32 * scale;
            }
            out[t * out_stride + r] = total;
        }
    }
}
