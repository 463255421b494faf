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
    /// Plain ones, and among them any of the numbers at which something overflows, underflows or is none.
    Edges,
    /// f16, what lies half way between two, and what is next to these; seldom beyond them.
    Halves,
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

/// Zero, subnormal, tiny, near the end of exp, large, near the root of the greatest, the greatest, beyond.
const EDGES: [f32; 13] = [
    0.0,
    1e-45,
    1e-40,
    1e-30,
    1.0,
    89.0,
    120.0,
    1e10,
    1e19,
    1e30,
    f32::MAX,
    f32::INFINITY,
    f32::NAN,
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
            Values::Edges,
            Values::Edges,
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
            Values::Edges => match self.0.below(3) {
                0 => self.0.pick(&EDGES) * self.0.pick(&[1.0, -1.0]),
                _ => self.0.below(1 << 24) as f32 / (1 << 21) as f32 - 4.0,
            },
            Values::Halves => {
                let greatest = if self.0.below(256) == 0 {
                    0x7c00
                } else {
                    0x7bff
                };
                let bits = (self.0.below(greatest) as u32) << 13;
                let beside = self.0.pick(&[0, 1, 0x0fff, 0x1000, 0x1001, 0x1fff]);
                let half = f32::from_bits(bits) * atome_spec::numerics::F16_BIAS;
                f32::from_bits(half.to_bits() + beside) * self.0.pick(&[1.0, -1.0])
            }
        };
        (0..n).map(|_| float()).collect()
    }

    /// Rows of `width` numbers, for what sums them: for each edge, all equal to it, it alone among plain ones, it in two
    /// places, it with both signs so that they cancel, and numbers beside it.
    pub(super) fn rows(&mut self, width: usize) -> Vec<f32> {
        let mut rows = Vec::new();
        for edge in EDGES.into_iter().flat_map(|x| [x, -x]) {
            rows.extend(vec![edge; width]);
            let mut among = |places: &[usize]| {
                let mut row = self.floats(Values::Plain, width);
                for place in places {
                    row[place % width] = edge;
                }
                rows.extend(row);
            };
            among(&[3]);
            among(&[5, width - 1]);
            rows.extend((0..width).map(|i| if i % 2 == 0 { edge } else { -edge }));
            let near = |i: usize| match edge == 0.0 || !edge.is_finite() || edge.abs() == f32::MAX {
                true => edge,
                false => f32::from_bits(edge.to_bits() + (i % 3) as u32),
            };
            rows.extend((0..width).map(near));
        }
        rows
    }

    /// How many rows [`Series::rows`] gives.
    pub(super) const ROWS: usize = 2 * EDGES.len() * 5;

    /// `n` int8 activations: any, extremes, or 0.
    pub(super) fn bytes(&mut self, values: Values, n: usize) -> Vec<i8> {
        let mut byte = || match values {
            Values::Plain | Values::Halves => self.0.below(256) as i8,
            Values::Extreme | Values::Edges => self.0.pick(&[-128, -128, 127, 127, -1, 0]),
            Values::Zeros => 0,
        };
        (0..n).map(|_| byte()).collect()
    }

    /// A method that does not multiply.
    pub(super) fn method(&mut self) -> Method {
        self.0.pick(&[Method::Lut, Method::Select])
    }

    /// A scale, seldom negative, tiny or huge.
    pub(super) fn scale(&mut self) -> f32 {
        let usual = [0.037_109_375, 0.1, 1.0, 0.333];
        let seldom = [1e-40, 1e-30, -2.5, 0.0, 1e19, f32::MAX];
        match self.0.below(2) {
            0 => self.0.pick(&seldom),
            _ => self.0.pick(&usual),
        }
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    /// `n` words of any bits.
    pub(super) fn words(&mut self, n: usize) -> Vec<u32> {
        (0..n).map(|_| self.bits()).collect()
    }

    /// Any 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.0.bits() as u32
    }
}
