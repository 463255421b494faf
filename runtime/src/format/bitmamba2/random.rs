//! Seeded random models, for tests and benchmarks that need no file.

use super::schema::{self, Shape};
use super::{BitMamba2Config, BitMamba2Model};
use crate::format::Format;
use crate::rng::SplitMix64;

impl BitMamba2Model {
    /// Makes a model of random weights, as the bytes of a `BIT2` file in memory.
    ///
    /// The same arguments give the same model on every machine; each number is drawn from `splitmix64` in the order of
    /// the file. Values are such that activations stay near 1 at any width and depth: trits of each kind are about
    /// alike, products have a scale near `(2/3 cols)^-1/2`, gains are near 1, and the state forgets within some tens of
    /// tokens.
    ///
    /// # Panics
    /// If the config does not [validate](BitMamba2Config::validate).
    #[must_use]
    pub fn random(config: &BitMamba2Config, seed: u64) -> Self {
        match Self::parse(Self::random_file(config, seed)) {
            Ok(model) => model,
            Err(fault) => panic!("a random model of impossible dimensions: {fault}"),
        }
    }

    /// The bytes of the file that [`BitMamba2Model::random`] reads.
    ///
    /// # Panics
    /// As [`BitMamba2Model::random`].
    #[must_use]
    pub fn random_file(config: &BitMamba2Config, seed: u64) -> Vec<u8> {
        if let Err(fault) = config.validate() {
            panic!("a random model of impossible dimensions: {fault}");
        }
        random_file(config, seed)
    }
}

fn random_file(config: &BitMamba2Config, seed: u64) -> Vec<u8> {
    let mut rng = SplitMix64::new(seed);
    let mut out: Vec<u8> = Format::Bit2.magic().unwrap_or_default().into();
    let dims = [
        config.vocab_size,
        config.d_model,
        config.n_layers,
        config.n_heads,
    ];
    let dim = |n: usize| i32::try_from(n).unwrap_or(i32::MAX).to_le_bytes();
    out.extend(dims.into_iter().flat_map(dim));
    for spec in schema::tensors(config) {
        out.extend(spec.shape.header().into_iter().flat_map(i32::to_le_bytes));
        match spec.shape {
            Shape::Trits { rows, cols } => {
                out.extend((cols as f32 * 2.0 / 3.0).sqrt().to_le_bytes());
                push_trits(&mut rng, rows * (cols / 4), &mut out);
            }
            shape => {
                let (low, high) = range(spec.name.part);
                let mut value = || low + (high - low) * rng.next_f32();
                out.extend((0..shape.elems()).flat_map(|_| value().to_le_bytes()));
            }
        }
    }
    out
}

/// The interval that the elements of a float tensor are drawn from.
fn range(part: &str) -> (f32, f32) {
    match part {
        "embed" => (-0.85, 0.85),
        "conv1d.weight" => (-0.5, 0.5),
        "conv1d.bias" => (-0.2, 0.2),
        "dt_bias" => (-4.0, -1.0),
        "A_log" => (0.0, 2.75),
        // Norms and D.
        _ => (0.8, 1.2),
    }
}

/// Appends random bytes of four trits each.
fn push_trits(rng: &mut SplitMix64, bytes: usize, out: &mut Vec<u8>) {
    let valid = |byte: u8| VALID[(usize::from(byte) * VALID.len()) >> 8];
    for left in (1..=bytes).rev().step_by(8) {
        let random = rng.next_u64().to_le_bytes();
        out.extend(random.into_iter().take(left).map(valid));
    }
}

/// The bytes without the code 3.
const VALID: [u8; 81] = {
    let mut table = [0; 81];
    let (mut byte, mut found) = (0u8, 0);
    while found < table.len() {
        if byte & (byte >> 1) & 0x55 == 0 {
            table[found] = byte;
            found += 1;
        }
        byte += 1;
    }
    table
};
