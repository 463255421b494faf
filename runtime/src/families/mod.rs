//! Families of models: each has its dimensions, and records its graph from them.

mod atome;
mod bitmamba2;
mod graph;
mod hgrn_bit;
pub(crate) mod hybrid;

pub use atome::{AtomeConfig, PATHWAYS};
pub use bitmamba2::BitMamba2Config;
pub use hgrn_bit::HgrnBitConfig;
pub use hybrid::Qwen35Dims;

use crate::error::{ConfigError, FileError};
use crate::format::Format;
use crate::graph::{Graph, GraphError};
use crate::json;
use crate::tensor::{Kind, Param, Role};
use atome_spec::Activation;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// The dimensions of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Config {
    /// Of the Atome family.
    Atome(AtomeConfig),
    /// Of the BitMamba-2 family.
    BitMamba2(BitMamba2Config),
    /// Of the MatMul-free LM family.
    HgrnBit(HgrnBitConfig),
    /// A graph of its own, which says it all; in JSON its text.
    #[serde(serialize_with = "text")]
    Graph(Arc<Graph>),
}

fn text<S: serde::Serializer>(graph: &Arc<Graph>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(graph)
}

/// A family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Architecture {
    /// Embedding, three pathways a block, router.
    Atome,
    /// Mamba-2 with ternary projections and int8 activations.
    BitMamba2,
    /// MatMul-free LM: a gated linear recurrence with ternary projections and int8 activations.
    #[serde(rename = "hgrn_bit")]
    HgrnBit,
    /// Any other: its graph is in the file.
    Graph,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 4] = [Self::Atome, Self::BitMamba2, Self::HgrnBit, Self::Graph];

    /// Returns the name, as containers state it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Atome => "atome",
            Self::BitMamba2 => "bitmamba2",
            Self::HgrnBit => "hgrn_bit",
            Self::Graph => "graph",
        }
    }

    /// The family of the models in files of a format; `None` for a format that states it.
    pub(crate) const fn of(format: Format) -> Option<Self> {
        match format {
            Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => Some(Self::Atome),
            Format::Bit2 => Some(Self::BitMamba2),
            Format::Container | Format::Gguf | Format::Folder => None,
        }
    }
}

/// What a parameter is made of, in a directory of float weights.
pub(crate) enum Origin {
    /// The tensor of its name.
    Itself,
    /// The tensor of its name or, where there is none, this one.
    Else(&'static str),
    /// A row of what is made of another tensor.
    Row {
        of: &'static str,
        shape: [usize; 2],
        row: usize,
        made: fn(&[f32], [usize; 2]) -> Vec<f32>,
    },
}

/// What a family tells of a model, from its dimensions.
pub(crate) trait Family: Sync {
    /// Checks every dimension.
    fn validate(&self) -> Result<(), FileError>;

    /// Its dimensions by name: those of the config in its order, then what follows from them.
    fn dims(&self) -> Vec<(&'static str, usize)>;

    /// Number of token ids.
    fn vocab_size(&self) -> usize;

    /// Positions that attention looks back; `None` for a model without attention.
    fn max_seq(&self) -> Option<usize> {
        None
    }

    /// Most classes of a classifier; 0 if all models of the family are language models.
    fn max_classes(&self) -> usize {
        0
    }

    /// Classes of a model whose dimensions tell them.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// The tokenizer that a vocabulary of this size is taken for, where nobody says.
    fn tokenizer(&self) -> &'static str {
        "none"
    }

    /// The format that fits a model in memory.
    fn format(&self, classes: Option<usize>) -> Format {
        let _ = classes;
        Format::Container
    }

    /// What a parameter is made of, in a directory of float weights.
    fn origin(&self, param: &str) -> Origin {
        let _ = param;
        Origin::Itself
    }

