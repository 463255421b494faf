use super::half::{f16_from_f32, f16_to_f32};
use super::math::exp;
use super::reduce::{Partials, max, sum};
use atome_spec::numerics::{ATTEND_CHUNK, CANONICAL_NAN};
use atome_spec::{CacheType, LANES, Place};

/// Writes one token's key and value into the caches of [`attend`].
///
/// - `k`, `v`: `[kv_heads, head_dim]`; `slot`: the token's place, below `capacity`, a multiple of 64.
/// - `keys`, `values`: `[kv_heads, capacity * head_dim]`, in the order of [`CacheType::F32`].
///
/// # Panics
/// If a length is wrong, `capacity` no multiple of 64 or `slot` not below it.
pub fn attend_append(
    head_dim: usize,
    [k, v]: [&[f32]; 2],
    (capacity, slot): (usize, usize),
    [keys, values]: [&mut [f32]; 2],
) {
    let caches = Caches::new(CacheType::F32, (head_dim, capacity));
    caches.check([k, v], slot, [keys.len(), values.len()]);
    for (at, (k, v)) in k.iter().zip(v).enumerate() {
        let (head, i) = (at / head_dim, at % head_dim);
        keys[caches.key(head, slot, i).word] = *k;
        values[caches.value(head, slot, i).word] = *v;
    }
}

/// Writes one token's key and value into the caches of [`attend_f16`], rounded to nearest, ties to even.
///
/// - `k`, `v`, `slot`, `capacity`: those of [`attend_append`].
/// - `keys`, `values`: `[kv_heads, capacity]` times [`CacheType::key_words`] and [`CacheType::value_words`], in the order
///   of [`CacheType::F16`]. What f16 has no number for is 0 there, and the position has a fault.
///
/// # Panics
/// As [`attend_append`].
pub fn attend_append_f16(
    head_dim: usize,
    [k, v]: [&[f32]; 2],
    (capacity, slot): (usize, usize),
    [keys, values]: [&mut [u32]; 2],
) {
    let caches = Caches::new(CacheType::F16, (head_dim, capacity));
    caches.check([k, v], slot, [keys.len(), values.len()]);
    let of_heads = k.chunks(head_dim.max(1)).zip(v.chunks(head_dim.max(1)));
    for (head, (k, v)) in of_heads.enumerate() {
        let mut fits = true;
        for line in 0..CacheType::F16.key_words(head_dim) {
            keys[caches.key_line(head, slot, line)] = 0;
        }
        for word in 0..CacheType::F16.value_words(head_dim) {
            values[caches.value_word(head, slot, word)] = 0;
        }
        for (i, (k, v)) in k.iter().zip(v).enumerate() {
            fits &= put(keys, caches.key(head, slot, i), *k);
            fits &= put(values, caches.value(head, slot, i), *v);
        }
        if !fits {
            keys[caches.fault(head, slot)] = CANONICAL_NAN;
        }
    }
}

/// Writes an f16 into a half of a word that is 0, if there is such a number.
fn put(words: &mut [u32], at: Place, x: f32) -> bool {
    let half = f16_from_f32(x);
    words[at.word] |= u32::from(half.unwrap_or(0)) << at.bit;
    half.is_some()
}

/// The caches of some heads.
struct Caches {
    held: CacheType,
    head_dim: usize,
    capacity: usize,
}

impl Caches {
    fn new(held: CacheType, (head_dim, capacity): (usize, usize)) -> Caches {
        Caches {
            held,
            head_dim,
            capacity,
        }
    }

    /// Their words, of keys and of values.
    fn words(&self) -> [usize; 2] {
        [
            self.held.key_words(self.head_dim),
            self.held.value_words(self.head_dim),
        ]
        .map(|words| words * self.capacity)
    }

    fn check(&self, [k, v]: [&[f32]; 2], slot: usize, lens: [usize; 2]) {
        let capacity = self.capacity;
        assert!(capacity.is_multiple_of(ATTEND_CHUNK), "capacity {capacity}");
        assert!(slot < capacity, "slot {slot} of {capacity}");
        assert_eq!(v.len(), k.len(), "length of v");
        let heads = k.len().checked_div(self.head_dim).unwrap_or(0);
        assert_eq!(
            lens,
            self.words().map(|words| words * heads),
            "lengths of the caches"
        );
    }

    fn key(&self, head: usize, position: usize, i: usize) -> Place {
        let place = self.held.key(self.head_dim, position, i);
        Place {
            word: head * self.words()[0] + place.word,
            ..place
        }
    }

    fn key_line(&self, head: usize, position: usize, line: usize) -> usize {
        head * self.words()[0] + self.held.key_line(self.head_dim, position, line)
    }

    /// The word of a position's fault.
    fn fault(&self, head: usize, position: usize) -> usize {
        self.key_line(head, position, self.held.key_words(self.head_dim) - 1)
    }

