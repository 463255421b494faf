//! The codecs of one matrix word: some columns of one row.

use atome_spec::layout::{self, ZERO_WORD, gemv_bit};

use super::{is_valid_int2, trit};

/// Columns to a word and back. Trits are -1, 0 or +1.
pub(crate) trait Word {
    /// Columns of a word.
    const COLS: usize;
    /// A word of zeros.
    const ZERO: u32;

    /// A word of at most [`Word::COLS`] trits; zeros fill it up.
    fn pack(trits: &[i8]) -> u32;

    /// The first trits of a word, at most [`Word::COLS`].
    fn unpack(word: u32, trits: &mut [i8]);

    /// The trit of one column.
    fn get(word: u32, col: usize) -> i8;

    /// Whether a word is one that [`Word::pack`] gives.
    fn is_valid(word: u32) -> bool;

    /// Whether all columns from `used` on are zero.
    fn pads(word: u32, used: usize) -> bool {
        let mut trits = [0; MOST_COLS];
        Self::unpack(word, &mut trits[..Self::COLS]);
        trits[used..].iter().all(|trit| *trit == 0)
    }
}

/// An expression with the codec of a packing as the type of that name. What is sorted are the bytes of several words.
macro_rules! with_word {
    ($packing:expr, $word:ident => $do:expr) => {
        match $packing {
            atome_spec::Packing::Int2 | atome_spec::Packing::Sorted => {
                type $word = $crate::packing::word::Int2;
                $do
            }
            atome_spec::Packing::Base3 => {
                type $word = $crate::packing::word::Base3;
                $do
            }
        }
    };
}
pub(crate) use with_word;

/// Sixteen columns, 2 bits each.
pub(crate) struct Int2;
/// Twenty columns, five a byte.
pub(crate) struct Base3;

const INT2_COLS: usize = layout::word_cols(atome_spec::Packing::Int2);
const BASE3_COLS: usize = layout::word_cols(atome_spec::Packing::Base3);

/// The most columns of a word.
pub(crate) const MOST_COLS: usize = BASE3_COLS;

/// Columns side by side, one a byte.
const QUAD: usize = 4;
/// The greatest magnitude of five balanced digits: 81 + 27 + 9 + 3 + 1.
const GREATEST: u8 = 121;
const SIGN: u8 = 0x80;
/// A one in each byte.
const ONES: u32 = u32::from_le_bytes([1; QUAD]);
/// The bits of a code in each byte.
const CODES: u32 = 3 * ONES;

impl Word for Int2 {
    const COLS: usize = INT2_COLS;
    const ZERO: u32 = ZERO_WORD;

    /// Four columns share the 2-bit field `q` of the four bytes: [`gemv_bit`]`(4 q + i)` is
    /// `8 i + 2 q`, so a quad of byte codes needs one shift.
    fn pack(trits: &[i8]) -> u32 {
        let Ok(full) = <&[i8; INT2_COLS]>::try_from(trits) else {
            let mut full = [0; INT2_COLS];
            full[..trits.len()].copy_from_slice(trits);
            return Int2::pack(&full);
        };
        let quads = full.as_chunks::<QUAD>().0.iter().enumerate();
        quads.fold(0, |word, (q, quad)| {
            // A trit's low bits are one less than its code, modulo 4.
            let low = u32::from_le_bytes(quad.map(|trit| trit as u8)) & CODES;
            word | ((low + ONES) & CODES) << (2 * q)
        })
    }

    fn unpack(word: u32, trits: &mut [i8]) {
        let Ok(full) = <&mut [i8; INT2_COLS]>::try_from(&mut *trits) else {
            let mut full = [0; INT2_COLS];
            Int2::unpack(word, &mut full);
            return trits.copy_from_slice(&full[..trits.len()]);
        };
        for (q, quad) in full.as_chunks_mut::<QUAD>().0.iter_mut().enumerate() {
            *quad = (word >> (2 * q) & CODES).to_le_bytes().map(trit);
        }
    }

