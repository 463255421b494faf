//! Embedding tables: rows of 64-byte tiles, `int2` (256 columns a tile) or `base3` (320).
//!
//! Every row starts at a multiple of 64 bytes from the table's start, so one row is a whole
//! number of cache lines and is found by a multiplication.

use atome_spec::layout::{embed_row_bytes, tile_cols};
use atome_spec::{LANES, Packing};

use super::tile::{Codec, with_tile};
use super::{PackError, check_codes, check_lengths, check_row, check_word_count};

/// `u32` words of one packed row of `cols` columns, a multiple of 16.
pub const fn row_words(packing: Packing, cols: usize) -> usize {
    embed_row_bytes(packing, cols) / size_of::<u32>()
}

/// `u32` words of a packed `rows` by `cols` table; `usize::MAX` if that overflows.
pub const fn words(packing: Packing, rows: usize, cols: usize) -> usize {
    rows.saturating_mul(row_words(packing, cols))
}

/// Packs row-major trits.
///
/// - `trits`: `[rows, cols]`, each -1, 0 or +1.
/// - `out`: [`words`]`(packing, rows, cols)` words, overwritten; padding gets the code of 0.
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
    let expected = words(packing, rows, cols);
    check_lengths((rows, cols), trits.len(), (expected, out.len()))?;
    with_tile!(packing, C => pack_rows::<C>(trits, cols, out))
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
    let expected = words(packing, rows, cols);
    check_lengths((rows, cols), trits.len(), (expected, packed.len()))?;
    check(packing, packed, rows, cols)?;
    with_tile!(packing, C => unpack_rows::<C>(packed, cols, trits));
    Ok(())
}

/// Checks length, codes and padding without unpacking more than each row's last tile.
///
/// # Errors
/// [`PackError::WordCount`], [`PackError::Code`] or [`PackError::Padding`]: the first fault
/// of the first kind that occurs, in this order.
pub fn check(packing: Packing, packed: &[u32], rows: usize, cols: usize) -> Result<(), PackError> {
    let expected = words(packing, rows, cols);
    check_word_count((rows, cols), (expected, packed.len()))?;
    with_tile!(packing, C => {
        check_codes(packed, C::is_valid)?;
        check_padding::<C>(packed, cols)
    })
}

/// The weight at row `r`, column `c` of checked words.
///
/// # Panics
/// If `r` or `c` is outside the table, or `packed` is too short.
pub fn get(packing: Packing, packed: &[u32], rows: usize, cols: usize, r: usize, c: usize) -> i8 {
    assert!(
        r < rows && c < cols,
        "({r}, {c}) is outside {rows} by {cols}"
    );
    assert!(packed.len() >= words(packing, rows, cols), "too few words");
    let row = &packed[r * row_words(packing, cols)..];
    let tile = &row.as_chunks().0[c / tile_cols(packing)];
    let col = c % tile_cols(packing);
    with_tile!(packing, C => C::get(tile, col))
}

/// Packs each row; the lengths are checked.
fn pack_rows<C: Codec>(trits: &[i8], cols: usize, out: &mut [u32]) -> Result<(), PackError> {
    if trits.is_empty() {
        return Ok(());
    }
    let packed_rows = out.chunks_exact_mut(LANES * cols.div_ceil(C::COLS));
    for (r, (row, packed)) in trits.chunks_exact(cols).zip(packed_rows).enumerate() {
        check_row(r, row)?;
        let tiles = packed.as_chunks_mut().0.iter_mut();
        for (tile, trits) in tiles.zip(row.chunks(C::COLS)) {
            *tile = C::pack(trits);
        }
    }
    Ok(())
}

/// Unpacks each row; the lengths are checked.
fn unpack_rows<C: Codec>(packed: &[u32], cols: usize, trits: &mut [i8]) {
    if trits.is_empty() {
        return;
    }
    let packed_rows = packed.chunks_exact(LANES * cols.div_ceil(C::COLS));
    for (row, packed) in trits.chunks_exact_mut(cols).zip(packed_rows) {
        let tiles = packed.as_chunks().0.iter();
        for (trits, tile) in row.chunks_mut(C::COLS).zip(tiles) {
            C::unpack(tile, trits);
        }
    }
}

/// The first word of a row's last tile whose columns beyond `cols` are not 0, as an error.
fn check_padding<C: Codec>(packed: &[u32], cols: usize) -> Result<(), PackError> {
    let used = cols % C::COLS;
    if used == 0 || packed.is_empty() {
        return Ok(());
    }
    let tiles_a_row = cols.div_ceil(C::COLS);
    let tiles = packed.as_chunks().0.iter().enumerate();
    for (i, tile) in tiles.skip(tiles_a_row - 1).step_by(tiles_a_row) {
        if let Some(col) = C::beyond(tile, used) {
            let lane = col % LANES;
            return Err(PackError::Padding {
                word: i * LANES + lane,
                bits: tile[lane],
            });
        }
    }
    Ok(())
}
