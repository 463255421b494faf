//! Makes two kernels while the program runs: a ternary product of one shape, and a chain of functions in one pass.
//!
//! `cargo run --release --example kernel`

use atome::kernel::{Kernel, KernelSpec, Op, Packing};
use std::error::Error;

const ROWS: usize = 256;
const COLS: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    // out[r] = scale * sum_c w[r, c] * x[c], for this shape and this CPU.
    let product = KernelSpec::new(Op::Gemv).packing(Packing::Int2);
    let product = product.bind("rows", ROWS as u64).bind("cols", COLS as u64);
    let product = Kernel::new(&product)?;
    println!("{} by {}", product.spec().name(), product.backend());

    let trits: Vec<i8> = (0..ROWS * COLS).map(|i| (i % 3) as i8 - 1).collect();
    let mut w = vec![0u32; atome_kernels::packing::gemv::words(ROWS, COLS)];
    atome_kernels::packing::gemv::pack_into(&trits, ROWS, COLS, &mut w)?;
    let x: Vec<f32> = (0..COLS).map(|i| (i as f32 * 0.1).sin()).collect();
    let mut out = vec![0.0f32; ROWS];
    product.call(
        &[],
        &mut [(&w).into(), (&x).into(), (&mut out).into()],
        &[0.25],
    )?;
    println!("{:?} ..", &out[..4]);

    // A gated recurrence: what a token leaves in `h`, the next one finds.
    let gated =
        "(f: row, h: state, y: row) { k = sigmoid(f); h = k * h + (1 - k); y = h * silu(f) }";
    let gated = KernelSpec::map(gated.parse()?).bind("channels", ROWS as u64);
    let gated = gated
        .bind("f_stride", ROWS as u64)
        .bind("y_stride", ROWS as u64);
    let gated = Kernel::new(&gated)?;
    let (mut h, mut y) = (vec![0.0f32; ROWS], vec![0.0f32; ROWS]);
    for _ in 0..3 {
        let buffers = &mut [(&out).into(), (&mut h).into(), (&mut y).into()];
        gated.call(&[("tokens", 1)], buffers, &[])?;
        println!("{:?} ..", &y[..4]);
    }
    Ok(())
}
