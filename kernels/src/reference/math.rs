//! The elementwise functions: exp, tanh, softplus, silu and sigmoid in f32.
//!
//! These definitions are what the functions mean everywhere in the project: a
//! vector version performs the same operations on every lane and gives the same
//! bits. So they are branch-free and use only f32 add, subtract, multiply and
//! divide, comparisons, selects, and 32-bit integer adds, bitwise operations
//! and shifts by a constant. There is no fused multiply-add, no f64, no table and
//! no conversion from float to integer.
//!
//! # Shared algorithm
//!
//! Every function is built on `e^y = 2^n (1 + u)` with `n` the integer nearest to
//! `y / ln 2`, `r = y - n ln 2` in `[-0.3466, 0.3466]` and `u = e^r - 1`.
//!
//! * Adding [`ROUND`] (1.5 * 2^23) to a number below 2^22 rounds it to an
//!   integer, half to even, and leaves that integer in the low bits of the sum.
//!   Adding `ROUND + bias` leaves `n + bias`; shifted left by 23, where the
//!   leading bits of the sum fall off, it is an exponent field.
//! * `n * LN2_HIGH` is exact for `|n| < 512`, so `r` loses nothing but the
//!   rounding of its last subtraction.
//! * `u = r + r^2 q(r)` with `q` a minimax polynomial of degree 4; its relative
//!   error in `e^r` is 3.2e-9, a fortieth of an ulp.
//!
//! # Accuracy
//!
//! Measured over all 2^32 inputs. *Distance* counts f32 steps from the correctly
//! rounded result; *error* is the difference from the exact value in units of the
//! last place of the correctly rounded result. *Operations* counts every
//! arithmetic, comparison, select, bitwise and shift operation once, `max` and
//! `min` as one, bitcasts and constants as none.
//!
//! | function | distance | error | operations |
//! |---|---|---|---|
//! | [`exp`] | 1 | 0.989 ulp | 29, no division |
//! | [`tanh`] | 2 | 1.969 ulp | 30, one division |
//! | [`softplus`] | 2 | 2.058 ulp | 41, one division |
//! | [`silu`] | 2 | 2.444 ulp | 29, one division |
//! | [`sigmoid`] | 2 | 2.444 ulp | 28, one division |

use core::f32::consts::{LN_2, LOG2_E};

use atome_spec::numerics::{
    CANONICAL_NAN, EXP_TAIL, LN2_HIGH, LN2_LOW, LOG_TAIL, ROUND, TWO_POW_MINUS_64,
};

/// The sign bit of an f32.
const SIGN: i32 = i32::MIN;

/// e to the power `x`.
///
/// `2^n (1 + u)`, scaled by two powers of two of half the exponent each, so that
/// subnormal results are rounded once and overflow is reached by multiplying.
/// `x` is clamped to `[-104, 89]`: e^-104 rounds to zero and e^89 to infinity.
///
/// Worst error 0.9886 ulp at -5.853371 (0xc0bb4ed1), never more than one step from the
/// correctly rounded result; 99.577 % of all results are that result.
///
/// Special values: `exp(±0) = 1`, `exp(-inf) = +0`, `exp(inf) = inf`; infinite from
/// 88.72284 (0x42b17218) up, `+0` from -103.972084 (0xc2cff1b5) down; any NaN gives
/// 0x7fc00000.
#[must_use]
pub fn exp(x: f32) -> f32 {
    // The bias makes `n + 254` positive, so that halving it rounds down, and
    // each half is an exponent field with its own bias of 127.
    const BIASED_ROUND: f32 = ROUND + 254.0;

    let y = min(max(x, -104.0), 89.0);
    let t = y * LOG2_E + BIASED_ROUND;
    let n = t - BIASED_ROUND;
    let r = (y - n * LN2_HIGH) - n * LN2_LOW;
    let p = expm1_reduced(r) + 1.0;

    let exponent = to_bits(t);
    let half = exponent >> 1;
    let scale_low = from_bits(half << 23);
    let scale_high = from_bits((exponent - half) << 23);
    canonical_nan(x, (p * scale_low) * scale_high)
}

