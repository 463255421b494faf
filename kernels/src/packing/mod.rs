//! Packed ternary weights: trits to words and back, in the layouts of [`atome_spec::layout`].
//!
//! Unpacked weights are `i8` trits, -1, 0 or +1, row-major. Packed weights are `u32` words
//! whose bytes, in memory, are little-endian. Nothing here allocates: callers give the output,
//! sized by each layout's `words`.
//!
//! | module | matrix | packings |
//! |---|---|---|
//! | [`matrix`] | weights of `gemv` and `gemm`, `[rows, cols]` | `int2`, `base3`, `sorted` |
//! | [`gemv`] | the same | `int2` |
//! | [`codes`] | the same, from files' rows of codes: `pack_into` alone | `int2` |
//! | [`sorted`](mod@sorted) | the same, from words of `int2`: `sort` alone | `sorted` |
//! | [`embed`] | embedding table, `[vocab, d_model]` | `int2`, `base3` |
//! | [`conv`] | depthwise filters, `[channels, taps]` | `int2` |
//! | [`scales`] | scales of groups of columns, `[rows, groups]` | f32 |
//! | [`int8`] | activations of `gemv` and `gemm`, `[tokens, cols]` | int8 |
//!
//! Matrices whose groups of columns have scales are packed by the methods of [`matrix::Matrix`].
//!
//! Each but [`codes`], [`sorted`](mod@sorted) and the last two has the same five functions: `words` (size), `pack_into`, `unpack_into`, `check`
//! (invalid codes and padding, without unpacking) and `get` (one weight).
//!
//! ```
//! use atome_kernels::Packing::Base3;
//! use atome_kernels::packing::matrix;
//!
//! let trits = [-1, 0, 1, 1];
//! let mut words = [0; 16];
//! assert_eq!(matrix::words(Base3, 1, 4), words.len());
//! matrix::pack_into(Base3, &trits, 1, 4, &mut words).unwrap();
//! assert_eq!(matrix::get(Base3, &words, 1, 4, 0, 2), 1);
//!
//! let mut back = [0; 4];
//! matrix::unpack_into(Base3, &words, 1, 4, &mut back).unwrap();
//! assert_eq!(back, trits);
//! ```

pub mod codes;
pub mod conv;
pub mod embed;
mod error;
pub mod gemv;
pub mod int8;
pub mod matrix;
pub mod scales;
pub mod sorted;
pub(crate) mod tile;
pub(crate) mod word;

pub use error::PackError;

use atome_spec::layout::ZERO_WORD;

/// Words checked between two branches.
const CHECK_WORDS: usize = 256;

/// The 2-bit code of a trit.
const fn code(trit: i8) -> u8 {
    (trit as u8).wrapping_add(1)
}

/// The trit of a 2-bit code below 3.
const fn trit(code: u8) -> i8 {
    code.wrapping_sub(1) as i8
}

/// Whether no 2-bit field of a word is 3.
const fn is_valid_int2(word: u32) -> bool {
    word & (word >> 1) & ZERO_WORD == 0
}

/// The first word that is not valid, as an error.
fn check_codes(words: &[u32], valid: impl Fn(u32) -> bool) -> Result<(), PackError> {
    // Folding a chunk without branches vectorises; the word is looked for only on failure.
    for (i, chunk) in words.chunks(CHECK_WORDS).enumerate() {
        if chunk.iter().fold(true, |all, word| all & valid(*word)) {
            continue;
        }
        if let Some(at) = chunk.iter().position(|word| !valid(*word)) {
            return Err(PackError::Code {
                word: i * CHECK_WORDS + at,
                bits: chunk[at],
            });
        }
    }
    Ok(())
}

/// The first element of a row that is not a trit, as an error.
fn check_row(row: usize, trits: &[i8]) -> Result<(), PackError> {
    if trits.iter().fold(0, |most, t| code(*t).max(most)) <= 2 {
        return Ok(());
    }
    match trits.iter().position(|t| code(*t) > 2) {
        Some(col) => Err(PackError::Trit {
            row,
            col,
            value: trits[col],
        }),
        None => Ok(()),
    }
}

/// Checks the lengths of both sides of a conversion.
fn check_lengths(
    (rows, cols): (usize, usize),
    trits: usize,
    words: (usize, usize),
) -> Result<(), PackError> {
    let expected = rows.saturating_mul(cols);
    if trits != expected {
        return Err(PackError::TritCount {
            rows,
            cols,
            expected,
            found: trits,
        });
    }
    check_word_count((rows, cols), words)
}

/// Checks the length of packed words, given as (expected, found).
fn check_word_count(
    (rows, cols): (usize, usize),
    (expected, found): (usize, usize),
) -> Result<(), PackError> {
    if expected == found {
        Ok(())
    } else {
        Err(PackError::WordCount {
            rows,
            cols,
            expected,
            found,
        })
    }
}
