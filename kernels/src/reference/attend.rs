use super::math::exp;
use super::reduce::{Partials, max, sum};
use atome_spec::LANES;
use atome_spec::layout::{cached_key, cached_value};
use atome_spec::numerics::ATTEND_CHUNK;

/// Writes one token's key and value into the caches of [`attend`].
///
/// - `k`, `v`: `[kv_heads, head_dim]`; `slot`: the token's place, below `capacity`, a multiple of 64.
/// - `keys`, `values`: `[kv_heads, capacity * head_dim]`, in the order of [`cached_key`] and [`cached_value`].
///
/// # Panics
/// If a length is wrong, `capacity` no multiple of 64 or `slot` not below it.
pub fn attend_append(
    head_dim: usize,
    [k, v]: [&[f32]; 2],
    (capacity, slot): (usize, usize),
    [keys, values]: [&mut [f32]; 2],
) {
    assert!(capacity.is_multiple_of(ATTEND_CHUNK), "capacity {capacity}");
    assert!(slot < capacity, "slot {slot} of {capacity}");
    assert_eq!(v.len(), k.len(), "length of v");
    assert_eq!(keys.len(), k.len() * capacity, "length of keys");
    assert_eq!(values.len(), k.len() * capacity, "length of values");
    for (at, (k, v)) in k.iter().zip(v).enumerate() {
        let (head, i) = (at / head_dim, at % head_dim);
        let first = head * head_dim * capacity;
        keys[first + cached_key(head_dim, slot, i)] = *k;
        values[first + cached_value(head_dim, slot, i).0] = *v;
    }
}

/// Dimensions of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttendHeads {
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Query heads that share one of these.
    pub queries: usize,
    /// Elements of a head.
    pub head_dim: usize,
}

/// Softmax attention over the first `len` cached positions: `out = sum_j p[j] * values[j]`, where `p` is the softmax of
/// `score[j] = (q . keys[j]) / sqrt(head_dim)`.
///
/// - `q`, `out`: `[kv_heads, queries, head_dim]`; `out` is overwritten.
/// - `keys`, `values`: `[kv_heads, capacity * head_dim]`, as [`attend_append`] leaves them.
///
/// Positions come in chunks of 64. The sum of exponentials has 16 partials, position j in partial `j mod 16`; what is summed
/// up is scaled by `exp(m - n)` when a chunk's greatest score n is above m. A score that is no finite number is infinite, and the
/// result NaN.
///
/// # Panics
/// If a length is wrong.
pub fn attend(
    AttendHeads {
        kv_heads,
        queries,
        head_dim,
    }: AttendHeads,
    q: &[f32],
    [keys, values]: [&[f32]; 2],
    len: usize,
    out: &mut [f32],
) {
    let row = kv_heads * head_dim;
    assert_eq!(q.len(), row * queries, "length of q");
    assert_eq!(out.len(), q.len(), "length of out");
    assert_eq!(keys.len(), values.len(), "length of values");
    assert!(keys.len() >= len * row, "length of keys");
    let cached = keys.len().checked_div(kv_heads).unwrap_or(0);
    let root = libm::sqrtf(head_dim as f32);
    for head in 0..kv_heads * queries {
        let first_of_head = head / queries * cached;
        let q = &q[head * head_dim..][..head_dim];
        let score = |j: usize| {
            let products =
                (0..head_dim).map(|i| q[i] * keys[first_of_head + cached_key(head_dim, j, i)]);
            let score = sum(products) / root;
            if score.is_finite() {
                score
            } else {
                f32::INFINITY
            }
        };
        let out = &mut out[head * head_dim..][..head_dim];
        out.fill(0.0);
        let (mut greatest, mut sums) = (f32::NEG_INFINITY, [0.0; LANES]);
        for first in (0..len).step_by(ATTEND_CHUNK) {
            let positions = first..len.min(first + ATTEND_CHUNK);
            let mut scores: [f32; ATTEND_CHUNK] = [0.0; ATTEND_CHUNK];
            let scores = &mut scores[..positions.len()];
            for (score_of, j) in scores.iter_mut().zip(positions) {
                *score_of = score(j);
            }
            let next = max(scores);
            let next = if greatest > next { greatest } else { next };
            let factor = exp(greatest - next);
            greatest = next;
            sums.iter_mut().for_each(|sum| *sum *= factor);
            out.iter_mut().for_each(|out| *out *= factor);
            for (j, score) in scores.iter().enumerate() {
                let e = exp(score - greatest);
                sums[j % LANES] += e;
                for (i, out) in out.iter_mut().enumerate() {
                    let place = cached_value(head_dim, first + j, i).0;
                    *out += e * values[first_of_head + place];
                }
            }
        }
        let total = Partials::of(sums).fold(|a, b| a + b);
        out.iter_mut().for_each(|out| *out /= total);
    }
}
