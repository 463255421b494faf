//! The tables of base-3 bytes by ninths, for machines that look bytes up among sixteen.
//!
//! A magnitude is `9 a + b - 4`, `a` at most 13 and `b` at most 8: the trits of `a` are the first three, those of
//! `b - 4` the others. Eight magnitudes that share their high four bits have one `a` or two, so these bits find
//! the first, and the last magnitude that has it. Magnitudes above 121, which are no values, have an `a` of 14,
//! from which they are 9 or more away: their trits are 0.

/// Entries of a table, by the high four bits of a magnitude of seven bits, by `a` or by `b`.
pub(super) const ENTRIES: u8 = 16;
/// Codes of trits 0 in the fields of a byte.
pub(super) const FIELDS: u8 = 0b01_01_01_01;
/// The code of a fifth trit 0.
pub(super) const FIFTH: u8 = 1;
/// The greatest `a` of a value.
const MOST: u8 = 13;
/// The first magnitude that is no value.
const NO_VALUE: u8 = 122;

/// The `a` of the first magnitude with these high bits.
pub(super) const fn first(high: u8) -> u8 {
    (8 * high + 4) / 9
}

/// The last magnitude that has it.
pub(super) const fn last(high: u8) -> u8 {
    9 * first(high) + 4
}

/// What is taken from a magnitude to get `b`.
pub(super) const fn below(a: u8) -> u8 {
    match a {
        0..=MOST => (9 * a).wrapping_sub(4),
        _ => NO_VALUE - 9,
    }
}

/// The first three trits, as a sum of powers of 4.
pub(super) const fn of_a(a: u8) -> u8 {
    let v = if a <= MOST { a + 13 } else { 13 };
    ((v / 9) | ((v / 3 % 3) << 2) | ((v % 3) << 4)).wrapping_sub(FIELDS & 0x3f)
}

/// The fourth trit, times 64.
pub(super) const fn of_b(b: u8) -> u8 {
    let code = if b <= 8 { b / 3 } else { 1 };
    (code << 6).wrapping_sub(FIELDS & 0xc0)
}

/// The fifth trit.
pub(super) const fn fifth(b: u8) -> u8 {
    let code = if b <= 8 { b % 3 } else { 1 };
    code.wrapping_sub(FIFTH)
}

/// A table's words, four bytes each.
pub(super) fn words(entry: impl Fn(u8) -> u8) -> [u32; ENTRIES as usize / 4] {
    std::array::from_fn(|word| {
        let first = 4 * word as u8;
        u32::from_le_bytes(std::array::from_fn(|i| entry(first + i as u8)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interp::lanes::base3_byte;
    use crate::ir::Base3Part;

    #[test]
    fn every_byte_has_its_codes() {
        for byte in 0..=255u8 {
            let magnitude = byte & 0x7f;
            let high = magnitude >> 3;
            let a = first(high) + u8::from(magnitude > last(high));
            let b = magnitude.wrapping_sub(below(a));
            assert!(a < ENTRIES && b < ENTRIES, "{byte}");
            let signed = |trits: u8| match byte & 0x80 {
                0 => trits,
                _ => trits.wrapping_neg(),
            };
            let fields = signed(of_a(a).wrapping_add(of_b(b))).wrapping_add(FIELDS);
            let fifth = signed(fifth(b)).wrapping_add(FIFTH);
            assert_eq!(fields, base3_byte(Base3Part::Fields, byte), "{byte}");
            assert_eq!(fifth, base3_byte(Base3Part::Fifth, byte), "{byte}");
        }
    }
}
