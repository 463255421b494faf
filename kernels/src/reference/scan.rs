/// Parameters of the diagonal recurrence, one of each a channel.
#[derive(Clone, Copy, Debug)]
pub struct Diagonal<'a> {
    /// What remains of the state after a token. A model stores `a`; this is `tanh(a)`.
    pub decay: &'a [f32],
    /// Weight of the input.
    pub b: &'a [f32],
    /// Weight of the state in the output.
    pub c: &'a [f32],
}

/// Runs the diagonal recurrence over tokens, each channel for itself:
/// `h = decay * h + b * x[t]`, `out[t] = c * h`.
///
/// - `x`, `out`: `[tokens, channels]`; `out` is overwritten.
/// - `state`: `h` of each channel before the first token, and afterwards after the last.
///
/// Two products and a sum, each rounded. Tokens may come in blocks of any size with the same
/// result.
///
/// # Panics
/// If a length is wrong.
pub fn scan(parameters: Diagonal<'_>, x: &[f32], state: &mut [f32], out: &mut [f32]) {
    let Diagonal { decay, b, c } = parameters;
    let channels = state.len();
    for (name, len) in [("decay", decay.len()), ("b", b.len()), ("c", c.len())] {
        assert_eq!(len, channels, "length of {name}");
    }
    assert_eq!(out.len(), x.len(), "length of out");
    if channels == 0 {
        assert!(x.is_empty(), "length of x");
        return;
    }
    for (x, out) in x.chunks(channels).zip(out.chunks_mut(channels)) {
        assert_eq!(x.len(), channels, "x is a whole number of tokens");
        for i in 0..channels {
            let h = decay[i] * state[i] + b[i] * x[i];
            state[i] = h;
            out[i] = c[i] * h;
        }
    }
}
