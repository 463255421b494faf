//! A model by its dimensions alone, for benchmarks and tests that have no file.

use super::Hybrid;
use super::rotation::Rotation;
use crate::error::FileError;
use crate::graph::Graph;

/// The dimensions of a model, by the keys of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qwen35Dims {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub embedding_length: usize,
    /// Layers.
    pub block_count: usize,
    /// Every so many layers one is attention.
    pub full_attention_interval: usize,
    /// Width of the feed-forward layers.
    pub feed_forward_length: usize,
    /// Query heads of attention.
    pub head_count: usize,
    /// Heads of keys and values of attention.
    pub head_count_kv: usize,
    /// Elements of a head of attention.
    pub key_length: usize,
    /// Elements of it that follow a token's position.
    pub rope_dimension_count: usize,
    /// Key heads of a gated delta net.
    pub key_heads: usize,
    /// Value heads of a gated delta net.
    pub value_heads: usize,
    /// Elements of a key and of a value of a gated delta net.
    pub state_size: usize,
    /// Columns of a matrix that have one scale: 64, 128 or 256.
    pub group: usize,
    /// Elements of a block that is rotated before a product; `None` without rotations.
    pub hadamard_block: Option<usize>,
    /// Positions that attention looks back.
    pub context: usize,
}

impl Qwen35Dims {
    /// The structure of such a model, whose head has weights of its own.
    ///
    /// # Errors
    /// If there is no model of these dimensions.
    pub fn graph(&self) -> Result<Graph, FileError> {
        let mut model = Hybrid::of(self);
        if let Some(block) = self.hadamard_block {
            let rotated = model.inputs().into_iter().flat_map(|(names, _)| names);
            model.rotation = Rotation::of_all(block, rotated);
        }
        Ok(model.graph()?)
    }
}
