//! Matrices of `gemv` and `gemm`: words of 16 columns (`int2`) or 20 (`base3`), in blocks of 64
//! rows.
//!
//! A block is `[ceil(cols / word_cols)][rows of the block]` words; only the last block may have
//! fewer than 64 rows, padded to a multiple of 16. A kernel that handles a block reads it as
//! one sequential stream, 16 rows a vector.

use atome_spec::layout::{self, BLOCK_ROWS};
use atome_spec::{LANES, Packing};

use super::word::{Word, with_word};
use super::{PackError, check_codes, check_lengths, check_row, check_word_count};

/// `u32` words of a packed `rows` by `cols` matrix; `usize::MAX` if that overflows.
pub const fn words(packing: Packing, rows: usize, cols: usize) -> usize {
    layout::gemv_words(packing, rows, cols)
}

/// Packs row-major trits.
///
/// - `trits`: `[rows, cols]`, each -1, 0 or +1.
/// - `out`: [`words`] words, overwritten; padding gets the code of 0.
///
/// # Errors
/// [`PackError::TritCount`] and [`PackError::WordCount`] for wrong lengths,
/// [`PackError::Trit`] for another value; `out` is then unspecified.
pub fn pack_into(
    packing: Packing,
    trits: &[i8],
    rows: usize,
    cols: usize,
    out: &mut [u32],
) -> Result<(), PackError> {
    let words = words(packing, rows, cols);
    check_lengths((rows, cols), trits.len(), (words, out.len()))?;
    let shape = Shape { rows, cols };
    with_word!(packing, W => shape.pack::<W>(trits, out))
}

/// Unpacks to row-major trits, after [`check`].
///
/// # Errors
/// Those of [`check`], and [`PackError::TritCount`] if `trits` has not `rows * cols` elements.
pub fn unpack_into(
    packing: Packing,
    packed: &[u32],
    rows: usize,
    cols: usize,
    trits: &mut [i8],
) -> Result<(), PackError> {
    let words = words(packing, rows, cols);
    check_lengths((rows, cols), trits.len(), (words, packed.len()))?;
    check(packing, packed, rows, cols)?;
    let shape = Shape { rows, cols };
    with_word!(packing, W => shape.unpack::<W>(packed, trits));
    Ok(())
}

/// Checks length, codes and padding without unpacking.
///
/// # Errors
/// [`PackError::WordCount`], [`PackError::Code`] or [`PackError::Padding`]: the first fault
/// of the first kind that occurs, in this order.
pub fn check(packing: Packing, packed: &[u32], rows: usize, cols: usize) -> Result<(), PackError> {
    let words = words(packing, rows, cols);
    check_word_count((rows, cols), (words, packed.len()))?;
    let shape = Shape { rows, cols };
    with_word!(packing, W => shape.check::<W>(packed))
}

/// The weight at row `r`, column `c` of checked words.
///
/// # Panics
/// If `r` or `c` is outside the matrix, or `packed` is too short.
pub fn get(packing: Packing, packed: &[u32], rows: usize, cols: usize, r: usize, c: usize) -> i8 {
    assert!(
        r < rows && c < cols,
        "({r}, {c}) is outside {rows} by {cols}"
    );
    assert!(packed.len() >= words(packing, rows, cols), "too few words");
    let word_cols = layout::word_cols(packing);
    let (first, stride) = Shape { rows, cols }.row_words(word_cols, r);
    let word = packed[first + c / word_cols * stride];
    with_word!(packing, W => W::get(word, c % word_cols))
}

/// The dimensions of a matrix.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    cols: usize,
}

impl Shape {
    fn pack<W: Word>(self, trits: &[i8], out: &mut [u32]) -> Result<(), PackError> {
        let Shape { rows, cols } = self;
        if cols == 0 {
            return Ok(());
        }
        // Rows that only pad are in the last block.
        let full_blocks = rows / BLOCK_ROWS * BLOCK_ROWS * cols.div_ceil(W::COLS);
        out[full_blocks..].fill(W::ZERO);
        for (r, row) in trits.chunks_exact(cols).enumerate() {
            check_row(r, row)?;
            let (mut at, stride) = self.row_words(W::COLS, r);
            for chunk in row.chunks(W::COLS) {
                out[at] = W::pack(chunk);
                at += stride;
            }
        }
        Ok(())
    }

    fn unpack<W: Word>(self, packed: &[u32], trits: &mut [i8]) {
        if self.cols == 0 {
            return;
        }
        for (r, row) in trits.chunks_exact_mut(self.cols).enumerate() {
            let (mut at, stride) = self.row_words(W::COLS, r);
            for chunk in row.chunks_mut(W::COLS) {
                W::unpack(packed[at], chunk);
                at += stride;
            }
        }
    }

    fn check<W: Word>(self, packed: &[u32]) -> Result<(), PackError> {
        check_codes(packed, W::is_valid)?;
        if packed.is_empty() {
            return Ok(());
        }
        // Only the trits that pad are compared: `used` come before them.
        let padding = |word: usize, used: usize| {
            let bits = packed[word];
            if W::pads(bits, used) {
                Ok(())
            } else {
                Err(PackError::Padding { word, bits })
            }
        };
        let Shape { rows, cols } = self;
        let words = cols.div_ceil(W::COLS);
        let used = cols % W::COLS;
        if used != 0 {
            for r in 0..rows {
                let (first, stride) = self.row_words(W::COLS, r);
                padding(first + (words - 1) * stride, used)?;
            }
        }
        for r in rows..rows.next_multiple_of(LANES) {
            let (first, stride) = self.row_words(W::COLS, r);
            for k in 0..words {
                padding(first + k * stride, 0)?;
            }
        }
        Ok(())
    }

    /// The first word of row `r`, padding rows included, and the distance to its next word.
    fn row_words(self, word_cols: usize, r: usize) -> (usize, usize) {
        let block = r / BLOCK_ROWS * BLOCK_ROWS;
        let stride = (self.rows.next_multiple_of(LANES) - block).min(BLOCK_ROWS);
        (block * self.cols.div_ceil(word_cols) + r - block, stride)
    }
}
