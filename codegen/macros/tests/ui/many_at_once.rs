//! Every mistake of one use is reported, in the attribute and in the arguments.
use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", row = 64, cols = -1, packing = "int3", method = "dot", cpu = "avx9")]
fn head(w: &[i32], y: &[f32], scale: f64, out: &[f32]) -> Result<(), KernelError>;

fn main() {
    let _ = head(&[], &[], 1.0, &[]);
}
