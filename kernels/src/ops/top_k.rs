/// Scores compared with the worst chosen one before any is looked at alone.
const CHUNK: usize = 16;

/// Chooses the slots with the greatest scores, the best first, and gives how many there are:
/// the least of `k`, `scores.len()`, `chosen.len()` and `values.len()`.
///
/// - `scores`: one a slot of a ring buffer, of which the oldest entry is in slot
///   `start` (mod the length) and the others follow, wrapping. Among equal scores the older
///   entry wins.
/// - `chosen`: the slots. `values`: their scores. Elements beyond the number given are left
///   alone.
///
/// NaN ranks below every number, and -0.0 equals +0.0. Once `k` are chosen most scores
/// cost a sixteenth of one comparison of vectors; one that enters costs up to `k` moves.
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
    best.take_all(start, &scores[start..]);
    best.take_all(0, &scores[..start]);
    best.count
}

/// The best so far, in descending order.
struct Best<'a> {
    chosen: &'a mut [i32],
    values: &'a mut [f32],
    count: usize,
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
