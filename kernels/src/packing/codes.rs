//! Trits of files to matrices of `int2`, at the speed of memory: rows of two-bit codes, four a byte from the low end, each
//! row a whole number of bytes.
//!
//! Such a row has the codes that a matrix has, and 16 of its columns are as many bytes as a word; only their order in the
//! word is another. A word of a file is four bytes of four codes, and the same square read the other way is the word of a
//! matrix.

use super::{PackError, is_valid_int2, matrix};
use atome_spec::layout::{BLOCK_ROWS, WORD_COLS, ZERO_WORD};
use atome_spec::{LANES, Packing};

/// Codes of a byte.
const PER_BYTE: usize = 4;
/// Bytes of a word.
const WORD_BYTES: usize = 4;
/// Words of a row that are moved together: as many as a line of the cache, and as rows.
const TILE_WORDS: usize = LANES;

/// Packs rows of codes, `trit + 1`, as [`matrix::pack_into`] packs the trits, and compares what it wrote with them.
///
/// - `codes`: `[rows, cols / 4]` bytes; `cols` is a multiple of 4.
/// - `out`: [`matrix::words`] words of `int2`, overwritten; padding gets the code of 0.
///
/// # Errors
/// [`PackError::TritCount`] and [`PackError::WordCount`] for wrong lengths, or columns that are no whole bytes;
/// [`PackError::Trit`] for the code 3, as the value 2. `out` is then unspecified.
///
/// # Panics
/// If the words are not those of the codes, which would be a fault of this machine.
pub fn pack_into(codes: &[u8], rows: usize, cols: usize, out: &mut [u32]) -> Result<(), PackError> {
    let trits = codes.len().saturating_mul(PER_BYTE);
    if rows.checked_mul(cols) != Some(trits) || !cols.is_multiple_of(PER_BYTE) {
        return Err(PackError::TritCount {
            rows,
            cols,
            expected: rows.saturating_mul(cols),
            found: trits,
        });
    }
    super::check_word_count(
        (rows, cols),
        (matrix::words(Packing::Int2, rows, cols), out.len()),
    )?;
    if cols == 0 {
        return Ok(());
    }
    check(codes, cols)?;
    let blocks = codes.chunks(BLOCK_ROWS * cols / PER_BYTE);
    let block_words = BLOCK_ROWS * cols.div_ceil(WORD_COLS);
    for (block, out) in blocks.zip(out.chunks_mut(block_words)) {
        pack_block(block, cols, out);
    }
    Ok(())
}

/// Checks that no code is 3.
fn check(codes: &[u8], cols: usize) -> Result<(), PackError> {
    let is_valid = |byte: u8| byte & (byte >> 1) & 0x55 == 0;
    // Without branches, so that it vectorises.
    if codes.iter().fold(true, |all, byte| all & is_valid(*byte)) {
        return Ok(());
    }
    let at = codes.iter().position(|byte| !is_valid(*byte));
    let at = at.unwrap_or_default();
    let first = (0..PER_BYTE).position(|k| codes[at] >> (2 * k) & 3 == 3);
    let index = at * PER_BYTE + first.unwrap_or_default();
    Err(PackError::Trit {
        row: index / cols,
        col: index % cols,
        value: 2,
    })
}

/// Packs up to 64 rows, 16 words of 16 rows at a time, which stay in the cache until all rows have theirs.
fn pack_block(codes: &[u8], cols: usize, out: &mut [u32]) {
    let row_bytes = cols / PER_BYTE;
    let rows = codes.len() / row_bytes;
    let stride = rows.next_multiple_of(LANES);
    for (first, tile) in out.chunks_mut(TILE_WORDS * stride).enumerate() {
        let start = first * TILE_WORDS * WORD_BYTES;
        let end = row_bytes.min(start + TILE_WORDS * WORD_BYTES);
        for lanes in (0..stride).step_by(LANES) {
            // Rows beyond the last are codes of 0.
            let mut lines = [[ZERO_WORD; TILE_WORDS]; LANES];
            let rows = codes.chunks_exact(row_bytes).skip(lanes);
            for (line, row) in lines.iter_mut().zip(rows) {
                *line = words(&row[start..end]);
            }
            let packed = turned(&lines);
            for (to, line) in tile.chunks_exact_mut(stride).zip(&packed) {
                to[lanes..][..LANES].copy_from_slice(line);
            }
            let mut written = packed;
            for (line, from) in written.iter_mut().zip(tile.chunks_exact(stride)) {
                line.copy_from_slice(&from[lanes..][..LANES]);
            }
            assert!(
                turned(&written) == lines,
                "words read back differ from their codes"
            );
        }
    }
}

/// 16 words of 16 rows, a row for each word, and in each word the square of codes, read the other way; or the reverse. In
/// squares of four, which all vectors of 128 bits can do, and out of line, because that vectorises.
#[inline(never)]
fn turned(lines: &[[u32; TILE_WORDS]; LANES]) -> [[u32; LANES]; TILE_WORDS] {
    let mut turned = [[0; LANES]; TILE_WORDS];
    for (i, lines) in lines.as_chunks::<4>().0.iter().enumerate() {
        for (j, turned) in turned.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let [a, b, c, d] = lines.each_ref().map(|line| &line[4 * j..][..4]);
            for (k, line) in turned.iter_mut().enumerate() {
                line[4 * i..][..4].copy_from_slice(&[a[k], b[k], c[k], d[k]]);
            }
        }
    }
    for word in turned.as_flattened_mut() {
        *word = transposed(*word);
    }
    turned
}

/// The words of up to 64 bytes, padded with codes of 0.
#[inline]
fn words(bytes: &[u8]) -> [u32; TILE_WORDS] {
    let mut padded = [(ZERO_WORD & 0xff) as u8; TILE_WORDS * WORD_BYTES];
    match bytes.first_chunk() {
        // Of a length that is known, which is much faster.
        Some(whole) => padded = *whole,
        None => padded[..bytes.len()].copy_from_slice(bytes),
    }
    let mut words = [0; TILE_WORDS];
    for (word, bytes) in words.iter_mut().zip(padded.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// The square of four times four codes, read the other way.
const fn transposed(word: u32) -> u32 {
    let halves = (word ^ (word >> 12)) & 0x0000_f0f0;
    let word = word ^ halves ^ (halves << 12);
    let singles = (word ^ (word >> 6)) & 0x00cc_00cc;
    word ^ singles ^ (singles << 6)
}

const _: () = assert!(is_valid_int2(ZERO_WORD) && transposed(ZERO_WORD) == ZERO_WORD);
