/// Scores compared at once before any is looked at alone.
const CHUNK: usize = 16;
/// Scores up to which looking for [`at_least`] takes longer than it saves.
const FEW: usize = 2 * CHUNK;

/// Chooses the slots with the greatest scores, the best first, and gives how many there are:
/// the least of `k`, `scores.len()`, `chosen.len()` and `values.len()`.
///
/// - `scores`: one a slot of a ring buffer, of which the oldest entry is in slot
///   `start` (mod the length) and the others follow, wrapping. Among equal scores the older
///   entry wins.
/// - `chosen`: the slots. `values`: their scores. Elements beyond the number given are left
///   alone.
///
/// NaN ranks below every number, and -0.0 equals +0.0. Most scores cost a sixteenth of a few
/// comparisons of vectors; one that enters costs up to `k` moves.
///
/// ```
/// use atome_kernels::ops::top_k;
///
/// let (mut chosen, mut values) = ([0; 2], [0.0; 2]);
/// assert_eq!(top_k(&[1.0, 3.0, 2.0, 3.0], 2, 2, &mut chosen, &mut values), 2);
/// assert_eq!((chosen, values), ([3, 1], [3.0, 3.0]));
/// ```
pub fn top_k(
    scores: &[f32],
    start: usize,
    k: usize,
    chosen: &mut [i32],
    values: &mut [f32],
) -> usize {
    let k = k.min(scores.len()).min(chosen.len()).min(values.len());
    if k == 0 {
        return 0;
    }
    let start = start % scores.len();
    let mut best = Best {
        chosen: &mut chosen[..k],
        values: &mut values[..k],
        count: 0,
    };
    let least = at_least(scores, k);
    let (before, from) = scores.split_at(start);
    for (first, scores) in [(start, from), (0, before)] {
        match least {
            Some(least) => best.take_from(least, first, scores),
            None => best.take_all(first, scores),
        }
    }
    best.count
}

/// The best so far, in descending order.
struct Best<'a> {
    chosen: &'a mut [i32],
    values: &'a mut [f32],
    count: usize,
}

/// A number that the `k` greatest scores are not below, and few others are: the `k`-th of the greatest in each of sixteen
/// lanes. `None` where there are not so many, or too few scores.
fn at_least(scores: &[f32], k: usize) -> Option<f32> {
    if k > CHUNK || scores.len() <= FEW {
        return None;
    }
    let mut greatest = [f32::NEG_INFINITY; CHUNK];
    // NaN is never greater.
    let greater = |best: f32, score: f32| if score > best { score } else { best };
    let (full, rest) = scores.as_chunks::<CHUNK>();
    for scores in full {
        greatest = core::array::from_fn(|lane| greater(greatest[lane], scores[lane]));
    }
    for (best, score) in greatest.iter_mut().zip(rest) {
        *best = greater(*best, *score);
    }
    // By lane, how many are as great, itself among them.
    let mut ranks = [0; CHUNK];
    for other in greatest {
        for (rank, best) in ranks.iter_mut().zip(greatest) {
            *rank += u32::from(other >= best);
        }
    }
    let enough = ranks.iter().zip(greatest);
    let enough = enough.filter(|(rank, _)| **rank >= k as u32);
    let found = enough.fold(f32::NEG_INFINITY, |found, (_, best)| greater(found, best));
    (found > f32::NEG_INFINITY).then_some(found)
}

