//! What a family of models gives the runtime: what the model is, and its plan.

use crate::LoadError;
use crate::format::{AtomeConfig, AtomeModel, BitMamba2Config, BitMamba2Model, Checkpoint};
use crate::plan::{Planned, Products, plan_atome, plan_bitmamba2};
use serde::Serialize;

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

    /// The plan of a checked model for blocks of up to `block` tokens, and what fills its weights and constants.
    fn plan(&self, block: usize, products: Products) -> Result<Planned<'_>, LoadError>;
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

    fn plan(&self, block: usize, _: Products) -> Result<Planned<'_>, LoadError> {
        plan_atome(self, block)
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

    fn plan(&self, block: usize, products: Products) -> Result<Planned<'_>, LoadError> {
        plan_bitmamba2(self, block, products)
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
