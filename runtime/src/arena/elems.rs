//! Bytes of the arena, and of files, as numbers.

use std::borrow::Cow;

/// Bytes as 32-bit floats.
///
/// # Panics
/// If the bytes are not aligned to 4 or not a multiple of 4 long; tensors are both.
pub(crate) fn as_f32(bytes: &[u8]) -> &[f32] {
    // SAFETY: every bit pattern is an f32.
    let (head, floats, tail) = unsafe { bytes.align_to::<f32>() };
    assert!(
        head.is_empty() && tail.is_empty(),
        "a tensor of f32 is aligned to 4 bytes"
    );
    floats
}

/// Little-endian 32-bit words as numbers of this machine; without a copy where they are that, and aligned.
pub(crate) fn words(bytes: &[u8]) -> Cow<'_, [u32]> {
    // SAFETY: every bit pattern is a u32.
    let (head, words, tail) = unsafe { bytes.align_to::<u32>() };
    if cfg!(target_endian = "little") && head.is_empty() && tail.is_empty() {
        return Cow::Borrowed(words);
    }
    let words = bytes.as_chunks().0.iter();
    words.map(|word| u32::from_le_bytes(*word)).collect()
}

/// Bytes as 32-bit words, for writing.
///
/// # Panics
/// As [`as_f32`].
pub(crate) fn as_u32_mut(bytes: &mut [u8]) -> &mut [u32] {
    // SAFETY: every bit pattern is a u32.
    let (head, words, tail) = unsafe { bytes.align_to_mut::<u32>() };
    assert!(
        head.is_empty() && tail.is_empty(),
        "a tensor of words is aligned to 4 bytes"
    );
    words
}

/// The bytes of words, for writing.
#[cfg(feature = "embed")]
pub(crate) fn bytes_of_words(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: words are bytes, of any value.
    unsafe { words.align_to_mut().1 }
}

/// Bytes as 32-bit floats, for writing.
///
/// # Panics
/// As [`as_f32`].
pub(crate) fn as_f32_mut(bytes: &mut [u8]) -> &mut [f32] {
    // SAFETY: every bit pattern is an f32.
    let (head, floats, tail) = unsafe { bytes.align_to_mut::<f32>() };
    assert!(
        head.is_empty() && tail.is_empty(),
        "a tensor of f32 is aligned to 4 bytes"
    );
    floats
}
