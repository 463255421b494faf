//! Models of random weights.

use super::{Checkpoint, parse_bit2};
use crate::families::{BitMamba2Config, Config};
use crate::format::{Format, bit2};
use crate::tensor::{Tensors, random_tensors};

impl Checkpoint {
    /// Makes a model of random weights: a classifier if `classes` is given, else a language model.
    ///
    /// The same arguments give the same model on every machine. Activations stay near 1 at any width and depth.
    ///
    /// # Panics
    /// If the config does not validate, or there are no classifiers of so many classes in its family.
    #[must_use]
    pub fn random(config: impl Into<Config>, classes: Option<usize>, seed: u64) -> Checkpoint {
        let made = Checkpoint::new(config, classes, Tensors::new());
        let made = made.and_then(|empty| match empty.config.header() {
            // As the bytes of its file, which stay as they are.
            Some(dims) => parse_bit2(bit2::random(dims, empty.params(), seed)),
            None => {
                let tensors = random_tensors(empty.params(), seed);
                Ok(Checkpoint { tensors, ..empty })
            }
        });
        match made {
            Ok(model) => model,
            Err(fault) => panic!("a random model of impossible dimensions: {fault}"),
        }
    }
}

/// The bytes of a `BIT2` file of random weights, which [`Checkpoint::random`] reads: the same on every machine.
///
/// # Panics
/// If the config does not [validate](BitMamba2Config::validate).
#[must_use]
pub fn random_bit2(config: &BitMamba2Config, seed: u64) -> Vec<u8> {
    match Checkpoint::empty(config.clone(), None, Format::Bit2) {
        Ok(empty) => bit2::random(config.header(), empty.params(), seed),
        Err(fault) => panic!("a random model of impossible dimensions: {fault}"),
    }
}
