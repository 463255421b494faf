use super::Ternary;
use super::ternary::select;

/// Convolves each channel over time with its own causal ternary filter:
/// `out[t, c] = scale * sum_k w[c, k] * x[t - k, c]`.
///
/// - `w`: `[channels, taps]`; tap 0 weighs the token itself, and there is at least one tap.
/// - `x`, `out`: `[tokens, channels]`; `out` is overwritten.
/// - `history`: `[taps - 1, channels]`, the tokens before the first, the newest in row 0
///   (zeros at the start of a sequence); afterwards the tokens before the next.
///
/// One f32 accumulator, which starts at +0.0 and takes the taps in order; the scale is applied
/// once, to the finished sum. Tokens may come in blocks of any size with the same result.
///
/// # Panics
/// If a length is wrong or there is no tap.
pub fn conv1d(w: Ternary<'_>, x: &[f32], history: &mut [f32], out: &mut [f32]) {
    let (channels, taps) = (w.rows(), w.cols());
    assert!(taps >= 1, "a filter has a tap");
    assert_eq!(history.len(), (taps - 1) * channels, "length of history");
    assert_eq!(out.len(), x.len(), "length of out");
    if channels == 0 {
        assert!(x.is_empty(), "length of x");
        return;
    }
    for (x, out) in x.chunks(channels).zip(out.chunks_mut(channels)) {
        assert_eq!(x.len(), channels, "x is a whole number of tokens");
        for (c, out) in out.iter_mut().enumerate() {
            let filter = w.row(c);
            let mut sum = 0.0 + select(filter[0], x[c]);
            for k in 1..taps {
                sum += select(filter[k], history[(k - 1) * channels + c]);
            }
            *out = sum * w.scale();
        }
        if taps > 1 {
            history.copy_within(..(taps - 2) * channels, channels);
            history[..channels].copy_from_slice(x);
        }
    }
}
