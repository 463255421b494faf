use super::reduce::sum;
use super::root::MeanSquare;
use atome_spec::numerics::THIN;

/// Normalises each row to mean 0 and variance 1, then scales and shifts its elements:
/// `out[r, i] = gamma[i] * (((x[r, i] - mean) - rest) * inv) + beta[i]`.
///
/// - `x`, `out`: `[rows, width]`; `out` is overwritten.
/// - `gamma`, `beta`: `width` elements.
/// - `eps`: added to the variance.
///
/// `mean = sum(x) / width`, `var = sum((x - mean)^2) / width`, `inv = 1 / sqrt(var + eps)`;
/// sums have 16 partials and the fixed tree, and every operation rounds to f32. `rest` is 0, but where
/// the deviation is below 2^-8 of the mean it is `sum(x - mean) / width`, and the variance is less by its square.
/// Squares do not overflow: where the sum is above 2^120 it is that of `2^-80 (x - mean)`.
///
/// A row that is not finite, or whose sum is not, gives NaN or infinities.
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
        let centred = || x.iter().map(|x| x - mean);
        let variance = MeanSquare::of(centred(), width);
        let bound = variance.down(mean * THIN);
        let is_thin = variance.value + variance.eps(eps) < bound * bound;
        let rest = match is_thin {
            true => sum(centred()) / width as f32,
            false => 0.0,
        };
        let inverse = 1.0 / variance.without(rest).root(eps);
        for i in 0..width {
            out[i] = gamma[i] * (((x[i] - mean) - rest) * inverse) + beta[i];
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
/// operation rounds to f32. Squares do not overflow: where the sum is above 2^120 it is that of `2^-80 x`.
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
        let inverse = 1.0 / MeanSquare::of(x.iter().copied(), width).root(eps);
        for i in 0..width {
            out[i] = (x[i] * inverse) * gamma[i];
        }
    }
}