/// The hyperbolic tangent of `x`.
///
/// With `2^n (1 + u) = e^(-2|x|)`, `(1 - e^(-2|x|)) / (1 + e^(-2|x|))`. The numerator is
/// summed as `(1 - 2^n) - 2^n u`, which for `n = 0` is `-u` and so keeps its relative
/// accuracy down to zero. `2|x|` is clamped to 18.5, where the result is 1; `n` stays so
/// small that ln 2 rounded to f32, whose last three bits are zero, serves as it is.
/// The sign of `x` is put on at the end, so the function is exactly odd.
///
/// Worst error 1.9687 ulp at 0.11142837 (0x3de4348f), at most two steps from the correctly
/// rounded result; 96.789 % of all results are that result.
///
/// Special values: `tanh(±0) = ±0`, `tanh(±inf) = ±1`; subnormals are returned as
/// they are; any NaN gives 0x7fc00000.
#[must_use]
pub fn tanh(x: f32) -> f32 {
    const BIASED_ROUND: f32 = ROUND + 127.0;

    let sign = to_bits(x) & SIGN;
    let minus_abs = from_bits(to_bits(x) | SIGN);
    let y = max(minus_abs + minus_abs, -18.5);
    let t = y * LOG2_E + BIASED_ROUND;
    let n = t - BIASED_ROUND;
    let r = y - n * LN_2;

    let scale = from_bits(to_bits(t) << 23);
    let scaled_u = scale * expm1_reduced(r);
    let numerator = (1.0 - scale) - scaled_u;
    let denominator = (1.0 + scale) + scaled_u;
    let magnitude = numerator / denominator;
    canonical_nan(x, from_bits(to_bits(magnitude) ^ sign))
}

/// `ln(1 + e^x)`.
///
/// `max(x, 0) + ln(1 + z)` with `z = e^-|x|`. As `z` is at most 1, one multiplication
/// by 2^-64 after an exact scaling rounds a subnormal `z` once. `-|x|` is clamped to -104,
/// where `z` is zero. With `s = z / (2 + z)` and
/// `R = 2 (artanh(s) / s - 1)`, `ln(1 + z) = z - s (z - R)`: the leading term is exact, and
/// the errors of `s` count for little.
///
/// Worst error 2.0579 ulp at -0.45664844 (0xbee9cdd3), at most two steps from the correctly
/// rounded result; 96.541 % of all results are that result.
///
/// Special values: `softplus(-inf) = +0`, `softplus(inf) = inf`; `+0` from -103.972084
/// (0xc2cff1b5) down; any NaN gives 0x7fc00000.
#[must_use]
pub fn softplus(x: f32) -> f32 {
    const BIASED_ROUND: f32 = ROUND + 64.0;

    let y = max(from_bits(to_bits(x) | SIGN), -104.0);
    let t = y * LOG2_E + BIASED_ROUND;
    let n = t - BIASED_ROUND;
    let r = (y - n * LN2_HIGH) - n * LN2_LOW;
    let p = expm1_reduced(r) + 1.0;
    let z = from_bits(to_bits(p).wrapping_add(to_bits(t) << 23)) * TWO_POW_MINUS_64;

    let s = z / (z + 2.0);
    let w = s * s;
    let [c0, c1, c2, c3] = LOG_TAIL;
    let artanh_tail = w * (c0 + w * (c1 + w * (c2 + w * c3)));
    let log1p = z - s * (z - artanh_tail);
    canonical_nan(x, max(x, 0.0) + log1p)
}

