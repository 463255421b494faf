use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", rows = 64, packing = "int2", rows = 65, packing = "int2")]
fn head(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
