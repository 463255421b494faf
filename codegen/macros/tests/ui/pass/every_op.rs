//! Every op, with dimensions bound, inferred and given, and each way to choose a CPU.
#![deny(warnings, unreachable_pub)]

use atome_kernels::{KernelError, ternary_kernel};
use atome_kernels as renamed;

#[ternary_kernel(op = "embed", vocab = 9, d_model = 70, packing = "int2")]
fn embed(ids: &[i32], table: &[u32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "embed", packing = "base3", cpu = "portable", crate = "renamed")]
fn embed_any(
    d_model: usize,
    ids: &[i32],
    table: &[u32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), renamed::KernelError>;

#[ternary_kernel(op = "gemv", packing = "int2", method = "select", cpu = "x86-64-v2")]
fn gemv(out: &mut [f32], scale: f32, x: &[f32], w: &[u32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemm", rows = 20, cols = 0x21, packing = "int2", cpu = "cortex-a76")]
fn gemm(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "conv1d", channels = 33, taps = 4, packing = "int2", cpu = "dispatch")]
fn conv1d(
    w: &[u32],
    x: &[f32],
    history: &mut [f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

#[ternary_kernel(op = "scan")]
fn scan(
    decay: &[f32],
    b: &[f32],
    c: &[f32],
    x: &[f32],
    state: &mut [f32],
    out: &mut [f32],
) -> Result<(), KernelError>;

fn main() {
    let mut out = [1.0; 70];
    embed(&[3], &[0x5555_5555; 9 * 16], 2.0, &mut out).unwrap();
    assert_eq!(out, [0.0; 70]);
    let id = KernelError::Id { position: 0, found: 9, vocab: 9 };
    assert_eq!(embed(&[9], &[0; 9 * 16], 2.0, &mut out), Err(id));
    let short = KernelError::Length { argument: "table", expected: 144, found: 143 };
    assert_eq!(embed(&[0], &[0; 143], 2.0, &mut out), Err(short));
    let _ = (embed_any, gemv, gemm, conv1d);
    let mut state = [1.0];
    scan(&[0.5], &[2.0], &[3.0], &[1.0, 2.0], &mut state, &mut out[..2]).unwrap();
    assert_eq!((state, &out[..2]), ([5.25], &[7.5, 15.75][..]));
    let ragged = KernelError::NotMultiple { argument: "x", unit: 2, found: 3 };
    let [two, mut state] = [[1.0; 2]; 2];
    assert_eq!(scan(&two, &two, &two, &[1.0; 3], &mut state, &mut out[..3]), Err(ragged));
}
