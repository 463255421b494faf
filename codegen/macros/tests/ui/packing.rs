use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv")]
fn missing(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "base3")]
fn unsupported(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "scan", packing = "int2", method = "select")]
fn none_to_pack(
    decay: &[f32],
    b: &[f32],
    c: &[f32],
    x: &[f32],
    state: &mut [f32],
    out: &mut [f32],
) -> Result<(), KernelError>;

fn main() {}
