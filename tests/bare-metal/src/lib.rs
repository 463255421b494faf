//! One layer for a microcontroller: activations are rounded to int8, then multiplied.
#![no_std]
#![forbid(unsafe_code)]

use atome_kernels::{KernelError, ternary_kernel};

/// Rows and columns of the matrix.
pub const WIDTH: usize = 64;

/// Activations to int8, with their scale and their sum.
#[ternary_kernel(op = "quantize", rows = 1, width = 64)]
pub fn quantize(
    x: &[f32],
    q: &mut [u32],
    q_scale: &mut [f32],
    q_sum: &mut [i32],
) -> Result<(), KernelError>;

/// The product with the matrix.
#[ternary_kernel(op = "gemv", rows = 64, cols = 64, packing = "int2", activation = "i8")]
pub fn product(
    w: &[u32],
    x: &[u32],
    x_scale: &[f32],
    x_sum: &[i32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

/// The layer in place, without a heap.
///
/// # Errors
/// If `w` is not a packed matrix of [`WIDTH`] rows and columns.
pub fn layer(w: &[u32], scale: f32, x: &mut [f32; WIDTH]) -> Result<(), KernelError> {
    let (mut q, mut q_scale, mut q_sum) = ([0; WIDTH / 4], [0.0], [0]);
    quantize(x, &mut q, &mut q_scale, &mut q_sum)?;
    product(w, &q, &q_scale, &q_sum, scale, x)
}
