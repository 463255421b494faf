//! Depthwise filters of `conv1d`: one `int2` word a channel for each 16 taps.
//!
//! `[ceil(taps / 16)][channels]` words, tap `k` at bit `2 (k mod 16)`: a vector load gives
//! 16 consecutive channels.

use atome_spec::layout::{self, WORD_COLS, ZERO_WORD};

use super::{
    PackError, check_codes, check_lengths, check_row, check_word_count, code, is_valid_int2, trit,
};

/// `u32` words of the packed filters; `usize::MAX` if that overflows.
pub const fn words(channels: usize, taps: usize) -> usize {
    layout::conv_words(channels, taps)
}

/// Packs row-major trits.
///
/// - `trits`: `[channels, taps]`, each -1, 0 or +1; tap 0 weighs the current token.
/// - `out`: [`words`]`(channels, taps)` words, overwritten; padding gets the code of 0.
///
/// # Errors
/// [`PackError::TritCount`] and [`PackError::WordCount`] for wrong lengths,
/// [`PackError::Trit`] for another value; `out` is then unspecified.
pub fn pack_into(
    trits: &[i8],
    channels: usize,
    taps: usize,
    out: &mut [u32],
) -> Result<(), PackError> {
    let expected = words(channels, taps);
    check_lengths((channels, taps), trits.len(), (expected, out.len()))?;
    if taps == 0 {
        return Ok(());
    }
    for (channel, filter) in trits.chunks_exact(taps).enumerate() {
        check_row(channel, filter)?;
        for (i, taps) in filter.chunks(WORD_COLS).enumerate() {
            let fields = taps.iter().enumerate();
            out[i * channels + channel] = fields.fold(ZERO_WORD, |word, (k, t)| {
                // The field holds 1, the code of 0, before.
                word ^ u32::from(code(*t) ^ 1) << (2 * k)
            });
        }
    }
    Ok(())
}

/// Unpacks to row-major trits, after [`check`].
///
/// # Errors
/// Those of [`check`], and [`PackError::TritCount`] if `trits` has not `channels * taps`
/// elements.
pub fn unpack_into(
    packed: &[u32],
    channels: usize,
    taps: usize,
    trits: &mut [i8],
) -> Result<(), PackError> {
    let expected = words(channels, taps);
    check_lengths((channels, taps), trits.len(), (expected, packed.len()))?;
    check(packed, channels, taps)?;
    if taps == 0 {
        return Ok(());
    }
    for (channel, filter) in trits.chunks_exact_mut(taps).enumerate() {
        for (i, taps) in filter.chunks_mut(WORD_COLS).enumerate() {
            let word = packed[i * channels + channel];
            for (k, t) in taps.iter_mut().enumerate() {
                *t = trit((word >> (2 * k) & 3) as u8);
            }
        }
    }
    Ok(())
}

/// Checks length, codes and padding without unpacking.
///
/// # Errors
/// [`PackError::WordCount`], [`PackError::Code`] or [`PackError::Padding`]: the first fault
/// of the first kind that occurs, in this order.
pub fn check(packed: &[u32], channels: usize, taps: usize) -> Result<(), PackError> {
    let expected = words(channels, taps);
    check_word_count((channels, taps), (expected, packed.len()))?;
    check_codes(packed, is_valid_int2)?;
    let used = taps % WORD_COLS;
    if used == 0 {
        return Ok(());
    }
    let first = packed.len() - channels;
    let mask = u32::MAX << (2 * used);
    for (channel, bits) in packed[first..].iter().enumerate() {
        if (bits ^ ZERO_WORD) & mask != 0 {
            return Err(PackError::Padding {
                word: first + channel,
                bits: *bits,
            });
        }
    }
    Ok(())
}

/// The weight of `tap` of `channel` of checked words.
///
/// # Panics
/// If `channel` or `tap` is outside the matrix, or `packed` is too short.
pub fn get(packed: &[u32], channels: usize, taps: usize, channel: usize, tap: usize) -> i8 {
    assert!(
        channel < channels && tap < taps,
        "({channel}, {tap}) is outside {channels} by {taps}"
    );
    assert!(packed.len() >= words(channels, taps), "too few words");
    let word = packed[tap / WORD_COLS * channels + channel];
    trit((word >> (2 * (tap % WORD_COLS)) & 3) as u8)
}
