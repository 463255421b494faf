//! The numeric functions, operation by operation as `atome_kernels::reference::math` defines
//! them, for scalars and vectors alike.

use crate::ir::{BinaryOp, Builder, Compare, ShiftOp, UnaryOp, Value};
use atome_spec::numerics::{
    CANONICAL_NAN, EXP_TAIL, LN2_HIGH, LN2_LOW, LOG_TAIL, ROUND, TWO_POW_MINUS_64,
};
use std::f32::consts::{LN_2, LOG2_E};

/// e^x.
pub fn exp(b: &mut Builder, x: Value) -> Value {
    let floor = b.f32_like(x, -104.0);
    let ceiling = b.f32_like(x, 89.0);
    let y = b.binary(BinaryOp::Max, x, floor);
    let y = b.binary(BinaryOp::Min, y, ceiling);
    let (t, n) = round(b, y, LOG2_E, ROUND + 254.0);
    let r = reduce(b, y, n);
    let p = expm1_reduced(b, r);
    let one = b.f32_like(x, 1.0);
    let p = b.add(p, one);

    let exponent = b.unary(UnaryOp::ToBits, t);
    let half = b.shift(ShiftOp::Right, exponent, 1);
    let other = b.sub(exponent, half);
    let low = scale_of(b, half);
    let high = scale_of(b, other);
    let scaled = b.mul(p, low);
    let scaled = b.mul(scaled, high);
    canonical_nan(b, x, scaled)
}

/// The hyperbolic tangent.
pub fn tanh(b: &mut Builder, x: Value) -> Value {
    let bits = b.unary(UnaryOp::ToBits, x);
    let sign_bit = b.i32_like(x, i32::MIN);
    let sign = b.and(bits, sign_bit);
    let negative = minus_abs(b, x);
    let floor = b.f32_like(x, -18.5);
    let doubled = b.add(negative, negative);
    let y = b.binary(BinaryOp::Max, doubled, floor);
    let (t, n) = round(b, y, LOG2_E, ROUND + 127.0);
    let ln2 = b.f32_like(x, LN_2);
    let whole = b.mul(n, ln2);
    let r = b.sub(y, whole);

    let t = b.unary(UnaryOp::ToBits, t);
    let scale = scale_of(b, t);
    let u = expm1_reduced(b, r);
    let scaled_u = b.mul(scale, u);
    let one = b.f32_like(x, 1.0);
    let below = b.sub(one, scale);
    let numerator = b.sub(below, scaled_u);
    let above = b.add(one, scale);
    let denominator = b.add(above, scaled_u);
    let magnitude = b.div(numerator, denominator);
    let magnitude = b.unary(UnaryOp::ToBits, magnitude);
    let signed = b.binary(BinaryOp::Xor, magnitude, sign);
    let signed = b.unary(UnaryOp::FromBits, signed);
    canonical_nan(b, x, signed)
}

/// ln(1 + e^x).
pub fn softplus(b: &mut Builder, x: Value) -> Value {
    let negative = minus_abs(b, x);
    let floor = b.f32_like(x, -104.0);
    let y = b.binary(BinaryOp::Max, negative, floor);
    let (t, n) = round(b, y, LOG2_E, ROUND + 64.0);
    let r = reduce(b, y, n);
    let p = expm1_reduced(b, r);
    let one = b.f32_like(x, 1.0);
    let p = b.add(p, one);
    let p = b.unary(UnaryOp::ToBits, p);
    let t = b.unary(UnaryOp::ToBits, t);
    let exponent = b.shift(ShiftOp::Left, t, 23);
    let scaled = b.add(p, exponent);
    let scaled = b.unary(UnaryOp::FromBits, scaled);
    let down = b.f32_like(x, TWO_POW_MINUS_64);
    let z = b.mul(scaled, down);

    let two = b.f32_like(x, 2.0);
    let divisor = b.add(z, two);
    let s = b.div(z, divisor);
    let w = b.mul(s, s);
    let tail = polynomial(b, w, &LOG_TAIL, BinaryOp::Add);
    let artanh_tail = b.mul(w, tail);
    let left = b.sub(z, artanh_tail);
    let correction = b.mul(s, left);
    let log1p = b.sub(z, correction);
    let zero = b.f32_like(x, 0.0);
    let positive = b.binary(BinaryOp::Max, x, zero);
    let sum = b.add(positive, log1p);
    canonical_nan(b, x, sum)
}

/// x / (1 + e^-x).
pub fn silu(b: &mut Builder, x: Value) -> Value {
    let floor = b.f32_like(x, -109.0);
    let y = b.binary(BinaryOp::Max, x, floor);
    let quotient = over_logistic(b, y, y);
    let limit = b.f32_like(x, 32.0);
    let small = b.compare(Compare::Lt, x, limit);
    let result = b.select(small, quotient, x);
    canonical_nan(b, x, result)
}

