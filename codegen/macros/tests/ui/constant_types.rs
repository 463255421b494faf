//! What is wrong with a constant itself is said by rustc, where it stands.
use atome_kernels::{KernelError, ternary_kernel};

const WIDTH: u32 = 64;

#[ternary_kernel(op = "gemv", rows = ROWS, cols = WIDTH, packing = "int2")]
fn head(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
