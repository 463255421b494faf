//! Numbers as sums of two f32, by additions and products that each round.

use crate::ir::{BinaryOp, Builder, UnaryOp, Value};

/// The upper 12 of an f32's 24 significant bits, with its exponent and sign.
const UPPER_HALF: i32 = !0xfff;

/// At most the greatest finite number; NaN stays.
pub(super) fn limited(b: &mut Builder, x: Value) -> Value {
    let most = b.f32(f32::MAX);
    b.binary(BinaryOp::Min, most, x)
}

/// A pair plus a number, as a pair whose first is at most the greatest finite number.
pub(super) fn plus(b: &mut Builder, (upper, lower): (Value, Value), more: Value) -> (Value, Value) {
    let sum = b.add(upper, more);
    let sum = limited(b, sum);
    // What the sum lost.
    let added = b.sub(sum, upper);
    let kept = b.sub(sum, added);
    let lost = b.sub(upper, kept);
    let more = b.sub(more, added);
    let lost = b.add(lost, more);
    (sum, b.add(lost, lower))
}

/// `x y` as the sum of two, the first of which is the product as it is rounded.
pub(super) fn two_product(b: &mut Builder, x: Value, y: Value) -> (Value, Value) {
    let product = b.mul(x, y);
    let ((xu, xl), (yu, yl)) = (halves(b, x), halves(b, y));
    // Products of halves are exact.
    let upper = b.mul(xu, yu);
    let mut rest = b.sub(upper, product);
    for (x, y) in [(xu, yl), (xl, yu), (xl, yl)] {
        let part = b.mul(x, y);
        rest = b.add(rest, part);
    }
    (product, rest)
}

/// `x` as the sum of two with 12 significant bits each.
fn halves(b: &mut Builder, x: Value) -> (Value, Value) {
    let bits = b.unary(UnaryOp::ToBits, x);
    let mask = b.i32_like(bits, UPPER_HALF);
    let bits = b.and(bits, mask);
    let upper = b.unary(UnaryOp::FromBits, bits);
    (upper, b.sub(x, upper))
}