/// 1 / (1 + e^-x).
pub fn sigmoid(b: &mut Builder, x: Value) -> Value {
    let floor = b.f32_like(x, -104.0);
    let ceiling = b.f32_like(x, 32.0);
    let y = b.binary(BinaryOp::Max, x, floor);
    let y = b.binary(BinaryOp::Min, y, ceiling);
    let one = b.f32_like(x, 1.0);
    let quotient = over_logistic(b, one, y);
    canonical_nan(b, x, quotient)
}

/// `numerator / (1 + e^-y)` for `y` from -109 on; from 88 on it is 0.
fn over_logistic(b: &mut Builder, numerator: Value, y: Value) -> Value {
    let x = y;
    let (t, n) = round(b, y, -LOG2_E, ROUND + (127.0 - 64.0));
    let ln2_high = b.f32_like(x, LN2_HIGH);
    let ln2_low = b.f32_like(x, LN2_LOW);
    let high = b.mul(n, ln2_high);
    let r = b.add(y, high);
    let low = b.mul(n, ln2_low);
    let r = b.add(r, low);

    let t = b.unary(UnaryOp::ToBits, t);
    let scale = scale_of(b, t);
    let down = b.f32_like(x, TWO_POW_MINUS_64);
    let base = b.add(down, scale);
    let u = expm1_mirrored(b, r);
    let scaled_u = b.mul(scale, u);
    let divisor = b.add(base, scaled_u);
    let quotient = b.div(numerator, divisor);
    b.mul(quotient, down)
}

/// `t = y * factor + bias`, which holds the rounded product in its low bits, and that
/// product `t - bias`.
fn round(b: &mut Builder, y: Value, factor: f32, bias: f32) -> (Value, Value) {
    let factor = b.f32_like(y, factor);
    let bias = b.f32_like(y, bias);
    let product = b.mul(y, factor);
    let t = b.add(product, bias);
    (t, b.sub(t, bias))
}

/// `(y - n ln2_high) - n ln2_low`.
fn reduce(b: &mut Builder, y: Value, n: Value) -> Value {
    let ln2_high = b.f32_like(y, LN2_HIGH);
    let ln2_low = b.f32_like(y, LN2_LOW);
    let high = b.mul(n, ln2_high);
    let r = b.sub(y, high);
    let low = b.mul(n, ln2_low);
    b.sub(r, low)
}

/// The f32 whose exponent field is the low byte of `exponent`.
fn scale_of(b: &mut Builder, exponent: Value) -> Value {
    let field = b.shift(ShiftOp::Left, exponent, 23);
    b.unary(UnaryOp::FromBits, field)
}

fn minus_abs(b: &mut Builder, x: Value) -> Value {
    let bits = b.unary(UnaryOp::ToBits, x);
    let sign = b.i32_like(x, i32::MIN);
    let bits = b.binary(BinaryOp::Or, bits, sign);
    b.unary(UnaryOp::FromBits, bits)
}

/// `e^r - 1` for `|r| <= ln 2 / 2`.
fn expm1_reduced(b: &mut Builder, r: Value) -> Value {
    let tail = polynomial(b, r, &EXP_TAIL, BinaryOp::Add);
    let square = b.mul(r, r);
    let scaled = b.mul(square, tail);
    b.add(r, scaled)
}

/// `e^-r - 1` for `|r| <= ln 2 / 2`.
fn expm1_mirrored(b: &mut Builder, r: Value) -> Value {
    let tail = polynomial(b, r, &EXP_TAIL, BinaryOp::Sub);
    let square = b.mul(r, r);
    let scaled = b.mul(square, tail);
    b.sub(scaled, r)
}

/// Horner's rule: `c0 op x * (c1 op x * (..))`, where `op` adds or subtracts.
fn polynomial(b: &mut Builder, x: Value, coefficients: &[f32], op: BinaryOp) -> Value {
    let mut terms = coefficients.iter().rev();
    let last = terms.next().copied().unwrap_or(0.0);
    let mut sum = b.f32_like(x, last);
    for &c in terms {
        let c = b.f32_like(x, c);
        let product = b.mul(x, sum);
        sum = b.binary(op, c, product);
    }
    sum
}

/// `x`, or the canonical NaN where it is any NaN.
pub(super) fn with_canonical_nan(b: &mut Builder, x: Value) -> Value {
    canonical_nan(b, x, x)
}

/// `result`, or the canonical NaN where `x` is any NaN.
fn canonical_nan(b: &mut Builder, x: Value, result: Value) -> Value {
    let nan = b.f32_like(x, f32::from_bits(CANONICAL_NAN));
    let number = b.compare(Compare::Eq, x, x);
    b.select(number, result, nan)
}
