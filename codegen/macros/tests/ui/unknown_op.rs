use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemw", rows = 64, cols = 64, packing = "int2")]
fn near(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "norm", width = 64)]
fn inside(x: &[f32], out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = 7)]
fn number(x: &[f32], out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
