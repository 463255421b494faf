//! Constants are for dimensions alone, and numbers are whole and not negative.
use atome_kernels::{KernelError, ternary_kernel};

const ROWS: usize = 64;
const GEMV: &str = "gemv";
const PACKING: &str = "int2";

#[ternary_kernel(op = GEMV, rows = ROWS, packing = "int2")]
fn op(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", rows = ROWS, packing = PACKING, cpu = ROWS, crate = 1 + 1)]
fn words(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", rows = -4, cols = 1.5, packing = "int2")]
fn numbers(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", rows = 99999999999999999999, cols = true, packing = "int2")]
fn huge(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", rows = ROWS, cols = 2 * ROWS, packing = "int2")]
fn given_twice(
    rows: usize,
    r#cols: usize,
    w: &[u32],
    x: &[f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

fn main() {}
