//! Ternary matrices: packing, quantising, products.

use crate::lent::{count, finite, slice, slice_mut};
use crate::rows::packing;
use crate::status::{Failure, Status, answer, call};
use atome_kernels::packing::{int8, matrix};
use atome_kernels::{Packing, safe};

#[unsafe(no_mangle)]
pub(crate) extern "C" fn tern_matrix_words(packing: u32, rows: usize, cols: usize) -> usize {
    answer(|| match self::packing(packing) {
        Ok(packing) => matrix::words(packing, rows, cols),
        Err(_) => 0,
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_matrix_pack(
    packing: u32,
    trits: *const i8,
    rows: usize,
    cols: usize,
    w: *mut u32,
    words: usize,
) -> Status {
    call(|| {
        let packing = self::packing(packing)?;
        // SAFETY: the caller vouches for `rows` rows of trits.
        let trits = unsafe { slice("trits", trits, count("trits", rows, cols)?)? };
        // SAFETY: the caller vouches for so many words.
        let w = unsafe { slice_mut("w", w, words)? };
        Ok(matrix::pack_into(packing, trits, rows, cols, w)?)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn tern_quantized_words(tokens: usize, cols: usize) -> usize {
    answer(|| int8::words(tokens, cols))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_quantize(
    x: *const f32,
    tokens: usize,
    cols: usize,
    q: *mut u32,
    words: usize,
    scales: *mut f32,
    sums: *mut i32,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for `tokens` rows of activations.
        let x = unsafe { slice("x", x, count("x", tokens, cols)?)? };
        // SAFETY: the caller vouches for so many words.
        let q = unsafe { slice_mut("q", q, words)? };
        // SAFETY: the caller vouches for a scale a row.
        let scales = unsafe { slice_mut("scales", scales, tokens)? };
        // SAFETY: the caller vouches for a sum a row.
        let sums = unsafe { slice_mut("sums", sums, tokens)? };
        if cols == 0 {
            return Err(Failure::argument("`cols` is 0, expected 1 or more"));
        }
        if tokens == 0 {
            return Ok(());
        }
        Ok(safe::quantize(x, q, scales, sums)?)
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_gemv(
    w: *const u32,
    rows: usize,
    cols: usize,
    x: *const f32,
    scale: f32,
    out: *mut f32,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for an int2 matrix of this size.
        let w = unsafe { slice("w", w, matrix::words(Packing::Int2, rows, cols))? };
        // SAFETY: the caller vouches for `cols` activations.
        let x = unsafe { slice("x", x, cols)? };
        // SAFETY: the caller vouches for `rows` outputs.
        let out = unsafe { slice_mut("out", out, rows)? };
        finite("scale", &[scale])?;
        Ok(safe::gemv(w, x, scale, out)?)
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_gemm(
    w: *const u32,
    rows: usize,
    cols: usize,
    x: *const f32,
    tokens: usize,
    scale: f32,
    out: *mut f32,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for an int2 matrix of this size.
        let w = unsafe { slice("w", w, matrix::words(Packing::Int2, rows, cols))? };
        // SAFETY: the caller vouches for `tokens` rows of activations.
        let x = unsafe { slice("x", x, count("x", tokens, cols)?)? };
        // SAFETY: the caller vouches for `tokens` rows of outputs.
        let out = unsafe { slice_mut("out", out, count("out", tokens, rows)?)? };
        finite("scale", &[scale])?;
        if tokens == 0 {
            return sized(rows, cols);
        }
        Ok(safe::gemm(rows, cols, w, x, scale, out)?)
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_gemv_i8(
    packing: u32,
    w: *const u32,
    rows: usize,
    cols: usize,
    q: *const u32,
    q_scale: f32,
    q_sum: i32,
    scale: f32,
    out: *mut f32,
) -> Status {
    call(|| {
        let packing = self::packing(packing)?;
        // SAFETY: the caller vouches for a matrix of this packing and size.
        let w = unsafe { slice("w", w, matrix::words(packing, rows, cols))? };
        // SAFETY: the caller vouches for `cols` quantised activations.
        let q = unsafe { slice("q", q, int8::words(1, cols))? };
        // SAFETY: the caller vouches for `rows` outputs.
        let out = unsafe { slice_mut("out", out, rows)? };
        finite("q_scale", &[q_scale])?;
        finite("scale", &[scale])?;
        let gemv = match packing {
            Packing::Int2 | Packing::Sorted => safe::gemv_int2_i8,
            Packing::Base3 => safe::gemv_base3_i8,
        };
        Ok(gemv(cols, w, q, &[q_scale], &[q_sum], scale, out)?)
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tern_gemm_i8(
    packing: u32,
    w: *const u32,
    rows: usize,
    cols: usize,
    q: *const u32,
    q_scales: *const f32,
    q_sums: *const i32,
    tokens: usize,
    scale: f32,
    out: *mut f32,
) -> Status {
    call(|| {
        let packing = self::packing(packing)?;
        // SAFETY: the caller vouches for a matrix of this packing and size.
        let w = unsafe { slice("w", w, matrix::words(packing, rows, cols))? };
        // SAFETY: the caller vouches for `tokens` rows of quantised activations.
        let q = unsafe { slice("q", q, int8::words(tokens, cols))? };
        // SAFETY: the caller vouches for a scale a row.
        let q_scales = unsafe { slice("q_scales", q_scales, tokens)? };
        // SAFETY: the caller vouches for a sum a row.
        let q_sums = unsafe { slice("q_sums", q_sums, tokens)? };
        // SAFETY: the caller vouches for `tokens` rows of outputs.
        let out = unsafe { slice_mut("out", out, count("out", tokens, rows)?)? };
        finite("q_scales", q_scales)?;
        finite("scale", &[scale])?;
        if tokens == 0 {
            return sized(rows, cols);
        }
        let gemm = match packing {
            Packing::Int2 | Packing::Sorted => safe::gemm_int2_i8,
            Packing::Base3 => safe::gemm_base3_i8,
        };
        Ok(gemm(rows, cols, w, q, q_scales, q_sums, scale, out)?)
    })
}

/// Checks the size of a matrix that multiplies nothing.
fn sized(rows: usize, cols: usize) -> Result<(), Failure> {
    match (rows, cols) {
        (0, _) => Err(Failure::argument("`rows` is 0, expected 1 or more")),
        (_, 0) => Err(Failure::argument("`cols` is 0, expected 1 or more")),
        _ => Ok(()),
    }
}
