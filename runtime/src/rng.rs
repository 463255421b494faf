//! Random numbers that are the same on every machine: integers only, and one exact conversion to a float.

pub(crate) use atome_spec::SplitMix64;

/// `xoshiro256++`: 256 bits of state, seeded with four outputs of [`SplitMix64`].
///
/// # Source
/// Blackman, Vigna, "Scrambled linear pseudorandom number generators", 2021.
#[derive(Debug, Clone)]
pub(crate) struct Xoshiro256PlusPlus(pub(crate) [u64; 4]);

impl Xoshiro256PlusPlus {
    /// Starts the sequence of `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        let mut mix = SplitMix64::new(seed);
        Self([
            mix.next_u64(),
            mix.next_u64(),
            mix.next_u64(),
            mix.next_u64(),
        ])
    }

    /// Returns the next 64 bits.
    pub(crate) const fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Returns a multiple of 2^-53 in `[0, 1)`.
    pub(crate) const fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the published C code for seed 1234567.
    #[test]
    fn splitmix64_is_the_published_sequence() {
        let mut rng = SplitMix64::new(1_234_567);
        let first = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    /// First outputs of the published C code for the state 1, 2, 3, 4.
    #[test]
    fn xoshiro_is_the_published_sequence() {
        let mut rng = Xoshiro256PlusPlus([1, 2, 3, 4]);
        let first = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }

    #[test]
    fn floats_are_in_the_unit_interval() {
        let (mut a, mut b) = (SplitMix64::new(0), Xoshiro256PlusPlus::new(0));
        for _ in 0..1000 {
            assert!((0.0..1.0).contains(&a.next_f32()));
            assert!((0.0..1.0).contains(&b.next_f64()));
        }
    }
}
