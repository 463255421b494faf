//! int8 activations: four a word, the first in the lowest byte, each row padded with 0 to a
//! multiple of 16.

use atome_spec::layout;

/// `u32` words of `rows` rows of `width` activations; `usize::MAX` if that overflows.
pub const fn words(rows: usize, width: usize) -> usize {
    rows.saturating_mul(layout::q_words(width))
}

/// Packs rows of activations.
///
/// - `q`: `[rows, width]`; `out`: [`words`]`(rows, width)` words, overwritten.
///
/// # Panics
/// If a length is wrong.
pub fn pack_into(q: &[i8], width: usize, out: &mut [u32]) {
    let rows = q.len().checked_div(width).unwrap_or(0);
    assert_eq!(q.len(), rows * width, "whole rows");
    assert_eq!(out.len(), words(rows, width), "length of out");
    if rows == 0 {
        return;
    }
    for (q, out) in q.chunks(width).zip(out.chunks_mut(layout::q_words(width))) {
        out.fill(0);
        for (c, q) in q.iter().enumerate() {
            out[c / 4] |= u32::from(q.cast_unsigned()) << (8 * (c % 4));
        }
    }
}
