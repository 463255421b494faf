//! Matrices of `gemv` and `gemm`: `int2` words of 16 columns, in blocks of 64 rows.
//!
//! A block is `[ceil(cols / 16)][rows of the block]` words; only the last block may have
//! fewer than 64 rows, padded to a multiple of 16. A kernel that handles a block reads it as
//! one sequential stream, 16 rows a vector.

use atome_spec::LANES;
use atome_spec::layout::{BLOCK_ROWS, WORD_COLS, ZERO_WORD, gemv_bit};

use super::{
    PackError, check_codes, check_lengths, check_row, check_word_count, code, is_valid_int2, trit,
};

/// `u32` words of a packed `rows` by `cols` matrix; `usize::MAX` if that overflows.
pub const fn words(rows: usize, cols: usize) -> usize {
    rows.div_ceil(LANES)
        .saturating_mul(LANES)
        .saturating_mul(cols.div_ceil(WORD_COLS))
}

/// Packs row-major trits.
///
/// - `trits`: `[rows, cols]`, each -1, 0 or +1.
/// - `out`: [`words`]`(rows, cols)` words, overwritten; padding gets the code of 0.
///
/// # Errors
/// [`PackError::TritCount`] and [`PackError::WordCount`] for wrong lengths,
/// [`PackError::Trit`] for another value; `out` is then unspecified.
pub fn pack_into(trits: &[i8], rows: usize, cols: usize, out: &mut [u32]) -> Result<(), PackError> {
    check_lengths((rows, cols), trits.len(), (words(rows, cols), out.len()))?;
    if cols == 0 {
        return Ok(());
    }
    // Rows that only pad are in the last block.
    let full_blocks = words(rows / BLOCK_ROWS * BLOCK_ROWS, cols);
    out[full_blocks..].fill(ZERO_WORD);
    for (r, row) in trits.chunks_exact(cols).enumerate() {
        check_row(r, row)?;
        let (first, stride) = row_words(rows, cols, r);
        let (full, rest) = row.as_chunks();
        let mut at = first;
        for chunk in full {
            out[at] = pack_word(chunk);
            at += stride;
        }
        if !rest.is_empty() {
            let mut last = [0; WORD_COLS];
            last[..rest.len()].copy_from_slice(rest);
            out[at] = pack_word(&last);
        }
    }
    Ok(())
}

/// Unpacks to row-major trits, after [`check`].
///
/// # Errors
/// Those of [`check`], and [`PackError::TritCount`] if `trits` has not `rows * cols` elements.
pub fn unpack_into(
    packed: &[u32],
    rows: usize,
    cols: usize,
    trits: &mut [i8],
) -> Result<(), PackError> {
    check_lengths((rows, cols), trits.len(), (words(rows, cols), packed.len()))?;
    check(packed, rows, cols)?;
    if cols == 0 {
        return Ok(());
    }
    for (r, row) in trits.chunks_exact_mut(cols).enumerate() {
        let (mut at, stride) = row_words(rows, cols, r);
        let (full, rest) = row.as_chunks_mut();
        for chunk in full {
            *chunk = unpack_word(packed[at]);
            at += stride;
        }
        if !rest.is_empty() {
            rest.copy_from_slice(&unpack_word(packed[at])[..rest.len()]);
        }
    }
    Ok(())
}

/// Checks length, codes and padding without unpacking.
///
/// # Errors
/// [`PackError::WordCount`], [`PackError::Code`] or [`PackError::Padding`]: the first fault
/// of the first kind that occurs, in this order.
pub fn check(packed: &[u32], rows: usize, cols: usize) -> Result<(), PackError> {
    check_word_count((rows, cols), (words(rows, cols), packed.len()))?;
    check_codes(packed, is_valid_int2)?;
    if packed.is_empty() {
        return Ok(());
    }
    let padding = |word, mask| {
        let bits: u32 = packed[word];
        if (bits ^ ZERO_WORD) & mask == 0 {
            Ok(())
        } else {
            Err(PackError::Padding { word, bits })
        }
    };
    let padded_rows = rows.next_multiple_of(LANES);
    let word_cols = cols.div_ceil(WORD_COLS);
    let rest_mask = padding_mask(cols);
    if rest_mask != 0 {
        for r in 0..rows {
            let (first, stride) = row_words(rows, cols, r);
            padding(first + (word_cols - 1) * stride, rest_mask)?;
        }
    }
    for r in rows..padded_rows {
        let (first, stride) = row_words(rows, cols, r);
        for k in 0..word_cols {
            padding(first + k * stride, u32::MAX)?;
        }
    }
    Ok(())
}

/// The weight at row `r`, column `c` of checked words.
///
/// # Panics
/// If `r` or `c` is outside the matrix, or `packed` is too short.
pub fn get(packed: &[u32], rows: usize, cols: usize, r: usize, c: usize) -> i8 {
    assert!(
        r < rows && c < cols,
        "({r}, {c}) is outside {rows} by {cols}"
    );
    let (first, stride) = row_words(rows, cols, r);
    let word = packed[first + c / WORD_COLS * stride];
    trit((word >> gemv_bit(c % WORD_COLS) & 3) as u8)
}

/// The first word of row `r`, padding rows included, and the distance to its next word.
const fn row_words(rows: usize, cols: usize, r: usize) -> (usize, usize) {
    let block = r / BLOCK_ROWS * BLOCK_ROWS;
    let left = rows.next_multiple_of(LANES) - block;
    let stride = if left < BLOCK_ROWS { left } else { BLOCK_ROWS };
    (block * cols.div_ceil(WORD_COLS) + r - block, stride)
}

/// The bits of a row's last word that only pad.
const fn padding_mask(cols: usize) -> u32 {
    let used = cols % WORD_COLS;
    let mut mask = 0;
    let mut k = used;
    while used != 0 && k < WORD_COLS {
        mask |= 3 << gemv_bit(k);
        k += 1;
    }
    mask
}

/// Four columns share the 2-bit field `q` of the four bytes: [`gemv_bit`]`(4 q + i)` is
/// `8 i + 2 q`, so a quad of byte codes needs one shift.
fn pack_word(trits: &[i8; WORD_COLS]) -> u32 {
    let quads = trits.as_chunks::<4>().0.iter().enumerate();
    quads.fold(0, |word, (q, quad)| {
        word | u32::from_le_bytes(quad.map(code)) << (2 * q)
    })
}

fn unpack_word(word: u32) -> [i8; WORD_COLS] {
    let mut trits = [0; WORD_COLS];
    for (q, quad) in trits.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *quad = (word >> (2 * q) & 0x0303_0303).to_le_bytes().map(trit);
    }
    trits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quads_are_where_the_layout_says() {
        for k in 0..WORD_COLS {
            for t in [-1, 0, 1] {
                let mut trits = [0; WORD_COLS];
                trits[k] = t;
                let word = pack_word(&trits);
                let bit = gemv_bit(k);
                assert_eq!(word, ZERO_WORD & !(3 << bit) | u32::from(code(t)) << bit);
                assert_eq!(unpack_word(word), trits);
            }
        }
    }

    #[test]
    fn padding_is_what_no_column_uses() {
        assert_eq!(padding_mask(0), 0);
        assert_eq!(padding_mask(32), 0);
        assert_eq!(padding_mask(4), 0xFCFC_FCFC);
        assert_eq!(padding_mask(15), 0xC000_0000);
    }
}
