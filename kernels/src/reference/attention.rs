use super::reduce::sum;
use atome_spec::LANES;

/// Writes one token's key and value into the attention cache.
///
/// - `k`: `d_head`; `v`: `d_model`; `slot`: the token's place, below `capacity`, a multiple of 16.
/// - `keys`: `[capacity / 16, d_head, 16]`, so that a vector holds one element of 16 keys, and those
///   of 16 keys lie together; `keys[slot / 16, i, slot % 16]` is written.
/// - `values`: `[capacity, d_model]`; row `slot` is written.
///
/// # Panics
/// If a length is wrong, `capacity` no multiple of 16 or `slot` not below it.
pub fn kv_append(
    k: &[f32],
    v: &[f32],
    (capacity, slot): (usize, usize),
    keys: &mut [f32],
    values: &mut [f32],
) {
    assert!(capacity.is_multiple_of(LANES), "capacity {capacity}");
    assert!(slot < capacity, "slot {slot} of {capacity}");
    assert_eq!(keys.len(), k.len() * capacity, "length of keys");
    assert_eq!(values.len(), v.len() * capacity, "length of values");
    let d_head = k.len();
    for (i, k) in k.iter().enumerate() {
        keys[place(d_head, i, slot)] = *k;
    }
    values[slot * v.len()..][..v.len()].copy_from_slice(v);
}

/// Where element `i` of the key in `slot` lies.
pub(super) fn place(d_head: usize, i: usize, slot: usize) -> usize {
    (slot / LANES * d_head + i) * LANES + slot % LANES
}

/// Scores one query against the cached keys:
/// `scores[j] = (sum_i q[i] * keys[j / 16, i, j % 16]) / sqrt(d_head)`.
///
/// - `q`: `d_head`; `keys`: `[capacity / 16, d_head, 16]`; `scores`: the first `len` slots, overwritten.
///
/// Product `i` goes into partial sum `i mod 16`, and the fixed tree folds the partials. A score that is no
/// finite number becomes infinity: so it is chosen, and seen, and not passed over.
///
/// # Panics
/// If a length is wrong, `capacity` no multiple of 16 or `scores` longer.
pub fn attn_scores(q: &[f32], keys: &[f32], capacity: usize, scores: &mut [f32]) {
    assert!(capacity.is_multiple_of(LANES), "capacity {capacity}");
    assert_eq!(keys.len(), q.len() * capacity, "length of keys");
    assert!(scores.len() <= capacity, "length of scores");
    let root = libm::sqrtf(q.len() as f32);
    for (j, score) in scores.iter_mut().enumerate() {
        let products = q
            .iter()
            .enumerate()
            .map(|(i, q_i)| q_i * keys[place(q.len(), i, j)]);
        let found = sum(products) / root;
        *score = if found.is_finite() {
            found
        } else {
            f32::INFINITY
        };
    }
}

/// Mixes the chosen cached values: `out[c] = sum_j p[j] * values[chosen[j], c]`.
///
/// - `chosen`: slots, below `capacity`; `p`: the weight of each.
/// - `values`: `[capacity, d_model]`; `out`: `d_model`, overwritten.
///
/// One f32 accumulator an element, which starts at +0.0 and takes the slots in the order given.
///
/// # Panics
/// If a length is wrong or a slot is not below `capacity`.
pub fn attn_mix(chosen: &[i32], p: &[f32], values: &[f32], out: &mut [f32]) {
    let d_model = out.len();
    assert_eq!(p.len(), chosen.len(), "length of p");
    for (c, out) in out.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (&slot, &p) in chosen.iter().zip(p) {
            let slot = usize::try_from(slot).expect("a slot is not negative");
            sum += p * values[slot * d_model + c];
        }
        *out = sum;
    }
}

/// Adds the three pathways to the residual stream, each weighted by its share:
/// `x[t, i] = ((x[t, i] + r[t, 0] * local[t, i]) + r[t, 1] * state[t, i]) + r[t, 2] * sparse[t, i]`.
///
/// - `router`: `[tokens, 3]`; `paths`: local, state and sparse, each `[tokens, width]` like `x`.
///
/// # Panics
/// If a length is wrong.
pub fn router_mix(router: &[f32], paths: [&[f32]; 3], width: usize, x: &mut [f32]) {
    let tokens = router.len() / 3;
    assert_eq!(router.len(), tokens * 3, "length of router");
    for path in [paths[0], paths[1], paths[2], x] {
        assert_eq!(path.len(), tokens * width, "length of a pathway");
    }
    for t in 0..tokens {
        for i in t * width..(t + 1) * width {
            for (share, path) in router[t * 3..].iter().zip(paths) {
                x[i] += share * path[i];
            }
        }
    }
}