/// `x / (1 + e^-x)`, also known as swish: `x` times its logistic sigmoid.
///
/// With `2^n (1 + u) = e^-x`, the divisor is summed as `(1 + 2^n) + 2^n u`, all of it
/// scaled by 2^-64: for very negative `x` the divisor would overflow although the
/// result is still a normal number. The quotient is scaled back last, which rounds
/// subnormal results once. `x` is clamped from below to -109, where the result is
/// `-0`; from 32 on it is `x` itself.
///
/// Worst error 2.4435 ulp at -16.677828 (0xc1856c31), where `1 + 2^24` loses its last bit, and
/// 1.73 for all `x` outside `[-18.5, -14]`; at most two steps from the correctly rounded
/// result; 96.652 % of all results are that result.
///
/// Special values: `silu(±0) = ±0`, `silu(-inf) = -0`, `silu(inf) = inf`; `-0` from
/// -108.66031 (0xc2d95214) down; any NaN gives 0x7fc00000.
#[must_use]
pub fn silu(x: f32) -> f32 {
    const BIASED_ROUND: f32 = ROUND + (127.0 - 64.0);

    let y = max(x, -109.0);
    // `n` belongs to e^-x, but `r` is kept with its sign reversed: that saves a negation.
    let t = y * -LOG2_E + BIASED_ROUND;
    let n = t - BIASED_ROUND;
    let r = (y + n * LN2_HIGH) + n * LN2_LOW;

    let scale = from_bits(to_bits(t) << 23);
    let divisor = (TWO_POW_MINUS_64 + scale) + scale * expm1_mirrored(r);
    let quotient = (y / divisor) * TWO_POW_MINUS_64;
    canonical_nan(x, select(x < 32.0, quotient, x))
}

/// `1 / (1 + e^-x)`, the logistic sigmoid.
///
/// As [`silu`], with 1 instead of `x` as the numerator. `x` is clamped to `[-104, 32]`, where the result is zero
/// and 1.
///
/// Worst error 2.4436 ulp at -16.642534 (0xc18523e9), where `1 + 2^24` loses its last bit; at most two steps from the
/// correctly rounded result; 95.963 % of all results are that result.
///
/// Special values: `sigmoid(±0) = 0.5`, `sigmoid(-inf) = +0`, `sigmoid(inf) = 1`; any NaN gives 0x7fc00000.
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    const BIASED_ROUND: f32 = ROUND + (127.0 - 64.0);

    let y = min(max(x, -104.0), 32.0);
    let t = y * -LOG2_E + BIASED_ROUND;
    let n = t - BIASED_ROUND;
    let r = (y + n * LN2_HIGH) + n * LN2_LOW;

    let scale = from_bits(to_bits(t) << 23);
    let divisor = (TWO_POW_MINUS_64 + scale) + scale * expm1_mirrored(r);
    let quotient = (1.0 / divisor) * TWO_POW_MINUS_64;
    canonical_nan(x, quotient)
}

/// `e^r - 1` for `|r| <= ln 2 / 2`.
fn expm1_reduced(r: f32) -> f32 {
    let [c0, c1, c2, c3, c4] = EXP_TAIL;
    let tail = c0 + r * (c1 + r * (c2 + r * (c3 + r * c4)));
    r + (r * r) * tail
}

/// `e^-r - 1` for `|r| <= ln 2 / 2`: the bits of `expm1_reduced(-r)`.
fn expm1_mirrored(r: f32) -> f32 {
    let [c0, c1, c2, c3, c4] = EXP_TAIL;
    let tail = c0 - r * (c1 - r * (c2 - r * (c3 - r * c4)));
    (r * r) * tail - r
}

/// `result`, or the canonical quiet NaN 0x7fc00000 where `x` is any NaN.
fn canonical_nan(x: f32, result: f32) -> f32 {
    // As an operation: `x == x`.
    let is_number = !x.is_nan();
    select(is_number, result, f32::from_bits(CANONICAL_NAN))
}

/// The greater of two numbers; `b` where either is NaN.
fn max(a: f32, b: f32) -> f32 {
    select(a > b, a, b)
}

/// The lesser of two numbers; `b` where either is NaN.
fn min(a: f32, b: f32) -> f32 {
    select(a < b, a, b)
}

/// A blend: both values are computed, the mask chooses.
fn select(mask: bool, if_true: f32, if_false: f32) -> f32 {
    if mask { if_true } else { if_false }
}

/// The bits of an f32 as a 32-bit integer lane.
fn to_bits(x: f32) -> i32 {
    x.to_bits().cast_signed()
}

/// The f32 with the given bits.
fn from_bits(bits: i32) -> f32 {
    f32::from_bits(bits.cast_unsigned())
}