    fn value(&self, head: usize, position: usize, i: usize) -> Place {
        let place = self.held.value(self.head_dim, position, i);
        Place {
            word: head * self.words()[1] + place.word,
            ..place
        }
    }

    fn value_word(&self, head: usize, position: usize, word: usize) -> usize {
        head * self.words()[1] + self.held.value_run(self.head_dim, position, word).word
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
    heads: AttendHeads,
    q: &[f32],
    [keys, values]: [&[f32]; 2],
    len: usize,
    out: &mut [f32],
) {
    let caches = heads.caches(CacheType::F32, keys.len());
    heads.check((q, len), &caches, [keys.len(), values.len()], out);
    let cached = Cached {
        key: |head, j, i| keys[caches.key(head, j, i).word],
        fault: |_, _| 0.0,
        value: |head, j, i| values[caches.value(head, j, i).word],
    };
    cached.attend(heads, q, len, out);
}

/// [`attend`] over caches of f16, whose elements become the same numbers in f32. A position's fault is added to its scores.
///
/// - `q`, `out`, `len`: those of [`attend`].
/// - `keys`, `values`: as [`attend_append_f16`] leaves them.
///
/// # Panics
/// If a length is wrong.
pub fn attend_f16(
    heads: AttendHeads,
    q: &[f32],
    [keys, values]: [&[u32]; 2],
    len: usize,
    out: &mut [f32],
) {
    let caches = heads.caches(CacheType::F16, keys.len());
    heads.check((q, len), &caches, [keys.len(), values.len()], out);
    let number = |words: &[u32], at: Place| f16_to_f32((words[at.word] >> at.bit) as u16);
    let cached = Cached {
        key: |head, j, i| number(keys, caches.key(head, j, i)),
        fault: |head, j| f32::from_bits(keys[caches.fault(head, j)]),
        value: |head, j, i| number(values, caches.value(head, j, i)),
    };
    cached.attend(heads, q, len, out);
}

impl AttendHeads {
    /// Caches of which the keys of all heads take so many words.
    fn caches(self, held: CacheType, words: usize) -> Caches {
        let position = held.key_words(self.head_dim) * self.kv_heads;
        let capacity = words.checked_div(position).unwrap_or(0);
        Caches::new(held, (self.head_dim, capacity))
    }

    fn check(self, (q, len): (&[f32], usize), caches: &Caches, lens: [usize; 2], out: &[f32]) {
        assert_eq!(
            q.len(),
            self.kv_heads * self.head_dim * self.queries,
            "length of q"
        );
        assert_eq!(out.len(), q.len(), "length of out");
        assert_eq!(
            lens,
            caches.words().map(|words| words * self.kv_heads),
            "lengths of the caches"
        );
        assert!(
            self.kv_heads == 0 || len <= caches.capacity,
            "positions of the caches"
        );
    }
}

/// What is cached, by the number of a head, of a position, and of an element.
struct Cached<K, F, V> {
    key: K,
    fault: F,
    value: V,
}

impl<K, F, V> Cached<K, F, V>
where
    K: Fn(usize, usize, usize) -> f32,
    F: Fn(usize, usize) -> f32,
    V: Fn(usize, usize, usize) -> f32,
{
    fn attend(&self, heads: AttendHeads, q: &[f32], len: usize, out: &mut [f32]) {
        let head_dim = heads.head_dim;
        for query in 0..heads.kv_heads * heads.queries {
            let q = &q[query * head_dim..][..head_dim];
            let out = &mut out[query * head_dim..][..head_dim];
            self.query(query / heads.queries, q, len, out);
        }
    }

    fn score(&self, head: usize, q: &[f32], j: usize) -> f32 {
        let products = (0..q.len()).map(|i| q[i] * (self.key)(head, j, i));
        let score = sum(products) / libm::sqrtf(q.len() as f32) + (self.fault)(head, j);
        match score.is_finite() {
            true => score,
            false => f32::INFINITY,
        }
    }

    fn query(&self, head: usize, q: &[f32], len: usize, out: &mut [f32]) {
        out.fill(0.0);
        let (mut greatest, mut sums) = (f32::NEG_INFINITY, [0.0; LANES]);
        for first in (0..len).step_by(ATTEND_CHUNK) {
            let positions = first..len.min(first + ATTEND_CHUNK);
            let mut scores: [f32; ATTEND_CHUNK] = [0.0; ATTEND_CHUNK];
            let scores = &mut scores[..positions.len()];
            for (score, j) in scores.iter_mut().zip(positions) {
                *score = self.score(head, q, j);
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
                    *out += e * (self.value)(head, first + j, i);
                }
            }
        }
        let total = Partials::of(sums).fold(|a, b| a + b);
        out.iter_mut().for_each(|out| *out /= total);
    }
}
