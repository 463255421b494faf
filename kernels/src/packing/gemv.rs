//! [`super::matrix`] in `int2`, the packing that every `gemv` and `gemm` takes.

use super::{PackError, matrix};
use atome_spec::Packing;

/// [`matrix::words`] in `int2`.
pub const fn words(rows: usize, cols: usize) -> usize {
    matrix::words(Packing::Int2, rows, cols)
}

/// [`matrix::pack_into`] in `int2`.
///
/// # Errors
/// As [`matrix::pack_into`].
pub fn pack_into(trits: &[i8], rows: usize, cols: usize, out: &mut [u32]) -> Result<(), PackError> {
    matrix::pack_into(Packing::Int2, trits, rows, cols, out)
}

/// [`matrix::unpack_into`] in `int2`.
///
/// # Errors
/// As [`matrix::unpack_into`].
pub fn unpack_into(
    packed: &[u32],
    rows: usize,
    cols: usize,
    trits: &mut [i8],
) -> Result<(), PackError> {
    matrix::unpack_into(Packing::Int2, packed, rows, cols, trits)
}

/// [`matrix::check`] in `int2`.
///
/// # Errors
/// As [`matrix::check`].
pub fn check(packed: &[u32], rows: usize, cols: usize) -> Result<(), PackError> {
    matrix::check(Packing::Int2, packed, rows, cols)
}

/// [`matrix::get`] in `int2`.
///
/// # Panics
/// As [`matrix::get`].
pub fn get(packed: &[u32], rows: usize, cols: usize, r: usize, c: usize) -> i8 {
    matrix::get(Packing::Int2, packed, rows, cols, r, c)
}
