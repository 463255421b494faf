use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "conv1d", packing = "int2", taps = 0, channels = "64", tokens = 99999999999)]
fn range(
    w: &[u32],
    x: &[f32],
    history: &mut [f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemm", packing = "int2", rows = 64, cols = 32, out_stride = 63)]
fn overlap(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemm", packing = "int2", tokens = 4)]
fn nothing_gives(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
