//! The codecs of one 64-byte embedding tile: 16 lanes of `u32`.

use atome_spec::layout::{self, ZERO_WORD};
use atome_spec::{LANES, Packing};

use super::{code, is_valid_int2, trit};

/// Bytes of a tile, each the digits of five columns in `base3`.
const BYTES: usize = layout::TILE_BYTES;
/// Values of five base-3 digits.
const VALUES: u16 = 243;

/// One tile in memory.
pub(crate) type Tile = [u32; LANES];

/// Columns to a tile and back. Trits are -1, 0 or +1.
pub(crate) trait Codec {
    /// Columns of a tile.
    const COLS: usize;

    /// A tile of at most [`Codec::COLS`] trits; zeros fill it up.
    fn pack(trits: &[i8]) -> Tile;

    /// The first trits of a tile, at most [`Codec::COLS`].
    fn unpack(tile: &Tile, trits: &mut [i8]);

    /// The trit of one column.
    fn get(tile: &Tile, col: usize) -> i8;

    /// Whether a word is one of a tile that [`Codec::pack`] gives.
    fn is_valid(word: u32) -> bool;

    /// The first column from `used` on that is not 0.
    fn beyond(tile: &Tile, used: usize) -> Option<usize>;
}

/// An expression with the codec of a packing as the type of that name.
macro_rules! with_tile {
    ($packing:expr, $codec:ident => $do:expr) => {
        match $packing {
            atome_spec::Packing::Int2 | atome_spec::Packing::Sorted => {
                type $codec = $crate::packing::tile::Int2;
                $do
            }
            atome_spec::Packing::Base3 => {
                type $codec = $crate::packing::tile::Base3;
                $do
            }
        }
    };
}
pub(crate) use with_tile;

/// 2 bits a column.
pub(crate) struct Int2;
/// Five columns a byte.
pub(crate) struct Base3;

impl Codec for Int2 {
    const COLS: usize = layout::tile_cols(Packing::Int2);

    /// Column `16 j + lane` goes to bit `2 j` of its lane.
    fn pack(trits: &[i8]) -> Tile {
        let mut tile = [ZERO_WORD; LANES];
        let (full, rest) = trits.as_chunks::<LANES>();
        for (j, group) in full.iter().enumerate() {
            Int2::pack_field(&mut tile, j, group);
        }
        Int2::pack_field(&mut tile, full.len(), rest);
        tile
    }

    fn unpack(tile: &Tile, trits: &mut [i8]) {
        let (full, rest) = trits.as_chunks_mut::<LANES>();
        for (j, group) in full.iter_mut().enumerate() {
            Int2::unpack_field(tile, j, group);
        }
        Int2::unpack_field(tile, full.len(), rest);
    }

    fn get(tile: &Tile, col: usize) -> i8 {
        trit((tile[col % LANES] >> (2 * (col / LANES)) & 3) as u8)
    }

    fn is_valid(word: u32) -> bool {
        is_valid_int2(word)
    }

    fn beyond(tile: &Tile, used: usize) -> Option<usize> {
        let first = |lane: usize| used.saturating_sub(lane).div_ceil(LANES);
        let unused = |lane| u32::MAX.checked_shl(2 * first(lane) as u32).unwrap_or(0);
        let words = tile.iter().enumerate();
        // All of them without branches; the column is looked for only if there is one.
        match words.fold(0, |any, (lane, word)| {
            any | (word ^ ZERO_WORD) & unused(lane)
        }) {
            0 => None,
            _ => (used..Self::COLS).find(|&col| Int2::get(tile, col) != 0),
        }
    }
}

impl Int2 {
    /// Columns `16 j` on, of which there are at most 16; each field holds the code of 0 before.
    #[inline(always)]
    fn pack_field(tile: &mut Tile, j: usize, trits: &[i8]) {
        for (word, t) in tile.iter_mut().zip(trits) {
            *word ^= u32::from(code(*t) ^ code(0)) << (2 * j);
        }
    }

    #[inline(always)]
    fn unpack_field(tile: &Tile, j: usize, trits: &mut [i8]) {
        for (t, word) in trits.iter_mut().zip(tile) {
            *t = trit((word >> (2 * j) & 3) as u8);
        }
    }
}

impl Codec for Base3 {
    const COLS: usize = layout::tile_cols(Packing::Base3);

