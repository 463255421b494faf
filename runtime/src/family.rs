//! What a family of models gives the runtime: what the model is, and its plan.

use crate::LoadError;
use crate::families::{atome, bitmamba2};
use crate::format::{self, AtomeConfig, AtomeModel, BitMamba2Config, BitMamba2Model, Checkpoint};
use crate::format::{EmbeddingTable, Floats, TritRows};
use crate::graph::Graph;
use serde::Serialize;
use std::collections::BTreeMap;

/// The dimensions of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Config {
    /// Of the Atome family.
    Atome(AtomeConfig),
    /// Of the BitMamba-2 family.
    BitMamba2(BitMamba2Config),
}

impl Config {
    /// Positions that attention looks back; `None` for a model without attention.
    #[must_use]
    pub fn max_seq(&self) -> Option<usize> {
        match self {
            Config::Atome(config) => Some(config.max_seq),
            Config::BitMamba2(_) => None,
        }
    }
}

/// What a model is, whatever its family.
pub(crate) struct Identity {
    pub architecture: &'static str,
    pub format: &'static str,
    pub config: Config,
    pub vocab: usize,
    /// The name of the tokenizer, as the file states it or the size of the vocabulary tells.
    pub tokenizer: String,
    /// Classes of the head; `None` for a language model.
    pub classes: Option<usize>,
    /// Trits and floats.
    pub parameters: usize,
}

/// A checkpoint of some family.
pub(crate) trait Family {
    /// Checks that the model is one that a file could hold, as far as planning and filling rely on it.
    fn check(&self) -> Result<(), LoadError>;

    /// What the model is.
    fn identity(&self) -> Identity;

    /// The structure of a checked model.
    fn graph(&self) -> Graph;

    /// Its tensors by name.
    fn tensors(&self) -> Tensors<'_>;
}

/// Named tensors, wherever their elements are.
pub(crate) type Tensors<'m> = BTreeMap<String, TensorRef<'m>>;

/// A tensor of any family.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TensorRef<'m> {
    /// Trits, and the scale of all.
    Ternary(&'m dyn TritRows, f32),
    /// Rows to be looked up.
    Table(&'m EmbeddingTable),
    /// Floats that are read.
    Floats(&'m dyn Floats),
    /// Floats in memory.
    Values(&'m [f32]),
}

impl Family for AtomeModel {
    fn check(&self) -> Result<(), LoadError> {
        self.check_but_trits()
    }

    fn identity(&self) -> Identity {
        Identity {
            architecture: "atome",
            format: self.format.name(),
            config: Config::Atome(self.config.clone()),
            vocab: self.config.vocab_size,
            tokenizer: self.tokenizer.clone(),
            classes: self.classes(),
            parameters: self.parameters(),
        }
    }

    fn graph(&self) -> Graph {
        atome::graph(&self.config, self.classes())
    }

    fn tensors(&self) -> Tensors<'_> {
        let tensors = AtomeModel::tensors(self);
        let plain = tensors.map(|(name, tensor)| match tensor {
            format::TensorRef::Ternary(w) => (name, TensorRef::Ternary(w, w.scale)),
            format::TensorRef::Floats(values) => (name, TensorRef::Values(values)),
        });
        plain.collect()
    }
}

impl Family for BitMamba2Model {
    fn check(&self) -> Result<(), LoadError> {
        self.check()
    }

    fn identity(&self) -> Identity {
        Identity {
            architecture: "bitmamba2",
            format: self.format.name(),
            config: Config::BitMamba2(self.config.clone()),
            vocab: self.config.vocab_size,
            tokenizer: self.tokenizer.clone(),
            classes: None,
            parameters: self.parameters(),
        }
    }

    fn graph(&self) -> Graph {
        bitmamba2::graph(&self.config)
    }

    fn tensors(&self) -> Tensors<'_> {
        let tensors = BitMamba2Model::tensors(self);
        let plain = tensors.map(|(name, tensor)| match tensor {
            format::bitmamba2::TensorRef::Table(table) => (name, TensorRef::Table(table)),
            format::bitmamba2::TensorRef::Ternary(w) => {
                (name, TensorRef::Ternary(&*w.rows, w.scale))
            }
            format::bitmamba2::TensorRef::Floats(values) => (name, TensorRef::Floats(&**values)),
        });
        plain.collect()
    }
}

impl Checkpoint {
    pub(crate) fn family(&self) -> &dyn Family {
        match self {
            Checkpoint::Atome(model) => model,
            Checkpoint::BitMamba2(model) => model,
        }
    }
}
