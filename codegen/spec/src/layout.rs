//! Sizes and bit positions of packed weights in memory; `docs/formats.md` draws them.
//!
//! Matrices of `gemv`/`gemm` (`int2`): blocks of up to 64 rows; a block holds
//! `[ceil(cols / 16)][groups][16 rows]` little-endian `u32`, where `groups` is 4, or fewer
//! in the last block if fewer 16-row groups remain. A `u32` holds 16 consecutive columns
//! of one row: column `k` (mod 16) at bit [`gemv_bit`]`(k)`, code = trit + 1.
//!
//! Embedding rows: tiles of 64 bytes, 16 `u32` lanes. `int2`: 256 columns a tile, column
//! `16 j + lane` at bit `2 j` of its lane. `base3`: 320 columns a tile, digit `k` of byte
//! `b` of `lane` is column `64 k + 16 b + lane`.
//!
//! Convolution taps: one `u32` a channel for each 16 taps, tap `k` at bit `2 (k mod 16)`,
//! stored `[ceil(taps / 16)][channels]`.
//!
//! Trits that only pad hold the code of 0.

use crate::{LANES, Packing};

/// Rows of a `gemv`/`gemm` block.
pub const BLOCK_ROWS: usize = 64;
/// Columns held by one `u32` of a `gemv`/`gemm` matrix, and taps by one of a convolution.
pub const WORD_COLS: usize = 16;
/// Bytes of an embedding tile.
pub const TILE_BYTES: usize = 64;
/// A `u32` of 16 codes that are all 0 (code 1).
pub const ZERO_WORD: u32 = 0x5555_5555;

/// The bit of a matrix word at which column `k` (below 16) starts.
///
/// Quads of columns share a 2-bit field of each byte, so that the same bytes also feed
/// four-way dot-product instructions after one mask.
pub const fn gemv_bit(k: usize) -> usize {
    8 * (k & 3) + 2 * (k >> 2)
}

/// `u32` words of a `rows` by `cols` matrix of `gemv`/`gemm`.
pub const fn gemv_words(rows: usize, cols: usize) -> usize {
    rows.div_ceil(LANES) * LANES * cols.div_ceil(WORD_COLS)
}

/// Columns held by one 64-byte embedding tile.
pub const fn tile_cols(packing: Packing) -> usize {
    match packing {
        Packing::Int2 => 256,
        Packing::Base3 => 320,
    }
}

/// Bytes of one embedding row of `cols` columns, a multiple of 64.
pub const fn embed_row_bytes(packing: Packing, cols: usize) -> usize {
    cols.div_ceil(tile_cols(packing)) * TILE_BYTES
}

/// `u32` words of the taps of `channels` depthwise filters of width `taps`.
pub const fn conv_words(channels: usize, taps: usize) -> usize {
    taps.div_ceil(WORD_COLS) * channels
}
