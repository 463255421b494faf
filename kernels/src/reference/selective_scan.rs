use super::math;
use atome_spec::numerics::SOFTPLUS_IS_EXP;

/// Rows of a wider matrix: row `t` starts at `t * stride`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// From the first row on.
    pub values: &'a [f32],
    /// Elements between rows.
    pub stride: usize,
}

impl<'a> Strided<'a> {
    pub(super) fn row(self, t: usize, width: usize) -> &'a [f32] {
        &self.values[t * self.stride..][..width]
    }
}

/// Step sizes and decays of each head for each token: `step = softplus(dt + bias)`,
/// `decay = e^-(e^a_log * step)`.
///
/// - `dt`: rows of `heads`; `bias`, `a_log`: `heads`.
/// - `step`, `decay`: `[tokens, heads]`, overwritten.
///
/// Where `dt + bias` is below -80 the step is `e^(dt + bias)`, and the product in the exponent is
/// computed as `e^(a_log + (dt + bias))`: the step alone may be 0 and `e^a_log` infinite.
///
/// # Panics
/// If a length is wrong.
pub fn discretize(
    dt: Strided<'_>,
    bias: &[f32],
    a_log: &[f32],
    step: &mut [f32],
    decay: &mut [f32],
) {
    let heads = bias.len();
    assert_eq!(a_log.len(), heads, "length of a_log");
    assert_eq!(step.len(), decay.len(), "length of decay");
    if heads == 0 {
        return;
    }
    let rows = step.chunks_mut(heads).zip(decay.chunks_mut(heads));
    for (t, (step, decay)) in rows.enumerate() {
        let dt = dt.row(t, heads);
        for h in 0..heads {
            let shifted = dt[h] + bias[h];
            step[h] = math::softplus(shifted);
            let lost = match shifted < SOFTPLUS_IS_EXP {
                true => math::exp(a_log[h] + shifted),
                false => math::exp(a_log[h]) * step[h],
            };
            decay[h] = math::exp(-lost);
        }
    }
}

/// Dimensions of the Mamba-2 recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Heads.
    pub heads: usize,
    /// Channels of a head.
    pub head_dim: usize,
    /// Elements of B, of C, and of each channel's state.
    pub d_state: usize,
}

/// What the recurrence reads.
#[derive(Clone, Copy, Debug)]
pub struct ScanInputs<'a> {
    /// `[tokens, d_inner]`.
    pub x: &'a [f32],
    /// `[tokens, heads]`.
    pub step: &'a [f32],
    /// `[tokens, heads]`.
    pub decay: &'a [f32],
    /// Rows of `heads * d_state`.
    pub b: Strided<'a>,
    /// Rows of `heads * d_state`.
    pub c: Strided<'a>,
    /// The gate: rows of `d_inner`.
    pub z: Strided<'a>,
    /// `d_inner`: what of the input goes past the state.
    pub d: &'a [f32],
}

/// Runs the Mamba-2 recurrence over tokens and gates what comes out. For each head, channel and
/// state element `n`: `h[n] = h[n] * decay + x * (b[n] * step)`; then
/// `out = (d * x + sum_n h[n] * c[n]) * silu(z)`, the sum from `d * x` on in the order of `n`.
///
/// - `state`: `[heads, d_state, head_dim]` before the first token, afterwards after the last.
/// - `out`: `[tokens, d_inner]`, overwritten.
///
/// Every operation rounds to f32. Tokens may come in blocks of any size with the same result.
///
/// # Panics
/// If a length is wrong.
pub fn selective_scan(
    Heads {
        heads,
        head_dim,
        d_state,
    }: Heads,
    inputs: ScanInputs<'_>,
    state: &mut [f32],
    out: &mut [f32],
) {
    let d_inner = heads * head_dim;
    assert_eq!(inputs.d.len(), d_inner, "length of d");
    assert_eq!(state.len(), d_inner * d_state, "length of state");
    assert_eq!(inputs.x.len(), out.len(), "length of out");
    if d_inner == 0 {
        return;
    }
    for (t, out) in out.chunks_mut(d_inner).enumerate() {
        let [b, c] = [inputs.b, inputs.c].map(|rows| rows.row(t, heads * d_state));
        let z = inputs.z.row(t, d_inner);
        for (i, out) in out.iter_mut().enumerate() {
            let (head, channel) = (i / head_dim, i % head_dim);
            let x = inputs.x[t * d_inner + i];
            let step = inputs.step[t * heads + head];
            let decay = inputs.decay[t * heads + head];
            let mut sum = inputs.d[i] * x;
            for n in head * d_state..(head + 1) * d_state {
                let h = &mut state[n * head_dim + channel];
                *h = *h * decay + x * (b[n] * step);
                sum += *h * c[n];
            }
            *out = sum * math::silu(z[i]);
        }
    }
}

/// Adds one vector to another: `x[i] = x[i] + y[i]`.
///
/// # Panics
/// If the lengths differ.
pub fn residual(y: &[f32], x: &mut [f32]) {
    assert_eq!(y.len(), x.len(), "length of y");
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
