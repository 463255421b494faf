//! The kernels. Those with a body are tested against it.

use atome_kernels::packing::{conv, embed, gemv};
use atome_kernels::{KernelError, Packing, ternary_kernel};

/// Tokens.
pub(crate) const VOCAB: usize = 10;
/// Width of the model.
pub(crate) const CHANNELS: usize = 24;
/// Width of a filter.
pub(crate) const TAPS: usize = 3;

/// `w * x`, without a multiplication.
fn select(trit: i8, x: f32) -> f32 {
    match trit {
        1 => x,
        -1 => -x,
        _ => 0.0,
    }
}

/// Rows of the embedding table, scaled.
#[ternary_kernel(op = "embed", vocab = 10, d_model = 24, packing = "base3")]
pub(crate) fn look_up(
    ids: &[i32],
    table: &[u32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError> {
    for (row, &id) in out.chunks_mut(CHANNELS).zip(ids) {
        for (c, out) in row.iter_mut().enumerate() {
            let trit = embed::get(Packing::Base3, table, VOCAB, CHANNELS, id as usize, c);
            *out = select(trit, scale);
        }
    }
    Ok(())
}

/// A causal filter of each channel over the tokens.
#[ternary_kernel(op = "conv1d", channels = 24, taps = 3, packing = "int2")]
pub(crate) fn convolve(
    w: &[u32],
    x: &[f32],
    history: &mut [f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError> {
    for (x, out) in x.chunks(CHANNELS).zip(out.chunks_mut(CHANNELS)) {
        for c in 0..CHANNELS {
            let past = |k: usize| if k == 0 { x[c] } else { history[(k - 1) * CHANNELS + c] };
            let term = |k| select(conv::get(w, CHANNELS, TAPS, c, k), past(k));
            out[c] = scale * (0..TAPS).fold(0.0, |sum, k| sum + term(k));
        }
        history.copy_within(..(TAPS - 2) * CHANNELS, CHANNELS);
        history[..CHANNELS].copy_from_slice(x);
    }
    Ok(())
}

/// A decaying state of each channel.
#[ternary_kernel(op = "scan", channels = 24)]
pub(crate) fn recur(
    decay: &[f32],
    b: &[f32],
    c: &[f32],
    x: &[f32],
    state: &mut [f32],
    out: &mut [f32],
) -> Result<(), KernelError> {
    for (x, out) in x.chunks(CHANNELS).zip(out.chunks_mut(CHANNELS)) {
        for i in 0..CHANNELS {
            state[i] = decay[i] * state[i] + b[i] * x[i];
            out[i] = c[i] * state[i];
        }
    }
    Ok(())
}

/// Logits of every token.
#[ternary_kernel(op = "gemm", rows = 10, cols = 24, packing = "int2", method = "select")]
pub(crate) fn project(
    w: &[u32],
    x: &[f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

/// Logits of one token.
#[ternary_kernel(op = "gemv", rows = 10, cols = 24, packing = "int2", cpu = "dispatch")]
pub(crate) fn logits(
    w: &[u32],
    x: &[f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError> {
    for (r, out) in out.iter_mut().enumerate() {
        let term = |(c, x): (usize, &f32)| select(gemv::get(w, VOCAB, CHANNELS, r, c), *x);
        *out = x.iter().enumerate().map(term).fold(0.0, |sum, x| sum + x) * scale;
    }
    Ok(())
}

/// Any matrix on any CPU.
#[cfg(test)]
#[ternary_kernel(op = "gemm", packing = "int2", cpu = "portable")]
pub(crate) fn any_product(
    rows: usize,
    cols: usize,
    out_stride: usize,
    w: &[u32],
    x: &[f32],
    tokens: usize,
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError> {
    for t in 0..tokens {
        for r in 0..rows {
            let term = |c| select(gemv::get(w, rows, cols, r, c), x[t * cols + c]);
            out[t * out_stride + r] = (0..cols).fold(0.0, |sum, c| sum + term(c)) * scale;
        }
    }
    Ok(())
}
