//! The factor of a row, and how a product by it is rounded.

use super::Halves;
use super::pairs::two_product;
use crate::ir::{BinaryOp, Builder, Compare, Value};
use crate::lower::quantize::Rounding;

/// A number that is at most this far from a whole one rounds to it. The lower halves of its pairs are `t' + p f' + p' f`, at most
/// `127 (2^-24 + 2^-22 + 2^-24)` or 4.6e-5, which takes it no further than the middle.
const SURELY: f32 = 0.5 - 1.0 / 8192.0;
/// The greatest and the least factor for which no lower half is lost to underflow.
const USUAL: (f32, f32) = (f32::from_bits(0x6f80_0000), f32::from_bits(0x1500_0000));

/// The factor of a row in all lanes.
pub(super) struct Factor {
    pub(super) upper: Value,
    lower: Value,
    /// How far from a whole number a product may be that rounds to it whatever its lower half; negative if none may.
    pub(super) surely: Value,
    halves: Ties,
}

/// Numbers in all lanes by which what rounding left is rounded.
enum Ties {
    ToEven { least: Value, most: Value },
    AwayFromZero(Away),
}

/// Rounds what rounding left away from zero.
struct Away {
    zero: Value,
    half: Value,
    minus_half: Value,
    one: Value,
}

impl Factor {
    pub(super) fn new(b: &mut Builder, (upper, lower): (Value, Value), halves: Halves) -> Factor {
        let surely = surely(b, upper);
        Factor {
            upper: b.splat(upper),
            lower: b.splat(lower),
            surely: b.splat(surely),
            halves: match halves {
                Halves::ToEven => Ties::ToEven {
                    least: b.splat_f32(-1.0),
                    most: b.splat_f32(1.0),
                },
                Halves::AwayFromZero => Ties::AwayFromZero(Away {
                    zero: b.splat_f32(0.0),
                    half: b.splat_f32(0.5),
                    minus_half: b.splat_f32(-0.5),
                    one: b.splat_i32(1),
                }),
            },
        }
    }

    /// The product of a pair with the factor, rounded; 0 for NaN.
    pub(super) fn apply(
        &self,
        b: &mut Builder,
        rounding: &Rounding,
        (x, x_lower): (Value, Value),
    ) -> Value {
        let (product, rest) = two_product(b, x, self.upper);
        let more = b.mul(x, self.lower);
        let most = b.mul(x_lower, self.upper);
        let more = b.add(more, most);
        let rest = b.add(rest, more);
        let (number, rounded) = rounding.to_byte(b, product);
        // What rounding took, which may be a half and a little.
        let left = b.sub(product, rounded);
        let left = b.add(left, rest);
        let is_number = b.compare(Compare::Eq, left, left);
        let number = match &self.halves {
            Ties::ToEven { least, most } => {
                let left = b.binary(BinaryOp::Min, left, *most);
                let left = b.binary(BinaryOp::Max, left, *least);
                let (one, _) = rounding.to_byte(b, left);
                b.add(number, one)
            }
            Ties::AwayFromZero(away) => {
                let step = away.step(b, product, left);
                b.add(number, step)
            }
        };
        b.and(is_number, number)
    }
}

/// [`SURELY`] for a usual factor, less than nothing for another.
fn surely(b: &mut Builder, factor: Value) -> Value {
    let (most, least) = (b.f32(USUAL.0), b.f32(USUAL.1));
    let is_at_most = b.compare(Compare::Le, factor, most);
    let is_at_least = b.compare(Compare::Le, least, factor);
    let is_usual = b.and(is_at_most, is_at_least);
    let (surely, never) = (b.f32(SURELY), b.f32(-1.0));
    b.select(is_usual, surely, never)
}

impl Away {
    /// What is added to a rounded number that leaves `left`, seen from zero, of a product: 1 from a half on, -1 below
    /// minus a half.
    fn step(&self, b: &mut Builder, product: Value, left: Value) -> Value {
        let is_negative = b.compare(Compare::Lt, product, self.zero);
        let mirrored = b.sub(self.zero, left);
        let outwards = b.select(is_negative, mirrored, left);
        let is_more = b.compare(Compare::Le, self.half, outwards);
        let is_less = b.compare(Compare::Lt, outwards, self.minus_half);
        let (more, less) = (b.and(is_more, self.one), b.and(is_less, self.one));
        let (outwards, inwards) = (
            b.binary(BinaryOp::Sub, more, less),
            b.binary(BinaryOp::Sub, less, more),
        );
        b.select(is_negative, inwards, outwards)
    }
}
