//! Sizes and bit positions of packed weights in memory; `docs/formats.md` draws them.
//!
//! Matrices of `gemv`/`gemm`: blocks of up to 64 rows; a block holds
//! `[ceil(cols / word_cols)][groups][16 rows]` little-endian `u32`, where `groups` is 4, or
//! fewer in the last block if fewer 16-row groups remain. `int2`: a `u32` holds 16 consecutive
//! columns of one row, column `k` (mod 16) at bit [`gemv_bit`]`(k)`, code = trit + 1. `base3`:
//! it holds 20, and digit `k` of byte `b` is column `4 k + b`. `sorted`: the bytes of `int2`, of which in blocks of 64 rows
//! byte `g` of word `16 i + l` of 64 is byte `i` of the word of row `16 g + l`.
//!
//! Matrices of `group_gemv`, `group_gemm` and `group_embed`: the same, but that every group of columns begins with a word of
//! its own, so that the last word of each may have fewer columns ([`row_words`]). Groups are whole words of `int2`; in
//! `base3`, 64 columns take 4 words, 128 take 7, 192 take 10 and 256 take 13.
//!
//! int8 activations: four columns a `u32`, the first in the lowest byte, a row padded with 0
//! to a multiple of 16 columns.
//!
//! Embedding rows: tiles of 64 bytes, 16 `u32` lanes. `int2`: 256 columns a tile, column
//! `16 j + lane` at bit `2 j` of its lane. `base3`: 320 columns a tile, digit `k` of byte
//! `b` of `lane` is column `64 k + 16 b + lane`.
//!
//! Convolution taps: one `u32` a channel for each 16 taps, tap `k` at bit `2 (k mod 16)`,
//! stored `[ceil(taps / 16)][channels]`.
//!
//! Trits that only pad hold the code of 0.
//!
//! Rows of a float table for `lookup_f16` and `lookup_i8`: tiles of 16 `u32` lanes. Half `k` of
//! `lane` is column `16 k + lane` of a tile of 32, byte `k` of `lane` is column `16 k + lane` of
//! a tile of 64. What only pads is 0.
//!
//! Caches of `attend` lie as [`CacheType`](crate::CacheType) says.

use crate::{LANES, Packing};

/// Rows of a `gemv`/`gemm` block.
pub const BLOCK_ROWS: usize = 64;
/// Columns held by one `u32` of an `int2` matrix, and taps by one of a convolution.
pub const WORD_COLS: usize = 16;
/// What groups of columns with a scale of their own are multiples of.
pub const GROUP_COLS: usize = 64;
/// Bytes of an embedding tile.
pub const TILE_BYTES: usize = 64;
/// Most columns of a product with int8 activations: its sums, and the parts of them that kernels
/// keep times up to 64, fit an i32.
pub const MAX_I8_COLS: usize = 1 << 18;
/// A `u32` of 16 codes that are all 0 (code 1).
pub const ZERO_WORD: u32 = 0x5555_5555;

/// The bit of a matrix word at which column `k`, modulo 16, starts.
///
/// Quads of columns share a 2-bit field of each byte, so that the same bytes also feed
/// four-way dot-product instructions after one mask.
pub const fn gemv_bit(k: usize) -> usize {
    8 * (k & 3) + 2 * (k >> 2 & 3)
}

/// Columns held by one `u32` of a `gemv`/`gemm` matrix.
pub const fn word_cols(packing: Packing) -> usize {
    packing.word_cols()
}

/// `u32` words of a row of a matrix, of which each `group` columns begin with a word of their own if there are such groups.
///
/// ```
/// use atome_spec::{Packing::Base3, layout::row_words};
///
/// assert_eq!(row_words(Base3, 256, None), 13);
/// assert_eq!(row_words(Base3, 256, Some(64)), 4 * 4);
/// ```
///
/// # Panics
/// If a group has no columns.
pub const fn row_words(packing: Packing, cols: usize, group: Option<usize>) -> usize {
    let words = word_cols(packing);
    match group {
        Some(group) => (cols / group) * group.div_ceil(words) + (cols % group).div_ceil(words),
        None => cols.div_ceil(words),
    }
}

/// `u32` words of a `rows` by `cols` matrix of `gemv`/`gemm`; `usize::MAX` if that overflows.
pub const fn gemv_words(packing: Packing, rows: usize, cols: usize) -> usize {
    matrix_words(packing, rows, cols, None)
}

/// `u32` words of a matrix, by [`row_words`]; `usize::MAX` if that overflows.
pub const fn matrix_words(
    packing: Packing,
    rows: usize,
    cols: usize,
    group: Option<usize>,
) -> usize {
    let rows = rows.div_ceil(LANES).saturating_mul(LANES);
    rows.saturating_mul(row_words(packing, cols, group))
}

/// `u32` words of a row of `width` int8 activations, padding included.
pub const fn q_words(width: usize) -> usize {
    width.div_ceil(LANES) * (LANES / 4)
}

/// Columns held by one 64-byte embedding tile.
pub const fn tile_cols(packing: Packing) -> usize {
    packing.tile_cols()
}

/// Bytes of one embedding row of `cols` columns, a multiple of 64.
pub const fn embed_row_bytes(packing: Packing, cols: usize) -> usize {
    cols.div_ceil(tile_cols(packing)) * TILE_BYTES
}

/// `u32` words of the taps of `channels` depthwise filters of width `taps`; `usize::MAX` if that
/// overflows.
pub const fn conv_words(channels: usize, taps: usize) -> usize {
    taps.div_ceil(WORD_COLS).saturating_mul(channels)
}

/// `u32` words of a row of `cols` columns in a table of f16.
pub const fn f16_row_words(cols: usize) -> usize {
    cols.div_ceil(2 * LANES) * LANES
}

/// `u32` words of a row of `cols` columns in a table of int8.
pub const fn i8_row_words(cols: usize) -> usize {
    cols.div_ceil(4 * LANES) * LANES
}
