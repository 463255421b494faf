use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", rows = 64, cols = 64, packing = "int2")]
fn missing(w: &[u32], x: &[f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "embed", vocab = 8, d_model = 64, packing = "int2")]
fn types(ids: &[u32], table: &mut [u32], scale: &f32, out: Vec<f32>, tokens: u64)
-> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", rows = 64, packing = "int2")]
fn bound(
    w: &[u32],
    x: &[f32],
    scale: f32,
    out: &mut [f32],
    rows: usize,
    cols: usize,
) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "int2")]
fn patterns(w: &[u32], (x, y): (&[f32], f32), scale: f32, out: &mut [f32])
-> Result<(), KernelError>;

fn main() {}
