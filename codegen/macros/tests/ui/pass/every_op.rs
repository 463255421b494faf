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

#[ternary_kernel(
    expr = "(f: row, i: row, floor: gain, h: state, y: row) {
        k = floor + (1 - floor) * f
        h = k * h + i
        y = h
    }",
    channels = 2
)]
fn gated(
    tokens: usize,
    f: &[f32],
    i: &[f32],
    floor: &[f32],
    h: &mut [f32],
    y: &mut [f32],
) -> Result<(), KernelError> {
    for (n, y) in y.iter_mut().enumerate().take(2 * tokens) {
        let k = floor[n % 2] + (1.0 - floor[n % 2]) * f[n];
        h[n % 2] = k * h[n % 2] + i[n];
        *y = h[n % 2];
    }
    Ok(())
}

#[ternary_kernel(
    op = "map",
    expr = "(x: row, step: row per head, y: row) { y = silu(x) * step }",
    heads = 2,
    head_dim = 3,
    tokens = 1,
    x_stride = 6,
    y_stride = 6
)]
fn by_heads(x: &[f32], step: &[f32], y: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "quantize")]
fn quantize(
    x: &[f32],
    q: &mut [u32],
    q_scale: &mut [f32],
    q_sum: &mut [i32],
) -> Result<(), KernelError>;

#[ternary_kernel(op = "rms_quantize", width = 20)]
fn rms_quantize(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    q: &mut [u32],
    q_scale: &mut [f32],
    q_sum: &mut [i32],
) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", rows = 3, cols = 20, packing = "int2", activation = "i8")]
fn gemv_i8(
    w: &[u32],
    x: &[u32],
    x_scale: &[f32],
    x_sum: &[i32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

/// Names as a macro passes them.
macro_rules! kernel {
    ($name:ident, $rows:expr, $w:ident, $x:ident: $ty:ty) => {
        #[ternary_kernel(op = "gemv", rows = $rows, cols = $rows + 1, packing = "int2")]
        fn $name(
            $w: &[u32],
            $x: $ty,
            scale: f32,
            r#out: &mut [f32],
        ) -> Result<(), KernelError> {
            for out in out.iter_mut() {
                *out = scale * $x[0];
            }
            let _ = $w;
            Ok(())
        }
    };
}

kernel!(of_a_macro, 3, w, x: &[f32]);

fn main() {
    let mut out = [1.0; 70];
    embed(&[3], &[0x5555_5555; 9 * 16], 2.0, &mut out).unwrap();
    assert_eq!(out, [0.0; 70]);
    let id = KernelError::Id { position: 0, found: 9, vocab: 9 };
    assert_eq!(embed(&[9], &[0; 9 * 16], 2.0, &mut out), Err(id));
    let short = KernelError::Length { argument: "table", expected: 144, found: 143 };
    assert_eq!(embed(&[0], &[0; 143], 2.0, &mut out), Err(short));
    let _ = (embed_any, gemv, gemm, conv1d, of_a_macro_reference);
    let mut out3 = [1.0; 3];
    of_a_macro(&[0x5555_5555; 16], &[1.0; 4], 1.0, &mut out3).unwrap();
    assert_eq!(out3, [0.0; 3]);

    let (mut q, mut q_scale, mut q_sum) = ([0; 8], [0.0], [0]);
    quantize(&[1.0; 20], &mut q, &mut q_scale, &mut q_sum).unwrap();
    assert_eq!((q[0], q_sum), (0x7f7f_7f7f, [20 * 127]));
    let scale = q_scale;
    rms_quantize(&[1.0; 20], &[1.0; 20], 0.0, &mut q, &mut q_scale, &mut q_sum).unwrap();
    assert_eq!((q[0], q_sum, q_scale), (0x7f7f_7f7f, [20 * 127], scale));
    gemv_i8(&[0x5555_5555; 32], &q, &q_scale, &q_sum, 1.0, &mut out3).unwrap();
    assert_eq!(out3, [0.0; 3]);
    let mut state = [1.0];
    scan(&[0.5], &[2.0], &[3.0], &[1.0, 2.0], &mut state, &mut out[..2]).unwrap();
    assert_eq!((state, &out[..2]), ([5.25], &[7.5, 15.75][..]));
    let mut h = [1.0, 2.0];
    gated(2, &[0.5; 4], &[1.0; 4], &[0.0, 1.0], &mut h, &mut out[..4]).unwrap();
    assert_eq!((h, &out[..4]), ([1.75, 4.0], &[1.5, 3.0, 1.75, 4.0][..]));
    let short = KernelError::Length { argument: "f", expected: 4, found: 3 };
    assert_eq!(gated(2, &[0.5; 3], &[1.0; 4], &[0.0; 2], &mut h, &mut out[..4]), Err(short));
    by_heads(&[64.0; 6], &[0.5, 2.0], &mut out[..6]).unwrap();
    assert_eq!(out[..6], [32.0, 32.0, 32.0, 128.0, 128.0, 128.0]);
    let ragged = KernelError::NotMultiple { argument: "x", unit: 2, found: 3 };
    let [two, mut state] = [[1.0; 2]; 2];
    assert_eq!(scan(&two, &two, &two, &[1.0; 3], &mut state, &mut out[..3]), Err(ragged));
}