    /// Column `64 k + 16 b + lane` is digit `k` of byte `b` of its lane.
    fn pack(trits: &[i8]) -> Tile {
        let Ok(full) = <&[i8; Self::COLS]>::try_from(trits) else {
            let mut full = [0; Self::COLS];
            full[..trits.len()].copy_from_slice(trits);
            return Base3::pack(&full);
        };
        // Horner, the most significant digit first: at most 242.
        let mut values = [0u8; BYTES];
        for digits in full.as_chunks::<BYTES>().0 {
            for (value, t) in values.iter_mut().zip(digits) {
                *value = value.wrapping_mul(3).wrapping_add(code(*t));
            }
        }
        let mut tile = [0; LANES];
        for (b, group) in values.as_chunks::<LANES>().0.iter().enumerate() {
            for (word, value) in tile.iter_mut().zip(group) {
                *word |= u32::from(base3_byte(*value)) << (8 * b);
            }
        }
        tile
    }

    fn unpack(tile: &Tile, trits: &mut [i8]) {
        let Ok(full) = <&mut [i8; Self::COLS]>::try_from(&mut *trits) else {
            let mut full = [0; Self::COLS];
            Base3::unpack(tile, &mut full);
            return trits.copy_from_slice(&full[..trits.len()]);
        };
        let mut fractions = [0u16; BYTES];
        for (b, group) in fractions.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            for (fraction, word) in group.iter_mut().zip(tile) {
                *fraction = (word >> (8 * b) & 0xFF) as u16;
            }
        }
        for digits in full.as_chunks_mut::<BYTES>().0 {
            for (t, fraction) in digits.iter_mut().zip(&mut fractions) {
                let tripled = *fraction * 3;
                *t = trit((tripled >> 8) as u8);
                *fraction = tripled & 0xFF;
            }
        }
    }

    fn get(tile: &Tile, col: usize) -> i8 {
        let (digit, byte) = (col / BYTES, col % BYTES / LANES);
        let mut tripled = (tile[col % LANES] >> (8 * byte) & 0xFF) * 3;
        for _ in 0..digit {
            tripled = (tripled & 0xFF) * 3;
        }
        trit((tripled >> 8) as u8)
    }

    /// Whether each byte of a word is one that [`base3_byte`] gives.
    ///
    /// `byte = ceil(256 v / 243)` for some `v` exactly if `243 byte` exceeds a multiple of 256
    /// by less than 243.
    fn is_valid(word: u32) -> bool {
        let invalid = word.to_le_bytes().map(|byte| {
            let over = byte.wrapping_mul(VALUES as u8);
            u8::from(over >= VALUES as u8)
        });
        u32::from_le_bytes(invalid) == 0
    }

    fn beyond(tile: &Tile, used: usize) -> Option<usize> {
        let mut trits = [0; Self::COLS];
        Base3::unpack(tile, &mut trits);
        let at = trits[used..].iter().position(|trit| *trit != 0);
        at.map(|at| used + at)
    }
}

/// `value / 243` as a fraction of 256, rounded up: multiplying it by 3 five times brings
/// the digits, most significant first, above the point.
const fn base3_byte(value: u8) -> u8 {
    (value as u16 * 256).div_ceil(VALUES) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_its_byte() {
        let mut valid = [false; 256];
        for value in 0..VALUES as u8 {
            let byte = base3_byte(value);
            valid[usize::from(byte)] = true;
            let mut fraction = u16::from(byte);
            let mut digits = 0;
            for _ in 0..5 {
                digits = digits * 3 + ((fraction * 3) >> 8);
                fraction = (fraction * 3) & 0xFF;
            }
            assert_eq!(digits, u16::from(value));
        }
        let none = [1, 20, 40, 60, 79, 99, 119, 138, 158, 178, 197, 217, 237];
        assert!((0..256).all(|byte| valid[byte] != none.contains(&byte)));
        for byte in 0..=255u8 {
            for shift in [0, 8, 16, 24] {
                let word = u32::from(byte) << shift;
                assert_eq!(Base3::is_valid(word), valid[usize::from(byte)], "{byte}");
            }
        }
    }

    #[test]
    fn bytes_keep_the_order_of_their_values() {
        assert_eq!([0, 1, 121, 242].map(base3_byte), [0, 2, 128, 255]);
    }
}
