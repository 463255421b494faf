//! Seeded numbers.

use atome_spec::SplitMix64;

/// A sequence that its seed decides.
pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// -1, 0 and +1 alike.
    pub(crate) fn trit(&mut self) -> i8 {
        self.below(3) as i8 - 1
    }

    /// Trits.
    pub(crate) fn trits(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| self.trit()).collect()
    }

    /// Numbers in `[-1, 1)`.
    pub(crate) fn floats(&mut self, n: usize) -> Vec<f32> {
        const STEP: f32 = 1.0 / (1 << 23) as f32;
        (0..n)
            .map(|_| (self.next() >> 40) as f32 * STEP - 1.0)
            .collect()
    }

    /// The numbers below `n`, each once.
    pub(crate) fn permutation(&mut self, n: i32) -> Vec<i32> {
        let mut all: Vec<i32> = (0..n).collect();
        for i in (1..all.len()).rev() {
            all.swap(i, self.below(i + 1));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_once() {
        let mut all = Random::new(1).permutation(1000);
        assert_ne!(all[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        all.sort_unstable();
        assert!(all.iter().enumerate().all(|(i, n)| i as i32 == *n));
    }

    #[test]
    fn numbers_are_in_range() {
        let mut random = Random::new(2);
        assert!(random.floats(1000).iter().all(|x| (-1.0..1.0).contains(x)));
        let trits = random.trits(1000);
        assert!((-1..=1).all(|t| trits.iter().filter(|u| **u == t).count() > 250));
    }
}
