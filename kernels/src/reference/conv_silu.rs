use super::math;

/// Convolves each channel over time with its own causal filter, adds a bias, and takes silu:
/// `out[t, c] = silu(bias[c] + sum_k w[k, c] * x[t - k, c])`.
///
/// - `w`: `[taps, channels]`; tap 0 weighs the token itself, and there is at least one tap.
/// - `bias`: `channels`.
/// - `x`: rows of `channels`, `x_stride` apart; `out`: `[tokens, channels]`, overwritten.
/// - `history`: `[taps - 1, channels]`, the tokens before the first, the newest in row 0 (zeros at
///   the start of a sequence); afterwards the tokens before the next.
///
/// One f32 accumulator, which starts at the bias and takes the taps in order, each a product and
/// a sum; NaN where that is negative infinity, which silu would make 0. Tokens may come in blocks of any size with the same result.
///
/// # Panics
/// If a length is wrong.
pub fn conv_silu(
    w: &[f32],
    bias: &[f32],
    (x, x_stride): (&[f32], usize),
    history: &mut [f32],
    out: &mut [f32],
) {
    let channels = bias.len();
    if channels == 0 {
        return;
    }
    let taps = w.len() / channels;
    assert!(taps >= 1, "a filter has a tap");
    assert_eq!(w.len(), taps * channels, "length of w");
    assert_eq!(history.len(), (taps - 1) * channels, "length of history");
    for (t, out) in out.chunks_mut(channels).enumerate() {
        let x = &x[t * x_stride..][..channels];
        for (c, out) in out.iter_mut().enumerate() {
            let mut sum = bias[c] + w[c] * x[c];
            for k in 1..taps {
                sum += w[k * channels + c] * history[(k - 1) * channels + c];
            }
            *out = match sum < f32::MIN {
                true => f32::NAN,
                false => math::silu(sum),
            };
        }
        if taps > 1 {
            history.copy_within(..(taps - 2) * channels, channels);
            history[..channels].copy_from_slice(x);
        }
    }
}
