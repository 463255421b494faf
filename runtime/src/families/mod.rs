//! Families of models: each has its dimensions, and records its graph from them.

mod architecture;
mod atome;
mod bitmamba2;

use crate::format::AtomeConfig;
pub use architecture::Architecture;
pub use atome::PATHWAYS;
pub use bitmamba2::BitMamba2Config;

use crate::error::LoadError;
use crate::format::Format;
use crate::graph::Graph;
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

    /// The dimensions of an Atome model, if it is one.
    #[must_use]
    pub fn as_atome(&self) -> Option<&AtomeConfig> {
        match self {
            Config::Atome(config) => Some(config),
            _ => None,
        }
    }

    /// Number of token ids.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        match self {
            Config::Atome(config) => config.vocab_size,
            Config::BitMamba2(config) => config.vocab_size,
        }
    }

    /// The family.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        match self {
            Config::Atome(_) => Architecture::Atome,
            Config::BitMamba2(_) => Architecture::BitMamba2,
        }
    }

    /// The dimensions of a family as a container states them, in JSON.
    pub(crate) fn from_json(family: Architecture, json: &str) -> Result<Config, LoadError> {
        Ok(match family {
            Architecture::Atome => AtomeConfig::from_json(json.as_bytes())?.into(),
            Architecture::BitMamba2 => BitMamba2Config::from_json(json)?.into(),
        })
    }

    /// Checks every dimension.
    pub(crate) fn validate(&self) -> Result<(), LoadError> {
        match self {
            Config::Atome(config) => config.validate(),
            Config::BitMamba2(config) => config.validate(),
        }
    }

    /// The structure of a model; of a classifier if `classes` is given.
    pub(crate) fn graph(&self, classes: Option<usize>) -> Graph {
        match self {
            Config::Atome(config) => atome::graph(config, classes),
            Config::BitMamba2(config) => bitmamba2::graph(config),
        }
    }

    /// The tokenizer that a vocabulary of this size is taken for, where nobody says.
    pub(crate) fn tokenizer(&self) -> &'static str {
        match (self, self.vocab_size()) {
            (Config::Atome(_), 256) => "bytes",
            (Config::BitMamba2(_), 50_257) => "gpt2",
            _ => "none",
        }
    }

    /// The format that fits a model in memory.
    pub(crate) fn format(&self, classes: Option<usize>) -> Format {
        match (self, classes) {
            (Config::Atome(_), None) => Format::Atome01,
            (Config::Atome(_), Some(_)) => Format::AtomeCl01,
            (Config::BitMamba2(_), _) => Format::Bit2,
        }
    }
}

impl From<AtomeConfig> for Config {
    fn from(config: AtomeConfig) -> Config {
        Config::Atome(config)
    }
}

impl From<BitMamba2Config> for Config {
    fn from(config: BitMamba2Config) -> Config {
        Config::BitMamba2(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    const ATOME: AtomeConfig = AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 1,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    };
    const BITMAMBA2: BitMamba2Config = BitMamba2Config {
        vocab_size: 256,
        d_model: 32,
        n_layers: 1,
        n_heads: 4,
    };

    #[test]
    fn a_model_on_a_page() {
        assert_snapshot!("atome", atome::graph(&ATOME, None));
        assert_snapshot!("atome_classifier", atome::graph(&ATOME, Some(4)));
        assert_snapshot!("bitmamba2", bitmamba2::graph(&BITMAMBA2));
    }
}
