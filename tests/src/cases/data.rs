use atome_codegen::testing::Rng;
use atome_spec::Method;

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

/// Weights and activations of a series of cases.
pub(super) struct Series(Rng);

impl Series {
    /// A series of its own.
    pub(super) fn new(seed: u64) -> Series {
        Series(Rng::new(seed))
    }

    /// The kinds of the next case, drawn so that they do not keep step with any dimension;
    /// mixed weights and plain values most often.
    pub(super) fn kinds(&mut self) -> (Weights, Values) {
        let weights = [
            Weights::Mixed,
            Weights::Mixed,
            Weights::Mixed,
            Weights::Plus,
            Weights::Minus,
            Weights::Zero,
        ];
        let values = [
            Values::Plain,
            Values::Plain,
            Values::Plain,
            Values::Extreme,
            Values::Extreme,
            Values::Zeros,
        ];
        (self.0.pick(&weights), self.0.pick(&values))
    }

    /// `n` trits.
    pub(super) fn trits(&mut self, weights: Weights, n: usize) -> Vec<i8> {
        let mut trit = || match weights {
            Weights::Mixed => self.0.below(3) as i8 - 1,
            Weights::Plus => 1,
            Weights::Minus => -1,
            Weights::Zero => 0,
        };
        (0..n).map(|_| trit()).collect()
    }

    /// `n` numbers.
    pub(super) fn floats(&mut self, values: Values, n: usize) -> Vec<f32> {
        let mut float = || match values {
            Values::Plain => self.0.below(1 << 24) as f32 / (1 << 21) as f32 - 4.0,
            Values::Extreme => self.0.pick(&EXTREMES),
            Values::Zeros => self.0.pick(&[0.0, -0.0]),
        };
        (0..n).map(|_| float()).collect()
    }

    /// `n` int8 activations: any, extremes, or 0.
    pub(super) fn bytes(&mut self, values: Values, n: usize) -> Vec<i8> {
        let mut byte = || match values {
            Values::Plain => self.0.below(256) as i8,
            Values::Extreme => self.0.pick(&[-128, -128, 127, 127, -1, 0]),
            Values::Zeros => 0,
        };
        (0..n).map(|_| byte()).collect()
    }

    /// A method that does not multiply.
    pub(super) fn method(&mut self) -> Method {
        self.0.pick(&[Method::Lut, Method::Select])
    }

    /// A scale, seldom negative or tiny.
    pub(super) fn scale(&mut self) -> f32 {
        self.0
            .pick(&[0.037_109_375, 0.1, 1.0, 0.333, 1e-40, -2.5, 0.0])
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    /// Any 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.0.bits() as u32
    }
}