    /// The structure of a model; of a classifier if `classes` is given.
    ///
    /// # Errors
    /// If there is no such model, however its dimensions are.
    fn graph(&self, classes: Option<usize>) -> Result<Graph, GraphError>;
}

impl Config {
    /// The family.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        match self {
            Config::Atome(_) => Architecture::Atome,
            Config::BitMamba2(_) => Architecture::BitMamba2,
            Config::HgrnBit(_) => Architecture::HgrnBit,
            Config::Graph(_) => Architecture::Graph,
        }
    }

    pub(crate) fn family(&self) -> &dyn Family {
        match self {
            Config::Atome(config) => config,
            Config::BitMamba2(config) => config,
            Config::HgrnBit(config) => config,
            Config::Graph(graph) => &**graph,
        }
    }

    /// The dimensions of a family, in JSON.
    pub(crate) fn from_json(family: Architecture, json: &[u8]) -> Result<Config, FileError> {
        Ok(match family {
            Architecture::Atome => AtomeConfig::from_json(json)?.into(),
            Architecture::BitMamba2 => BitMamba2Config::from_json(json)?.into(),
            Architecture::HgrnBit => HgrnBitConfig::from_json(json)?.into(),
            Architecture::Graph => return Err(ConfigError::Graph.into()),
        })
    }

    /// The dimensions of a family in a file of JSON, checked.
    ///
    /// # Errors
    /// If the file cannot be read; for a missing, repeated or ill-typed key, and a number outside its range.
    pub fn from_file(family: Architecture, path: &Path) -> Result<Config, FileError> {
        let read = json::read(path, json::MAX_CONFIG_BYTES)
            .and_then(|json| Config::from_json(family, &json));
        read.map_err(|fault| fault.in_file(path))
    }

    /// The dimensions in the header of a `BIT2` file.
    pub(crate) fn from_header(dims: [i64; 4]) -> Result<Config, FileError> {
        Ok(BitMamba2Config::from_header(dims)?.into())
    }

    /// The dimensions in the header of a `BIT2` file, for a model that has such.
    pub(crate) fn header(&self) -> Option<[usize; 4]> {
        match self {
            Config::BitMamba2(config) => Some(config.header()),
            Config::Atome(_) | Config::HgrnBit(_) | Config::Graph(_) => None,
        }
    }

    /// Checks that a config somebody gave says the same as this one, which a file says.
    pub(crate) fn must_equal(&self, given: &Config) -> Result<(), ConfigError> {
        for ((key, file), (_, config)) in self.dims().into_iter().zip(given.dims()) {
            if config != file {
                return Err(ConfigError::Differs { key, config, file });
            }
        }
        Ok(())
    }

    /// The dimensions by name: those of the config in its order, then what follows from them.
    #[must_use]
    pub fn dims(&self) -> Vec<(&'static str, usize)> {
        self.family().dims()
    }

    /// The activations that matrices multiply.
    #[must_use]
    pub fn activation(&self) -> Activation {
        let is_i8 = |param: &Param| matches!(param.kind, Kind::Ternary { role, .. } if role == Role::MatrixI8);
        match self.family().graph(None) {
            Ok(graph) if graph.params.iter().any(is_i8) => Activation::I8,
            _ => Activation::F32,
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

    /// The graph of a model that has one of its own.
    #[must_use]
    pub fn as_graph(&self) -> Option<&Graph> {
        match self {
            Config::Graph(graph) => Some(graph),
            _ => None,
        }
    }

    /// Positions that attention looks back; `None` for a model without attention.
    #[must_use]
    pub fn max_seq(&self) -> Option<usize> {
        self.family().max_seq()
    }

    /// Number of token ids.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.family().vocab_size()
    }
}

impl From<Graph> for Config {
    fn from(graph: Graph) -> Config {
        Config::Graph(Arc::new(graph))
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

impl From<HgrnBitConfig> for Config {
    fn from(config: HgrnBitConfig) -> Config {
        Config::HgrnBit(config)
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

    fn graph(family: &dyn Family, classes: Option<usize>) -> Graph {
        family.graph(classes).expect("a graph")
    }

    const HGRN_BIT: HgrnBitConfig = HgrnBitConfig {
        vocab_size: 256,
        hidden_size: 32,
        num_hidden_layers: 2,
        intermediate_size: 48,
        rms_norm_eps: 1e-6,
        use_lower_bound: true,
    };

    #[test]
    fn a_model_on_a_page() {
        let deep = AtomeConfig {
            n_layers: 8,
            ..ATOME
        };
        assert_snapshot!("atome", graph(&deep, None));
        assert_snapshot!("atome_classifier", graph(&ATOME, Some(4)));
        let deep = BitMamba2Config {
            n_layers: 24,
            ..BITMAMBA2
        };
        assert_snapshot!("bitmamba2", graph(&deep, None));
        let deep = HgrnBitConfig {
            num_hidden_layers: 24,
            ..HGRN_BIT
        };
        assert_snapshot!("hgrn_bit", graph(&deep, None));
    }

    #[test]
    fn products_are_counted() {
        // A block's convolution, query, key, value and router.
        let block = 32 * 5 + 2 * 8 * 32 + 32 * 32 + 3 * 32;
        assert_eq!(graph(&ATOME, None).macs(3, 2), 3 * block + 2 * 256 * 32);
        assert_eq!(graph(&ATOME, Some(4)).macs(3, 1), 3 * block + 4 * 32);
        let layer = 140 * 32 + 32 * 64;
        assert_eq!(graph(&BITMAMBA2, None).macs(1, 1), layer + 256 * 32);
        let layer = 4 * 32 * 32 + 3 * 48 * 32;
        assert_eq!(graph(&HGRN_BIT, None).macs(2, 1), 2 * 2 * layer + 256 * 32);
    }
}
