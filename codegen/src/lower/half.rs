//! f16 in the halves of i32 words, of values of both widths.

use crate::ir::{BinaryOp, Builder, Compare, ShiftOp, UnaryOp, Value};
use atome_spec::numerics::{F16_BIAS, F16_MOST, F16_NORMAL};

/// The f16 from bit 0 or 16 on, as f32: exact, and finite where the f16 is.
pub(super) fn decode(b: &mut Builder, words: Value, bit: u8) -> Value {
    // Sign, exponent and fraction where an f32 has the sign and the last bits of exponent and fraction.
    let high = b.shift(ShiftOp::Left, words, 16 - bit);
    let apart = b.shift(ShiftOp::RightSigned, high, 3);
    let own = b.i32_like(words, 0x8fff_e000_u32.cast_signed());
    let bits = b.and(apart, own);
    let small = b.unary(UnaryOp::FromBits, bits);
    let bias = b.f32_like(small, F16_BIAS);
    b.mul(small, bias)
}

/// A mask of the numbers that round to an f16: neither too great nor NaN.
pub(super) fn fits(b: &mut Builder, x: Value) -> Value {
    let magnitude = b.unary(UnaryOp::Abs, x);
    let most = b.f32_like(x, F16_MOST);
    b.compare(Compare::Le, magnitude, most)
}

/// The words whose halves are the f16 that are nearest to `low` and to `high`, ties to even; 0 where there is none.
pub(super) fn encode(b: &mut Builder, low: Value, high: Value) -> Value {
    let [low, high] = [low, high].map(|x| nearest(b, x));
    let high = b.shift(ShiftOp::Left, high, 16);
    b.binary(BinaryOp::Or, low, high)
}

/// The f16 in the low half of a word.
fn nearest(b: &mut Builder, x: Value) -> Value {
    let constant = |b: &mut Builder, bits: u32| b.i32_like(x, bits.cast_signed());
    let magnitude = b.unary(UnaryOp::Abs, x);
    let bits = b.unary(UnaryOp::ToBits, magnitude);
    // The bits that an f16 has not round up what is left if they are more than half, or half and it is odd.
    let kept = b.shift(ShiftOp::Right, bits, 13);
    let one = constant(b, 1);
    let odd = b.and(kept, one);
    let half = constant(b, 0xfff);
    let up = b.add(bits, half);
    let up = b.add(up, odd);
    let normal = b.shift(ShiftOp::Right, up, 13);
    let bias = constant(b, 112 << 10);
    let normal = b.sub(normal, bias);
    // Below the normal ones all count 2^-24, which is the last place of 0.5.
    let place = b.f32_like(x, 0.5);
    let sum = b.add(magnitude, place);
    let sum = b.unary(UnaryOp::ToBits, sum);
    let place = constant(b, 0.5_f32.to_bits());
    let small = b.sub(sum, place);
    let least = b.f32_like(x, F16_NORMAL);
    let is_small = b.compare(Compare::Lt, magnitude, least);
    let found = b.select(is_small, small, normal);
    let fits = fits(b, x);
    let found = b.and(found, fits);
    let sign = b.unary(UnaryOp::ToBits, x);
    let sign = b.shift(ShiftOp::Right, sign, 16);
    let signs = constant(b, 0x8000);
    let sign = b.and(sign, signs);
    let sign = b.and(sign, fits);
    b.binary(BinaryOp::Or, found, sign)
}
