use super::reduce::sum;

/// Multiplies a matrix of f32 by the vectors of several tokens: `out[t, r] = sum_c w[r, c] * x[t, c]`.
///
/// - `w`: `[rows, cols]`; `x`: `[tokens, cols]`; `out`: `[tokens, rows]`, overwritten.
///
/// Product `c` goes into partial sum `c mod 16`, and the fixed tree folds the partials.
///
/// # Panics
/// If a length is wrong.
pub fn matmul(w: &[f32], x: &[f32], [rows, cols, tokens]: [usize; 3], out: &mut [f32]) {
    assert_eq!(w.len(), rows * cols, "length of w");
    assert_eq!(x.len(), tokens * cols, "length of x");
    assert_eq!(out.len(), tokens * rows, "length of out");
    for t in 0..tokens {
        for r in 0..rows {
            let products = w[r * cols..][..cols].iter().zip(&x[t * cols..][..cols]);
            out[t * rows + r] = sum(products.map(|(w, x)| w * x));
        }
    }
}
