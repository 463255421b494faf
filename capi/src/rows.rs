//! Rows of embedding tables.

use crate::lent::{count, finite, slice, slice_mut};
use crate::status::{Failure, Status, answer, call};
use atome_kernels::ops::ByteRows;
use atome_kernels::packing::embed;
use atome_kernels::{Packing, safe};
use std::ffi::c_int;

/// The packing of a number that C gives.
pub(crate) fn packing(number: u32) -> Result<Packing, Failure> {
    match number {
        0 => Ok(Packing::Int2),
        1 => Ok(Packing::Base3),
        _ => Err(Failure::argument(format_args!(
            "`packing` is {number}, expected TERN_INT2 or TERN_BASE3"
        ))),
    }
}

/// The specification's primitive. It has no status, so that it does nothing where an argument is none.
///
/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
#[expect(non_snake_case, reason = "the specification's name")]
pub(crate) unsafe extern "C" fn tern_embed(
    W: *const i8,
    ids: *const i32,
    out: *mut f32,
    scale: f32,
    seq_len: c_int,
    dim: c_int,
) {
    answer(|| {
        let (Ok(tokens), Ok(d_model)) = (usize::try_from(seq_len), usize::try_from(dim)) else {
            return;
        };
        if W.is_null() || !scale.is_finite() {
            return;
        }
        // SAFETY: the caller vouches for `tokens` ids and as many rows of output.
        let lent = unsafe {
            count("out", tokens, d_model).and_then(|elements| {
                Ok((slice("ids", ids, tokens)?, slice_mut("out", out, elements)?))
            })
        };
        if let Ok((ids, out)) = lent
            && ids.iter().all(|id| *id >= 0)
        {
            // SAFETY: the caller vouches for a row of `W` for each id.
            unsafe { ByteRows::best().embed(W, ids, scale, d_model, out) };
        }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn tern_table_words(packing: u32, vocab: usize, dim: usize) -> usize {
    answer(|| match self::packing(packing) {
        Ok(packing) => embed::words(packing, vocab, dim),
        Err(_) => 0,
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_table_pack(
    packing: u32,
    trits: *const i8,
    vocab: usize,
    dim: usize,
    table: *mut u32,
    words: usize,
) -> Status {
    call(|| {
        let packing = self::packing(packing)?;
        // SAFETY: the caller vouches for `vocab` rows of trits.
        let trits = unsafe { slice("trits", trits, count("trits", vocab, dim)?)? };
        // SAFETY: the caller vouches for so many words.
        let table = unsafe { slice_mut("table", table, words)? };
        Ok(embed::pack_into(packing, trits, vocab, dim, table)?)
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_embed_packed(
    packing: u32,
    table: *const u32,
    vocab: usize,
    ids: *const i32,
    out: *mut f32,
    scale: f32,
    seq_len: usize,
    dim: usize,
) -> Status {
    call(|| {
        let packing = self::packing(packing)?;
        // SAFETY: the caller vouches for a table of this packing and size.
        let table = unsafe { slice("table", table, embed::words(packing, vocab, dim))? };
        // SAFETY: the caller vouches for `seq_len` ids.
        let ids = unsafe { slice("ids", ids, seq_len)? };
        // SAFETY: the caller vouches for as many rows of output.
        let out = unsafe { slice_mut("out", out, count("out", seq_len, dim)?)? };
        finite("scale", &[scale])?;
        let embed = match packing {
            Packing::Int2 | Packing::Sorted => safe::embed_int2,
            Packing::Base3 => safe::embed_base3,
        };
        Ok(embed(dim, ids, table, scale, out)?)
    })
}
