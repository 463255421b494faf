use super::Strided;
use atome_spec::LANES;

/// Dimensions of the gated delta rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaHeads {
    /// Value heads of a key head: value head `r * key_heads + h` reads key head h.
    pub repeats: usize,
    /// Heads of keys and queries.
    pub key_heads: usize,
    /// Elements of a key, a query and a value: a multiple of 16.
    pub head_dim: usize,
}

/// What the rule reads.
#[derive(Clone, Copy, Debug)]
pub struct DeltaInputs<'a> {
    /// Rows of `key_heads * head_dim`.
    pub q: Strided<'a>,
    /// Rows of `key_heads * head_dim`.
    pub k: Strided<'a>,
    /// Rows of `repeats * key_heads * head_dim`.
    pub v: Strided<'a>,
    /// `[tokens, repeats * key_heads]`: what is kept of the state.
    pub decay: &'a [f32],
    /// `[tokens, repeats * key_heads]`: how much of what it lacks is added.
    pub beta: &'a [f32],
}

/// Runs the gated delta rule over tokens. For each value head, with its state `S[i, j]` of key element i and value element
/// j: `d[j] = beta * (v[j] - decay * sum_i S[i, j] * k[i])`; `S[i, j] = S[i, j] * decay + k[i] * d[j]`; `out[j] = (sum_i S[i, j] * q[i]) /
/// sqrt(head_dim)`.
///
/// - `state`: `[heads, head_dim / 16, head_dim, 16]`, element j of a value at `[j / 16, i, j % 16]`; before the first token,
///   afterwards after the last.
/// - `out`: `[tokens, heads * head_dim]`, overwritten.
///
/// Sums add the keys in order; every operation rounds to f32. Tokens may come in blocks of any size with the same result.
///
/// # Panics
/// If a length is wrong.
pub fn gated_delta(
    DeltaHeads {
        repeats,
        key_heads,
        head_dim,
    }: DeltaHeads,
    inputs: DeltaInputs<'_>,
    state: &mut [f32],
    out: &mut [f32],
) {
    let heads = repeats * key_heads;
    let (keys, values) = (key_heads * head_dim, heads * head_dim);
    assert!(head_dim.is_multiple_of(LANES), "head_dim {head_dim}");
    assert_eq!(state.len(), values * head_dim, "length of state");
    assert_eq!(inputs.decay.len(), inputs.beta.len(), "length of beta");
    let root = libm::sqrtf(head_dim as f32);
    for (t, out) in out.chunks_mut(values.max(1)).enumerate() {
        let [q, k] = [inputs.q, inputs.k].map(|rows| rows.row(t, keys));
        let v = inputs.v.row(t, values);
        for head in 0..heads {
            let own = head % key_heads * head_dim;
            let [q, k] = [q, k].map(|row| &row[own..][..head_dim]);
            let (decay, beta) = (
                inputs.decay[t * heads + head],
                inputs.beta[t * heads + head],
            );
            let state = &mut state[head * head_dim * head_dim..][..head_dim * head_dim];
            for j in 0..head_dim {
                let place = |i: usize| (j / LANES * head_dim + i) * LANES + j % LANES;
                let found = (0..head_dim).fold(0.0, |sum, i| sum + state[place(i)] * k[i]);
                let change = beta * (v[head * head_dim + j] - decay * found);
                let mut sum = 0.0;
                for i in 0..head_dim {
                    let s = &mut state[place(i)];
                    *s = *s * decay + k[i] * change;
                    sum += *s * q[i];
                }
                out[head * head_dim + j] = sum / root;
            }
        }
    }
}
