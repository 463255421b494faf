//! Kernels in a crate with the strictest lints, without `std`, and in a module without a prelude.
//! One source, compiled in every edition.
#![no_std]
#![forbid(unsafe_code, dead_code, unused_variables, clippy::undocumented_unsafe_blocks)]
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    future_incompatible,
    nonstandard_style,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#![allow(unused_extern_crates, reason = "of the edition 2015")]

extern crate atome_kernels;

use atome_kernels::{KernelError, packing, ternary_kernel};

/// Rows of the matrices.
pub const ROWS: usize = 5;

/// What the shapes are made of.
pub mod shape {
    /// Columns of the matrices.
    pub const COLS: usize = 24;
    /// Whether the model is small.
    pub const SMALL: bool = true;
}

/// Numbers in the attribute, and a raw identifier.
#[ternary_kernel(op = "gemv", rows = 5, cols = 24, packing = "int2")]
pub fn numbers(w: &[u32], r#x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

/// Constants in the attribute.
///
/// Its body is the definition.
#[ternary_kernel(op = "gemv", rows = ROWS, cols = shape::COLS, packing = "int2")]
pub fn constants(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError> {
    for (r, out) in out.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (c, x) in x.iter().enumerate() {
            sum += match packing::gemv::get(w, ROWS, shape::COLS, r, c) {
                1 => *x,
                -1 => -*x,
                _ => 0.0,
            };
        }
        *out = sum * scale;
    }
    Ok(())
}

/// A constant expression.
///
/// # Errors
/// Said here, so nothing is added.
#[ternary_kernel(
    op = "gemv",
    rows = if shape::SMALL { ROWS } else { 2 * ROWS },
    cols = 24,
    packing = "base3",
    activation = "i8"
)]
pub fn int8(
    w: &[u32],
    x: &[u32],
    x_scale: &[f32],
    x_sum: &[i32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

/// More arguments than clippy likes.
#[ternary_kernel(op = "gemm", packing = "int2", cpu = "portable")]
pub(crate) fn r#match(
    rows: usize,
    cols: usize,
    tokens: usize,
    out_stride: usize,
    w: &[u32],
    x: &[f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

/// Rows of a table.
#[ternary_kernel(op = "embed", vocab = 9, d_model = 24, packing = "base3")]
pub fn embed(ids: &[i32], table: &[u32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

/// Nothing is in scope here.
pub mod no_prelude {
    #![no_implicit_prelude]

    /// Rows of 24 to int8, held to the definition of the op.
    #[::atome_kernels::ternary_kernel(op = "quantize", width = 24)]
    pub fn quantize(
        x: &[f32],
        q: &mut [u32],
        q_scale: &mut [f32],
        q_sum: &mut [i32],
    ) -> ::core::result::Result<(), ::atome_kernels::KernelError> {
        let rows = ::core::iter::Iterator::enumerate(::core::iter::zip(q_scale, q_sum));
        for (r, (scale, sum)) in rows {
            let mut bytes = [0; 24];
            ::atome_kernels::reference::quantize(
                &x[24 * r..24 * (r + 1)],
                24,
                &mut bytes,
                ::core::slice::from_mut(scale),
                ::core::slice::from_mut(sum),
            );
            let words = &mut q[8 * r..8 * (r + 1)];
            ::atome_kernels::packing::int8::pack_into(&bytes, 24, words);
        }
        ::core::result::Result::Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{KernelError, ROWS, constants, embed, int8, no_prelude, numbers, packing, shape};
    use super::r#match;
    use atome_kernels::Packing;

    const TRITS: [i8; ROWS * shape::COLS] = [1; ROWS * shape::COLS];

    #[test]
    fn numbers_and_constants_give_the_same() {
        let mut w = [0; packing::gemv::words(ROWS, shape::COLS)];
        packing::gemv::pack_into(&TRITS, ROWS, shape::COLS, &mut w).unwrap();
        let (x, mut out) = ([0.5; shape::COLS], [[0.0; ROWS]; 3]);
        numbers(&w, &x, 2.0, &mut out[0]).unwrap();
        constants(&w, &x, 2.0, &mut out[1]).unwrap();
        r#match(ROWS, shape::COLS, 1, ROWS, &w, &x, 2.0, &mut out[2]).unwrap();
        assert!(out.iter().flatten().all(|sum| sum.to_bits() == 24.0f32.to_bits()));
    }

    #[test]
    fn what_is_quantized_is_multiplied() {
        let mut w = [0; packing::matrix::words(Packing::Base3, ROWS, shape::COLS)];
        packing::matrix::pack_into(Packing::Base3, &TRITS, ROWS, shape::COLS, &mut w).unwrap();
        let (mut q, mut q_scale, mut q_sum) = ([0; 8], [0.0], [0]);
        no_prelude::quantize(&[1.0; 24], &mut q, &mut q_scale, &mut q_sum).unwrap();
        assert_eq!(q_sum, [24 * 127]);
        let mut out = [0.0; ROWS];
        int8(&w, &q, &q_scale, &q_sum, 1.0, &mut out).unwrap();
        assert!(out.iter().all(|sum| (sum - 24.0).abs() < 1e-3));
    }

    #[test]
    fn mistakes_are_values() {
        let mut out = [0.0; 24];
        let id = KernelError::Id {
            position: 0,
            found: 9,
            vocab: 9,
        };
        assert_eq!(embed(&[9], &[0; 9 * 16], 1.0, &mut out), Err(id));
        let found = usize::MAX;
        let rows = r#match(found, 0, 0, found, &[], &[], 1.0, &mut []);
        let dimension = KernelError::Dimension {
            dimension: "rows",
            found,
            min: 0,
            max: 1 << 31,
        };
        assert_eq!(rows, Err(dimension));
    }
}
