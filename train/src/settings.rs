//! What is trained, and how.

use crate::TrainError;
use atome::format::AtomeConfig;
use serde::{Deserialize, Serialize};

/// Byte tokens.
pub const VOCAB: usize = 256;

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
    /// Part of the text, at its end, that is never trained on.
    pub held_out: f64,
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
            seed: 1,
        }
    }
}

impl Settings {
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

    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for the first one outside.
    pub fn check(&self) -> Result<(), TrainError> {
        self.config().validate().map_err(TrainError::Dimensions)?;
        let whole = [
            ("sequence", self.sequence as u64, 2, 1 << 16),
            ("batch", self.batch as u64, 1, 1 << 16),
            ("steps", self.steps, 1, 1 << 40),
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
