//! The function is still there after a mistake, so the only error is about the mistake.
use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", packing = "int4")]
pub fn head(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "int4")]
pub fn with_body(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError> {
    let _ = (w, x, scale, out);
    Ok(())
}

fn main() {
    let mut out = [0.0; 4];
    head(&[], &[], 1.0, &mut out).unwrap();
    with_body(&[], &[], 1.0, &mut out).unwrap();
}