    fn get(word: u32, col: usize) -> i8 {
        trit((word >> gemv_bit(col) & 3) as u8)
    }

    fn is_valid(word: u32) -> bool {
        is_valid_int2(word)
    }
}

impl Word for Base3 {
    const COLS: usize = BASE3_COLS;
    const ZERO: u32 = 0;

    /// Digit `k` of byte `b` is column `4 k + b`, the first digit the most significant.
    fn pack(trits: &[i8]) -> u32 {
        let Ok(full) = <&[i8; BASE3_COLS]>::try_from(trits) else {
            let mut full = [0; BASE3_COLS];
            full[..trits.len()].copy_from_slice(trits);
            return Base3::pack(&full);
        };
        let mut values = [0i8; QUAD];
        for quad in full.as_chunks::<QUAD>().0 {
            for (value, trit) in values.iter_mut().zip(quad) {
                *value = *value * 3 + trit;
            }
        }
        u32::from_le_bytes(values.map(|value| match value {
            ..0 => SIGN | value.unsigned_abs(),
            _ => value.unsigned_abs(),
        }))
    }

    fn unpack(word: u32, trits: &mut [i8]) {
        // From 0 on, so that digits are quotients.
        let mut rest = word.to_le_bytes().map(|byte| match byte & SIGN {
            0 => GREATEST.wrapping_add(byte),
            _ => GREATEST.wrapping_sub(byte & !SIGN),
        });
        let mut place = 81;
        for quad in trits.chunks_mut(QUAD) {
            for (trit, rest) in quad.iter_mut().zip(&mut rest) {
                *trit = super::trit(*rest / place);
                *rest %= place;
            }
            place = (place / 3).max(1);
        }
    }

    fn get(word: u32, col: usize) -> i8 {
        let mut trits = [0; BASE3_COLS];
        Base3::unpack(word, &mut trits);
        trits[col]
    }

    /// All four bytes at once: no magnitude above 121, and no negative zero.
    fn is_valid(word: u32) -> bool {
        const SIGNS: u32 = u32::from_le_bytes([SIGN; QUAD]);
        const ROOM: u32 = u32::from_le_bytes([SIGN - 1 - GREATEST; QUAD]);
        let too_large = (word & !SIGNS) + ROOM;
        // A byte is 0 here where it is a negative zero there, and then the subtraction borrows.
        let flipped = word ^ SIGNS;
        let negative_zero = flipped.wrapping_sub(ONES) & !flipped;
        (too_large | negative_zero) & SIGNS == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    #[test]
    fn quads_are_where_the_layout_says() {
        for k in 0..INT2_COLS {
            for t in [-1, 0, 1] {
                let mut trits = [0; INT2_COLS];
                trits[k] = t;
                let word = Int2::pack(&trits);
                let bit = gemv_bit(k);
                assert_eq!(word, ZERO_WORD & !(3 << bit) | u32::from(code(t)) << bit);
                assert_eq!(Int2::get(word, k), t);
            }
        }
    }

    #[test]
    fn base_3_bytes_are_the_valid_ones_and_come_back() {
        let mut seen = [false; 256];
        for value in 0..243usize {
            let digits = [81, 27, 9, 3, 1].map(|place| (value / place % 3) as i8 - 1);
            let mut trits = [0; BASE3_COLS];
            for (k, digit) in digits.into_iter().enumerate() {
                trits[QUAD * k + 2] = digit;
            }
            let word = Base3::pack(&trits);
            seen[usize::from(word.to_le_bytes()[2])] = true;
            assert_eq!(word & 0xff00_ffff, Base3::ZERO);
            let mut back = [7; BASE3_COLS];
            Base3::unpack(word, &mut back);
            assert_eq!(back, trits);
            assert_eq!(Base3::pack(&trits[..19]), word, "a column is missing");
        }
        for byte in 0..=255u8 {
            let valid = Base3::is_valid(u32::from(byte) << 8);
            assert_eq!(valid, seen[usize::from(byte)], "{byte}");
        }
    }
}
