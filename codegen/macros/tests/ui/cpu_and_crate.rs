use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", packing = "int2", cpu = "native", crate = "not a path")]
fn native(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "int2", cpu = "x86-64-v5", crate = 3)]
fn future(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "int2", cpu = 4, method = "lut")]
fn number(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
