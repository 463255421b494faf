//! What is trained, and how.

use crate::{TrainError, memory};
use atome::families::AtomeConfig;
use serde::{Deserialize, Serialize};

/// Byte tokens.
pub const VOCAB: usize = 256;

/// Most steps of a training.
pub const MAX_STEPS: u64 = 1 << 40;

/// The shape of the model and the course of its training. The defaults train a small model
/// in about a minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Width of the residual stream.
    pub d_model: usize,
    /// Blocks.
    pub n_layers: usize,
    /// Width of a query and of a key.
    pub d_head: usize,
    /// Positions attention keeps.
    pub top_k: usize,
    /// Taps of the convolution.
    pub kernel_size: usize,
    /// Positions of a training sequence, and of the model's attention cache.
    pub sequence: usize,
    /// Sequences of a step.
    pub batch: usize,
    /// Steps of the whole training.
    pub steps: u64,
    /// Learning rate of AdamW at its highest.
    pub learning_rate: f64,
    /// Learning rate of Muon at its highest: the root mean square of a projection's update.
    pub matrix_rate: f64,
    /// What Muon's running mean keeps of itself in a step.
    pub momentum: f64,
    /// Learning rates at the end, as a part of the highest.
    pub final_rate: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup: u64,
    /// Decoupled weight decay of the latent ternary weights.
    pub weight_decay: f64,
    /// Greatest norm of the whole gradient.
    pub clip: f64,
    /// Part of the text, at its end, that is never trained on; of labelled texts, part of all.
    pub held_out: f64,
    /// The power of how rare a class is that its texts weigh by: 0 for the same, 1 for as much as those of any other class
    /// together.
    pub balance: f64,
    /// Seed of the initial weights and of the batches.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            d_model: 128,
            n_layers: 4,
            d_head: 32,
            top_k: 4,
            kernel_size: 5,
            sequence: 128,
            batch: 16,
            steps: 1000,
            learning_rate: 6e-3,
            matrix_rate: 4e-3,
            momentum: 0.85,
            final_rate: 0.02,
            warmup: 100,
            weight_decay: 0.02,
            clip: 1.0,
            held_out: 0.05,
            balance: 1.0,
            seed: 1,
        }
    }
}

impl Settings {
    /// The defaults of a classifier: the published shape, which trains in a minute.
    pub fn classifier() -> Settings {
        Settings {
            d_model: 32,
            n_layers: 2,
            d_head: 8,
            sequence: 32,
            batch: 64,
            steps: 3000,
            held_out: 0.2,
            ..Settings::default()
        }
    }

    /// The dimensions of the model.
    pub fn config(&self) -> AtomeConfig {
        AtomeConfig {
            vocab_size: VOCAB,
            d_model: self.d_model,
            n_layers: self.n_layers,
            d_head: self.d_head,
            top_k: self.top_k,
            kernel_size: self.kernel_size,
            max_seq: self.sequence,
        }
    }

    /// Trained numbers of such a model, whose head has so many rows: [`VOCAB`], or one for each class.
    pub fn parameters(&self, head: usize) -> u128 {
        let [d, d_head, taps, layers] =
            [self.d_model, self.d_head, self.kernel_size, self.n_layers].map(|n| n as u128);
        let block = 5 + taps + 2 * d_head + d + 3;
        d * (VOCAB as u128 + head as u128 + 2 + layers * block)
    }

    /// Bytes of a text of so many to train on, and bytes held out.
    ///
    /// # Errors
    /// If either part is shorter than a sequence and the byte after it.
    pub fn split(&self, text_bytes: usize) -> Result<(usize, usize), TrainError> {
        let least = self.sequence + 1;
        if text_bytes < 2 * least {
            return Err(TrainError::ShortText {
                expected: 2 * least,
                found: text_bytes,
                sequence: self.sequence,
            });
        }
        let held_out = (text_bytes as f64 * self.held_out).ceil() as usize;
        let held_out = held_out.max(least);
        Ok((text_bytes - held_out, held_out))
    }

    /// Makes sure that a training on so many threads fits into memory.
    ///
    /// # Errors
    /// [`TrainError::Memory`] if it does not, by an estimate that is on the safe side.
    pub fn check_memory(&self, head: usize, threads: usize) -> Result<(), TrainError> {
        memory::check(self, head, threads)
    }

    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for the first one outside.
    pub fn check(&self) -> Result<(), TrainError> {
        self.config().validate().map_err(TrainError::Dimensions)?;
        let whole = [
            ("sequence", self.sequence as u64, 2, 1 << 16),
            ("batch", self.batch as u64, 1, 1 << 16),
            ("steps", self.steps, 1, MAX_STEPS),
            ("warmup", self.warmup, 0, 1 << 40),
        ];
        for (name, found, min, max) in whole {
            if !(min..=max).contains(&found) {
                return Err(TrainError::setting(name, found, min, max));
            }
        }
        let real = [
            ("learning-rate", self.learning_rate, 0.0, 1.0),
            ("matrix-rate", self.matrix_rate, 0.0, 1.0),
            ("momentum", self.momentum, 0.0, 0.999),
            ("final-rate", self.final_rate, 0.0, 1.0),
            ("weight-decay", self.weight_decay, 0.0, 1.0),
            ("clip", self.clip, 1e-6, 1e6),
            ("held-out", self.held_out, 0.001, 0.5),
            ("balance", self.balance, 0.0, 1.0),
        ];
        for (name, found, min, max) in real {
            if !(min..=max).contains(&found) {
                return Err(TrainError::setting(name, found, min, max));
            }
        }
        Ok(())
    }

    /// The name and both values of the first setting in which `other` differs, but for the
    /// number of steps, which may grow.
    pub(crate) fn difference(&self, other: &Settings) -> Option<(String, String, String)> {
        let fields = |s: &Settings| serde_json::to_value(s).unwrap_or_default();
        let (ours, theirs) = (fields(self), fields(other));
        let ours = ours.as_object()?;
        ours.iter().find_map(|(name, value)| {
            let other = theirs.get(name)?;
            (value != other && name != "steps")
                .then(|| (name.replace('_', "-"), value.to_string(), other.to_string()))
        })
    }
}
