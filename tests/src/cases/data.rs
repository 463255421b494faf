use atome_codegen::testing::Rng;

/// What kind of activations a case has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Values {
    /// Between -4 and 4.
    Plain,
    /// From 1e-40, which is subnormal, to the greatest finite number, and zeros of both signs.
    Extreme,
    /// Zeros of both signs.
    Zeros,
}

/// What kind of weights a case has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weights {
    /// Any trits.
    Mixed,
    /// All +1.
    Plus,
    /// All -1.
    Minus,
    /// All 0.
    Zero,
}

const EXTREMES: [f32; 14] = [
    1e30,
    -1e30,
    1e-40,
    -1e-40,
    0.0,
    -0.0,
    1.5,
    -2.25,
    f32::MAX,
    -f32::MAX,
    f32::MIN_POSITIVE,
    3e-23,
    16_777_216.0,
    -1.0,
];

/// Weights and activations of a series of cases, so that neighbours differ in kind.
pub(super) struct Series {
    rng: Rng,
    number: usize,
}

impl Series {
    /// A series of its own.
    pub(super) fn new(seed: u64) -> Series {
        Series {
            rng: Rng::new(seed),
            number: 0,
        }
    }

    /// The kinds of the next case: every combination comes up, mixed weights and plain values
    /// most often.
    pub(super) fn next(&mut self) -> (Weights, Values) {
        let weights = [
            Weights::Mixed,
            Weights::Plus,
            Weights::Mixed,
            Weights::Minus,
            Weights::Mixed,
            Weights::Mixed,
            Weights::Zero,
        ];
        let values = [
            Values::Plain,
            Values::Extreme,
            Values::Plain,
            Values::Extreme,
            Values::Zeros,
        ];
        let n = self.number;
        self.number += 1;
        (weights[n % weights.len()], values[n % values.len()])
    }

    /// `n` trits.
    pub(super) fn trits(&mut self, weights: Weights, n: usize) -> Vec<i8> {
        let mut trit = || match weights {
            Weights::Mixed => self.rng.below(3) as i8 - 1,
            Weights::Plus => 1,
            Weights::Minus => -1,
            Weights::Zero => 0,
        };
        (0..n).map(|_| trit()).collect()
    }

    /// `n` numbers.
    pub(super) fn floats(&mut self, values: Values, n: usize) -> Vec<f32> {
        let mut float = || match values {
            Values::Plain => self.rng.below(1 << 24) as f32 / (1 << 21) as f32 - 4.0,
            Values::Extreme => self.rng.pick(&EXTREMES),
            Values::Zeros => self.rng.pick(&[0.0, -0.0]),
        };
        (0..n).map(|_| float()).collect()
    }

    /// A scale, seldom negative or tiny.
    pub(super) fn scale(&mut self) -> f32 {
        self.rng
            .pick(&[0.037_109_375, 0.1, 1.0, 0.333, 1e-40, -2.5, 0.0])
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.rng.below(n as u64) as usize
    }

    /// Any 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.rng.bits() as u32
    }
}
