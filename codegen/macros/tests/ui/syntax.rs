use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", rows = 64, cols, packing =, "int2", scale = 1.5,, cpu: "dispatch")]
fn head(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
