//! How far an implementation of an elementwise function is from the correctly
//! rounded result, in units of the last place.
//!
//! An implementation is anything that maps a slice of inputs to a slice of
//! outputs: the scalar reference through [`each`], the interpreter, a compiled
//! kernel.

use std::fmt;

/// The bits every NaN input must give.
pub const CANONICAL_NAN: u32 = 0x7fc0_0000;

/// Inputs evaluated by one call of an implementation.
const BATCH: usize = 4096;

/// An elementwise function with its mathematical definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `e^x`
    Exp,
    /// `tanh(x)`
    Tanh,
    /// `ln(1 + e^x)`
    Softplus,
    /// `x / (1 + e^-x)`, with `silu(-inf) = -0`
    Silu,
    /// `1 / (1 + e^-x)`
    Sigmoid,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 5] = [
        Self::Exp,
        Self::Tanh,
        Self::Softplus,
        Self::Silu,
        Self::Sigmoid,
    ];

    /// The value at `x` to nearly the precision of f64, for every `x` but NaN.
    ///
    /// `as f32` makes it the correctly rounded result, subnormals and overflow
    /// included, unless the exact value is within about 1e-8 ulp of the middle
    /// of two f32 numbers.
    #[must_use]
    pub fn reference(self, x: f64) -> f64 {
        match self {
            Self::Exp => x.exp(),
            Self::Tanh => x.tanh(),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Silu if x == f64::NEG_INFINITY => -0.0,
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }
}

/// The worst results of an implementation over some inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deviation {
    /// Inputs measured.
    pub inputs: u64,
    /// Results equal to the correctly rounded one.
    pub exact: u64,
    /// The largest [`distance`] from the correctly rounded result.
    pub distance: u32,
    /// An input with that distance.
    pub distance_at: f32,
    /// The largest difference from the exact value, in units of the last place
    /// of the correctly rounded result; results that should be infinite or NaN
    /// do not count.
    pub error: f64,
    /// An input with that error.
    pub error_at: f32,
}

impl Deviation {
    /// Takes the result for one input into account.
    pub fn record(&mut self, function: Function, input: f32, result: f32) {
        self.inputs += 1;
        let (distance, error) = if input.is_nan() {
            let canonical = result.to_bits() == CANONICAL_NAN;
            (if canonical { 0 } else { u32::MAX }, 0.0)
        } else {
            let reference = function.reference(f64::from(input));
            let rounded = reference as f32;
            (distance(result, rounded), error(result, reference, rounded))
        };
        self.exact += u64::from(distance == 0);
        if distance > self.distance {
            (self.distance, self.distance_at) = (distance, input);
        }
        if error > self.error {
            (self.error, self.error_at) = (error, input);
        }
    }

    /// The worse of both over the inputs of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut worst, other_distance) = (self, other.distance);
        worst.inputs += other.inputs;
        worst.exact += other.exact;
        if other_distance > worst.distance {
            (worst.distance, worst.distance_at) = (other_distance, other.distance_at);
        }
        if other.error > worst.error {
            (worst.error, worst.error_at) = (other.error, other.error_at);
        }
        worst
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "distance {} at {:e} (0x{:08x}), error {:.4} ulp at {:e} (0x{:08x}), {:.3} % of {} inputs exact",
            self.distance,
            self.distance_at,
            self.distance_at.to_bits(),
            self.error,
            self.error_at,
            self.error_at.to_bits(),
            100.0 * self.exact as f64 / self.inputs as f64,
            self.inputs,
        )
    }
}

/// Steps from one f32 to the other, the largest finite number being one step
/// from infinity.
///
/// `u32::MAX` where they cannot be compared: either is NaN, or their signs
/// differ, those of zeros included.
#[must_use]
pub fn distance(a: f32, b: f32) -> u32 {
    if a.is_nan() || b.is_nan() || a.is_sign_negative() != b.is_sign_negative() {
        return u32::MAX;
    }
    a.to_bits().abs_diff(b.to_bits())
}

/// `|result - exact|` in units of the last place of `rounded`; zero where a
/// result is not finite.
fn error(result: f32, exact: f64, rounded: f32) -> f64 {
    if !result.is_finite() || !rounded.is_finite() {
        return 0.0;
    }
    let exponent_field = (rounded.to_bits() >> 23) & 0xff;
    // Subnormals share the last place of the smallest normal numbers.
    let last_place = i32::try_from(exponent_field.max(1)).map_or(0, |field| field - 127 - 23);
    (f64::from(result) - exact).abs() * 2f64.powi(-last_place)
}

/// Measures `implementation` of `function` on `inputs`.
///
/// `implementation` reads a batch of inputs and fills as many results.
pub fn measure(
    function: Function,
    inputs: impl IntoIterator<Item = f32>,
    mut implementation: impl FnMut(&[f32], &mut [f32]),
) -> Deviation {
    let mut inputs = inputs.into_iter();
    let mut batch = Vec::with_capacity(BATCH);
    let mut results = vec![0.0; BATCH];
    let mut deviation = Deviation::default();
    loop {
        batch.clear();
        batch.extend(inputs.by_ref().take(BATCH));
        if batch.is_empty() {
            return deviation;
        }
        let results = &mut results[..batch.len()];
        implementation(&batch, results);
        for (&input, &result) in batch.iter().zip(results.iter()) {
            deviation.record(function, input, result);
        }
    }
}

/// A scalar function as an implementation for [`measure`].
pub fn each(f: impl Fn(f32) -> f32) -> impl Fn(&[f32], &mut [f32]) {
    move |inputs, results| {
        for (result, &input) in results.iter_mut().zip(inputs) {
            *result = f(input);
        }
    }
}

/// Every `stride`-th of all 2^32 inputs, NaNs included; all of them for 1.
///
/// # Panics
///
/// If `stride` is zero.
pub fn strided(stride: usize) -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(stride).map(f32::from_bits)
}

/// The inputs where these functions change their behaviour, each with its 64
/// neighbours on either side: zero, the smallest normal numbers, infinity and
/// the NaNs next to it, one, every seam of a reduction by ln 2, and where results
/// overflow, become subnormal, vanish or saturate; both signs of each.
pub fn boundaries() -> impl Iterator<Item = f32> {
    const LIMITS: [f32; 22] = [
        0.0,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        1.0,
        // tanh saturates
        9.010_913,
        9.25,
        18.5,
        // silu and softplus become x
        16.635_532,
        17.328_68,
        32.0,
        // exp: smallest normal result, overflow, last subnormal
        87.336_55,
        88.722_84,
        89.0,
        103.278_93,
        103.972_08,
        104.0,
        // silu: the divisor would overflow, smallest normal result, last subnormal
        88.029_69,
        91.858_26,
        108.663_2,
        109.0,
    ];
    let seams = (1u8..=220).map(|k| (0.5 * f64::from(k) * std::f64::consts::LN_2) as f32);
    LIMITS.into_iter().chain(seams).flat_map(|centre| {
        [centre, -centre].into_iter().flat_map(|signed| {
            let first = signed.to_bits().wrapping_sub(64);
            (0..=128).map(move |step| f32::from_bits(first.wrapping_add(step)))
        })
    })
}
