use super::math;
use super::reduce::{max, sum};

/// Turns each row into shares: `out[r, i] = e_i / (sum(e) + eps)` with
/// `e_i = exp(x[r, i] - max(x[r]))`.
///
/// - `x`, `out`: `[rows, width]`; `out` is overwritten.
/// - `eps`: added to the sum.
///
/// The sum and the maximum have 16 partials and the fixed tree.
///
/// # Panics
/// If a length is wrong.
pub fn softmax(x: &[f32], width: usize, eps: f32, out: &mut [f32]) {
    assert_eq!(out.len(), x.len(), "length of out");
    if width == 0 {
        assert!(x.is_empty(), "length of x");
        return;
    }
    for (x, out) in x.chunks(width).zip(out.chunks_mut(width)) {
        assert_eq!(x.len(), width, "x is a whole number of rows");
        let greatest = max(x);
        for (out, x) in out.iter_mut().zip(x) {
            *out = math::exp(x - greatest);
        }
        let total = sum(out.iter().copied()) + eps;
        for out in out {
            *out /= total;
        }
    }
}

/// The index of the greatest element, the lowest among equals.
///
/// NaN is never the greatest; 0 if there is nothing but NaN, or nothing.
pub fn argmax(x: &[f32]) -> i32 {
    let (mut best, mut at) = (f32::NEG_INFINITY, 0);
    for (i, &x) in x.iter().enumerate() {
        if x > best {
            (best, at) = (x, i);
        }
    }
    at as i32
}
