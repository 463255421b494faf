//! The codes of packed words, quad by quad.

use crate::ir::{Base3Part, BinaryOp, Builder, Compare, PackedOp, ShiftOp, Value};
use crate::schedule::{Fields, Schedule};
use atome_spec::{LANES, Packing};

/// A byte four times.
const BYTES: i32 = 0x0101_0101;
/// The lowest field of every byte.
const FIELD: i32 = 3 * BYTES;

/// A word of a group of rows, whose quads are asked for in order.
pub(super) enum Word {
    /// Quads are in the 2-bit fields of bytes; a fifth one has bytes of its own.
    Fields { fields: Value, fifth: Option<Value> },
    /// The next quad is the highest digit of these fractions.
    Digits(Value),
}

impl Word {
    /// What is unpacked before the first quad.
    pub(super) fn new(b: &mut Builder, schedule: &Schedule, packing: Packing, word: Value) -> Word {
        match (packing, schedule.fields()) {
            (Packing::Int2, _) => Word::Fields {
                fields: word,
                fifth: None,
            },
            (Packing::Base3, Fields::Digits | Fields::Panel) => Word::Digits(fraction(b, word)),
            (Packing::Base3, _) => Word::Fields {
                fields: b.base3(Base3Part::Fields, word),
                fifth: Some(b.base3(Base3Part::Fifth, word)),
            },
        }
    }

    /// The word that has quad `q`, and the field of it.
    ///
    /// # Panics
    /// If the word is one of digits, which have no fields.
    pub(super) fn field(&self, q: usize) -> (Value, usize) {
        match *self {
            Word::Fields {
                fifth: Some(fifth), ..
            } if q == 4 => (fifth, 0),
            Word::Fields { fields, .. } => (fields, q),
            Word::Digits(_) => panic!("digits are multiplied as bytes"),
        }
    }

    /// The codes of quad `q`, a byte each, times the power of two that the fields say.
    pub(super) fn bytes(&mut self, b: &mut Builder, fields: Fields, q: usize) -> Value {
        if let Word::Digits(fraction) = self {
            let code = digit(b, *fraction);
            let twice = b.packed(PackedOp::Add8, &[*fraction, *fraction]);
            *fraction = b.packed(PackedOp::Add8, &[twice, *fraction]);
            return code;
        }
        let (word, q) = self.field(q);
        let left = fields.shift_of(q);
        let word = b.shift(ShiftOp::Right, word, 2 * q as u8 - left);
        let mask = b.i32_like(word, FIELD << left);
        b.and(word, mask)
    }
}

/// The codes of the highest digits of fractions of 256 that are between -128 and 127: the thirds
/// below, around and above 0.
fn digit(b: &mut Builder, fraction: Value) -> Value {
    let zero = b.i32_like(fraction, 0);
    [42, -43].into_iter().fold(zero, |code, most: i8| {
        let most = b.i32_like(fraction, i32::from_le_bytes([most as u8; 4]));
        let above = b.packed(PackedOp::Less8, &[most, fraction]);
        b.packed(PackedOp::Sub8, &[code, above])
    })
}

/// The values of base-3 bytes as fractions of 256: for a magnitude of `m`, which is at most 121,
/// `256 m / 243` rounded, with the sign.
///
/// An error of a half grows to 81 halves at the fifth digit, and the middle of its thirds is 42 2/3
/// away: all digits come out right.
fn fraction(b: &mut Builder, word: Value) -> Value {
    let [low, magnitude] = [0x0f, 0x7f].map(|mask| {
        let mask = b.i32_like(word, mask * BYTES);
        b.and(word, mask)
    });
    let high = b.shift(ShiftOp::Right, word, 4);
    let nibble = b.i32_like(word, 0x0f * BYTES);
    let high = b.and(high, nibble);
    // `m + more(high)`, and one more where the low four bits are above `last(high)`.
    let [more, last] = [table(b, more), table(b, last)];
    let more = b.packed(PackedOp::Shuffle8, &[more, high]);
    let last = b.packed(PackedOp::Shuffle8, &[last, high]);
    let beyond = b.packed(PackedOp::Less8, &[last, low]);
    let sum = b.packed(PackedOp::Add8, &[magnitude, more]);
    let sum = b.packed(PackedOp::Sub8, &[sum, beyond]);
    b.packed(PackedOp::Sign8, &[sum, word])
}

/// By how much a fraction exceeds its magnitude, for the magnitude `16 high`; bit 3 of `high` is
/// the sign.
const fn more(high: u8) -> u8 {
    rest(16 * (high & 7))
}

/// The last low four bits for which it is the same.
const fn last(high: u8) -> u8 {
    let first = 16 * (high & 7);
    let mut low = 0;
    while low < 15 && rest(first + low + 1) == rest(first) {
        low += 1;
    }
    low
}

const fn rest(magnitude: u8) -> u8 {
    ((13 * magnitude as u32 + 121) / 243) as u8
}

/// Sixteen bytes in every quarter of a vector.
fn table(b: &mut Builder, byte: fn(u8) -> u8) -> Value {
    let lanes = b.iota();
    let quarter = b.i32_like(lanes, 3);
    let lane = b.and(lanes, quarter);
    let mut table = b.i32_like(lanes, 0);
    for at in 0..LANES as u8 / 4 {
        let bytes = std::array::from_fn(|i| byte(4 * at + i as u8));
        let word = b.i32_like(lanes, i32::from_le_bytes(bytes));
        let number = b.i32_like(lanes, at.into());
        let here = b.compare(Compare::Eq, lane, number);
        let word = b.binary(BinaryOp::And, here, word);
        table = b.binary(BinaryOp::Or, table, word);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{last, more};

    /// The codes of the five digits, as the instructions find them.
    fn digits(byte: u8) -> [u8; 5] {
        let magnitude = byte & 0x7f;
        let extra = u8::from(byte & 15 > last(byte >> 4));
        let fraction = (magnitude + more(byte >> 4) + extra) as i8;
        let mut fraction = match byte & 0x80 {
            0 => fraction,
            _ => -fraction,
        };
        std::array::from_fn(|_| {
            let code = u8::from(fraction > 42) + u8::from(fraction > -43);
            fraction = fraction.wrapping_mul(3);
            code
        })
    }

    #[test]
    fn every_value_has_its_digits() {
        for value in 0..243u8 {
            let byte = match value.checked_sub(121) {
                Some(magnitude) => magnitude,
                None => 0x80 | (121 - value),
            };
            let expected = [81, 27, 9, 3, 1].map(|power| value / power % 3);
            assert_eq!(digits(byte), expected, "{value}");
        }
    }
}