impl Best<'_> {
    /// Considers the slots `first`, `first + 1`, ..
    fn take_all(&mut self, first: usize, scores: &[f32]) {
        for (chunk, scores) in scores.chunks(CHUNK).enumerate() {
            if self.rejects(scores) {
                continue;
            }
            let first = first + chunk * CHUNK;
            for (slot, &score) in (first..).zip(scores) {
                self.take(slot, score);
            }
        }
    }

    /// Considers those slots among `first`, `first + 1`, .. whose scores are at least so great.
    fn take_from(&mut self, least: f32, first: usize, scores: &[f32]) {
        for (chunk, scores) in scores.chunks(CHUNK).enumerate() {
            let first = first + chunk * CHUNK;
            let mut entering = which(scores, |score| score >= least);
            while entering != 0 {
                let i = entering.trailing_zeros() as usize;
                entering &= entering - 1;
                self.take(first + i, scores[i]);
            }
        }
    }

    /// Whether none of the scores can enter.
    fn rejects(&self, scores: &[f32]) -> bool {
        let worst = self.values[self.values.len() - 1];
        if self.count < self.values.len() || worst.is_nan() {
            return false;
        }
        // No early exit: sixteen comparisons in one or a few instructions.
        !scores
            .iter()
            .fold(false, |any, &score| any | (score > worst))
    }

    // Out of line it takes a sixth longer.
    #[inline(always)]
    fn take(&mut self, slot: usize, score: f32) {
        let k = self.values.len();
        if self.count == k {
            if !outranks(score, self.values[k - 1]) {
                return;
            }
            self.count -= 1;
        }
        let mut at = self.count;
        while at > 0 && outranks(score, self.values[at - 1]) {
            self.chosen[at] = self.chosen[at - 1];
            self.values[at] = self.values[at - 1];
            at -= 1;
        }
        self.chosen[at] = slot as i32;
        self.values[at] = score;
        self.count += 1;
    }
}

/// A bit for each of at most sixteen scores that is so. Nothing ends it early: sixteen comparisons in a few instructions.
fn which(scores: &[f32], is: impl Fn(f32) -> bool) -> u32 {
    match <&[f32; CHUNK]>::try_from(scores) {
        Ok(scores) => bits(scores, is),
        Err(_) => bits(scores, is),
    }
}

#[inline(always)]
fn bits(scores: &[f32], is: impl Fn(f32) -> bool) -> u32 {
    let bit = |(i, &score): (usize, &f32)| u32::from(is(score)) << i;
    scores
        .iter()
        .enumerate()
        .map(bit)
        .fold(0, |all, bit| all | bit)
}

/// Whether a later score goes before an earlier one.
fn outranks(later: f32, earlier: f32) -> bool {
    later > earlier || (earlier.is_nan() && !later.is_nan())
}

#[cfg(test)]
mod tests {
    use super::top_k;
    use crate::reference;
    use atome_spec::SplitMix64;

    /// Few distinct scores, so that ties are common, and the awkward ones among them.
    fn scores(mix: &mut SplitMix64, n: usize) -> Vec<f32> {
        let awkward = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0];
        let score = |r: u64| match r % 16 {
            i @ 0..5 => awkward[i as usize],
            i => (i as f32 - 10.0) * 0.5,
        };
        (0..n).map(|_| score(mix.next_u64())).collect()
    }

    #[test]
    fn agrees_with_the_reference() {
        let mut mix = SplitMix64::new(1);
        for n in 1..70 {
            let scores = scores(&mut mix, n);
            for k in [1, 2, 4, 15, 16, 17, 80] {
                let start = mix.next_u64() as usize % n;
                let (mut chosen, mut values) = (vec![-1; k], vec![9.0; k]);
                let (mut slots, mut best) = (chosen.clone(), values.clone());
                let found = top_k(&scores, start, k, &mut chosen, &mut values);
                let expected = reference::top_k(&scores, start, &mut slots, &mut best);
                assert_eq!(found, expected);
                assert_eq!(chosen, slots, "{scores:?} from {start}");
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&values), bits(&best));
            }
        }
    }

    #[test]
    fn the_older_of_equals_comes_first() {
        let (mut chosen, mut values) = ([0; 3], [0.0; 3]);
        assert_eq!(top_k(&[1.0; 5], 3, 3, &mut chosen, &mut values), 3);
        assert_eq!(chosen, [3, 4, 0]);
    }

    #[test]
    fn nothing_is_chosen_from_nothing() {
        assert_eq!(top_k(&[], 7, 3, &mut [0; 3], &mut [0.0; 3]), 0);
        assert_eq!(top_k(&[1.0], 0, 0, &mut [0; 3], &mut [0.0; 3]), 0);
    }
}
