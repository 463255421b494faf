use atome_kernels::{KernelError, ternary_kernel};

const ROWS: usize = 64;

#[ternary_kernel(op = "gemv", rows = ROWS, cols, packing =, "int2", scale = 1.5,, cpu: "dispatch")]
fn head(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
