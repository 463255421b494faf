//! A tiny ternary model, one kernel of fixed shape for each step: a token's row is looked
//! up, filtered over time, carried in a state and projected to logits.
//!
//! `cargo run` prints the logits of a few tokens on every machine alike; `cargo test` holds
//! each kernel to the scalar code beside it.
#![warn(missing_docs, unreachable_pub, clippy::undocumented_unsafe_blocks)]

mod kernels;

use kernels::{CHANNELS, TAPS, VOCAB, convolve, logits, look_up, project, recur};

use atome_kernels::{Packing, dispatch, packing};
use std::error::Error;

/// Weights that are packed once.
struct Weights {
    table: Vec<u32>,
    filters: Vec<u32>,
    projection: Vec<u32>,
}

impl Weights {
    fn new() -> Result<Weights, packing::PackError> {
        let mut table = vec![0; packing::embed::words(Packing::Base3, VOCAB, CHANNELS)];
        packing::embed::pack_into(Packing::Base3, &trits(1, VOCAB), VOCAB, CHANNELS, &mut table)?;
        let mut filters = vec![0; packing::conv::words(CHANNELS, TAPS)];
        packing::conv::pack_into(&trits(2, TAPS), CHANNELS, TAPS, &mut filters)?;
        let mut projection = vec![0; packing::gemv::words(VOCAB, CHANNELS)];
        packing::gemv::pack_into(&trits(3, VOCAB), VOCAB, CHANNELS, &mut projection)?;
        Ok(Weights {
            table,
            filters,
            projection,
        })
    }
}

/// `CHANNELS * n` pseudo-random trits.
fn trits(seed: u32, n: usize) -> Vec<i8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) % 3) as i8 - 1
    };
    (0..CHANNELS * n).map(|_| next()).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let weights = Weights::new()?;
    let ids = [3, 1, 4, 1, 5, 9];
    let mut x = vec![0.0; ids.len() * CHANNELS];
    look_up(&ids, &weights.table, 0.5, &mut x)?;

    let mut filtered = vec![0.0; x.len()];
    let mut history = [0.0; (TAPS - 1) * CHANNELS];
    convolve(&weights.filters, &x, &mut history, 0.25, &mut filtered)?;

    let (decay, b, c) = ([0.75; CHANNELS], [1.0; CHANNELS], [0.5; CHANNELS]);
    let mut state = [0.0; CHANNELS];
    let mut carried = vec![0.0; x.len()];
    recur(&decay, &b, &c, &filtered, &mut state, &mut carried)?;

    let mut all = vec![0.0; ids.len() * VOCAB];
    project(&weights.projection, &carried, 0.125, &mut all)?;
    let mut last = [0.0; VOCAB];
    let last_token = &carried[carried.len() - CHANNELS..];
    logits(&weights.projection, last_token, 0.125, &mut last)?;
    assert_eq!(all[all.len() - VOCAB..], last, "gemm and gemv agree");

    println!("kernels for {}", dispatch::detect());
    println!("logits {last:?}");
    let refused = look_up(&[VOCAB as i32], &weights.table, 0.5, &mut x[..CHANNELS]);
    println!("refused: {}", refused.expect_err("there is no such row"));
    Ok(())
}
