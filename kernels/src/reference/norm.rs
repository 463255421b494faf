use super::reduce::sum;

/// Normalises each row to mean 0 and variance 1, then scales and shifts its elements:
/// `out[r, i] = gamma[i] * ((x[r, i] - mean) * inv) + beta[i]`.
///
/// - `x`, `out`: `[rows, width]`; `out` is overwritten.
/// - `gamma`, `beta`: `width` elements.
/// - `eps`: added to the variance.
///
/// `mean = sum(x) / width`, `var = sum((x - mean)^2) / width`, `inv = 1 / sqrt(var + eps)`;
/// sums have 16 partials and the fixed tree, and every operation rounds to f32.
///
/// # Panics
/// If a length is wrong.
pub fn norm(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, out: &mut [f32]) {
    let width = gamma.len();
    assert_eq!(beta.len(), width, "length of beta");
    assert_eq!(out.len(), x.len(), "length of out");
    if width == 0 {
        assert!(x.is_empty(), "length of x");
        return;
    }
    for (x, out) in x.chunks(width).zip(out.chunks_mut(width)) {
        assert_eq!(x.len(), width, "x is a whole number of rows");
        let mean = sum(x.iter().copied()) / width as f32;
        let variance = sum(x.iter().map(|x| (x - mean) * (x - mean))) / width as f32;
        let inverse = 1.0 / libm::sqrtf(variance + eps);
        for i in 0..width {
            out[i] = gamma[i] * ((x[i] - mean) * inverse) + beta[i];
        }
    }
}

/// Divides each row by its root mean square, then scales its elements:
/// `out[r, i] = (x[r, i] * inv) * gamma[i]`.
///
/// - `x`, `out`: `[rows, width]`; `out` is overwritten.
/// - `gamma`: `width` elements; `eps`: added to the mean square.
///
/// `inv = 1 / sqrt(sum(x^2) / width + eps)`; the sum has 16 partials and the fixed tree, and every
/// operation rounds to f32.
///
/// # Panics
/// If a length is wrong.
pub fn rms_norm(x: &[f32], gamma: &[f32], eps: f32, out: &mut [f32]) {
    let width = gamma.len();
    assert_eq!(out.len(), x.len(), "length of out");
    if width == 0 {
        assert!(x.is_empty(), "length of x");
        return;
    }
    for (x, out) in x.chunks(width).zip(out.chunks_mut(width)) {
        assert_eq!(x.len(), width, "x is a whole number of rows");
        let square = sum(x.iter().map(|x| x * x)) / width as f32;
        let inverse = 1.0 / libm::sqrtf(square + eps);
        for i in 0..width {
            out[i] = (x[i] * inverse) * gamma[i];
        }
    }
}
