//! A constant is held to the range of its dimension when the crate is compiled.
use atome_kernels::{KernelError, ternary_kernel};

const TAPS: usize = 0;

#[ternary_kernel(op = "conv1d", channels = 16, taps = TAPS, packing = "int2")]
fn filter(
    w: &[u32],
    x: &[f32],
    history: &mut [f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

fn main() {}
