//! Constants of the numeric functions, so that the scalar definitions and the compiler
//! cannot drift apart. `atome_kernels::reference::math` says what each is for.

/// 1.5 * 2^23: f32 numbers of this size are consecutive integers, so adding it rounds.
pub const ROUND: f32 = 12_582_912.0;

/// Added to a row's greatest magnitude before int8 activations are scaled by it.
pub const QUANTIZE_EPS: f32 = 1e-5;

/// The leading 15 bits of ln 2.
pub const LN2_HIGH: f32 = 0.693_145_75;

/// ln 2 - [`LN2_HIGH`].
pub const LN2_LOW: f32 = 1.428_606_8e-6;

/// 2^-64.
pub const TWO_POW_MINUS_64: f32 = 5.421_011e-20;

/// The quiet NaN that every numeric function gives for any NaN.
pub const CANONICAL_NAN: u32 = 0x7fc0_0000;

/// `(e^r - 1 - r) / r^2` on `|r| <= ln 2 / 2`, lowest degree first.
pub const EXP_TAIL: [f32; 5] = [
    0.499_999_94,
    0.166_665_21,
    0.041_668_255,
    0.008_368_663,
    0.001_382_146_9,
];

/// `2 (artanh(s) / s - 1) / s^2` in powers of `s^2` on `0 <= s <= 1/3`, lowest degree
/// first.
pub const LOG_TAIL: [f32; 4] = [0.666_664_36, 0.400_204_1, 0.280_181_94, 0.279_405_15];

/// 2^120: a sum of squares above it may lose a term to infinity soon, so the sum of smaller ones is taken.
pub const SQUARES_LIMIT: f32 = power_of_two(120);

/// 2^-80, which makes the square of every f32, and millions of such squares together, a number.
pub const SQUARES_DOWN: f32 = power_of_two(-80);

/// 2^80.
pub const SQUARES_UP: f32 = power_of_two(80);

/// The least number above 0: stands for what is added to a variance where it is counted in 2^-160.
pub const LEAST: f32 = f32::from_bits(1);

/// 2^-8: a row whose deviation is a smaller part of its mean has its mean corrected.
pub const THIN: f32 = power_of_two(-8);

/// Below it, `ln(1 + e^x)` is `e^x` to the last bit, and `ln` of that is `x`.
pub const SOFTPLUS_IS_EXP: f32 = -80.0;

/// Positions that attention takes at once: those that share a greatest score.
pub const ATTEND_CHUNK: usize = 64;

/// The greatest f32 that rounds to an f16, 65,504.
pub const F16_MOST: f32 = f32::from_bits(0x477f_efff);

/// 2^-14, the least normal f16.
pub const F16_NORMAL: f32 = power_of_two(-14);

/// 2^112: an f16's exponent has a bias of 15, an f32's of 127.
pub const F16_BIAS: f32 = power_of_two(112);

const fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) << 23).cast_unsigned())
}
