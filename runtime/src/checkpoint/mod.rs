//! Models as they are read and written: a family's dimensions, and the tensors that its graph asks a format for.
//!
//! [`load`] reads a file of any format and gives a [`Checkpoint`]. Small models have their trits unpacked and their every
//! number checked; `write_*` are the inverse of [`parse`]: a file that loads is reproduced byte for byte. Large ones stay in
//! their file: headers are checked when it is opened, elements as they are read.
//!
//! | file | concept |
//! |---|---|
//! | `mod` | a model: what it is, and its tensors by name |
//! | `load` | which reader a file is for, and whose dimensions it has |
//! | `container`, `atome` | models in the project's container, and in `ATOME` files |
//! | `gguf` | models in GGUF files |
//! | `floats`, `folder` | models from float weights: of a file, of a directory |
//! | `bitnet` | BitNet models from a directory |
//! | `chat`, `generation` | what comes with a model: how conversations become text, how tokens are chosen |
//! | `random` | models of random weights |
//! | `packable` | any file that can be packed |
//! | `compare` | two models, number by number |

mod atome;
mod bitnet;
mod chat;
mod compare;
mod container;
mod floats;
mod folder;
mod generation;
mod gguf;
mod load;
mod packable;
mod random;

pub use atome::{write_atome01, write_atome02, write_atomecl01};
pub use chat::ChatTemplate;
pub use compare::compare;
pub use container::{container_bytes, parse_container, write_container, write_packed};
pub use floats::{FloatOptions, quantize_file};
pub use generation::GenerationConfig;
pub(crate) use gguf::usual_vocabulary;
pub use gguf::{gguf_bytes, is_known_family, open_gguf, write_gguf};
pub use load::{
    is_read_in_parts, load, load_with, parse, parse_bit2, parse_checkpoint, parse_with, written_by,
};
pub(crate) use load::{load_to_run, parse_held};
pub use packable::Packable;
pub use random::random_bit2;

use crate::classify::Labels;
use crate::error::{FileError, InvalidModel};
use crate::families::{Architecture, Config};
use crate::format::Format;
use crate::graph::Graph;
use crate::tensor::{
    EmbeddingTable, EmbeddingType, Kind, Param, Tensor, Tensors, Ternary, TernaryTensor, Values,
    check_tensors,
};
use crate::tokenizer::{Tokenizer, TokenizerError, TokenizerKind, Vocabulary};
use atome_spec::Packing;
use std::sync::Arc;

/// A model of any family. Its tensors are in memory, or stay in a file until they are read.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    config: Config,
    classes: Option<usize>,
    /// What the config asks for.
    graph: Arc<Graph>,
    /// Its tensors by name. [`Checkpoint::check`] tells whether they are those that the config asks for.
    pub tensors: Tensors,
    /// The format the model was read from; for a model made in memory, the one that fits it.
    pub format: Format,
    /// How text becomes tokens: `bytes`, `gpt2`, `own` with a vocabulary, or `none` where nobody said.
    pub tokenizer: String,
    /// The vocabulary that the model carries.
    pub vocabulary: Option<Arc<Vocabulary>>,
    /// Where the weights come from, in the words of whoever packed them.
    pub provenance: Option<String>,
    /// How whoever published the model has it choose tokens.
    pub generation: Option<Arc<GenerationConfig>>,
    /// How conversations become text, by whoever published the model.
    pub chat: Option<Arc<ChatTemplate>>,
    /// What a classifier's file says of its classes.
    pub labels: Option<Arc<Labels>>,
    /// Why the tokenizer that the model comes with is not used: it is of a kind that is not supported.
    refused: Option<Arc<str>>,
}

impl Checkpoint {
    /// A model of these dimensions, a classifier if `classes` is given, with these tensors.
    ///
    /// # Errors
    /// If a dimension, or the number of classes, is out of its range. The tensors are looked at by [`Checkpoint::check`].
    pub fn new(
        config: impl Into<Config>,
        classes: Option<usize>,
        tensors: Tensors,
    ) -> Result<Checkpoint, FileError> {
        let config = config.into();
        let format = config.family().format(classes);
        Ok(Checkpoint {
            tensors,
            ..Checkpoint::empty(config, classes, format)?
        })
    }

    /// A model without tensors.
    pub(crate) fn empty(
        config: impl Into<Config>,
        classes: Option<usize>,
        format: Format,
    ) -> Result<Checkpoint, FileError> {
        let config = config.into();
        config.family().validate()?;
        let (max, told) = (config.family().max_classes(), config.family().classes());
        match classes {
            Some(found) if max == 0 => return Err(InvalidModel::NotAClassifier { found }.into()),
            Some(found) if !(1..=max).contains(&found) => {
                return Err(InvalidModel::Classes { max, found }.into());
            }
            Some(found) if told.is_some_and(|told| told != found) => {
                return Err(InvalidModel::Classes { max, found }.into());
            }
            _ => {}
        }
        let classes = told.or(classes);
        Ok(Checkpoint {
            graph: Arc::new(config.family().graph(classes)?),
            tokenizer: config.family().tokenizer().into(),
            vocabulary: None,
            config,
            classes,
            tensors: Tensors::new(),
            format,
            provenance: None,
            generation: None,
            chat: None,
            labels: None,
            refused: None,
        })
    }

    /// The dimensions that all shapes follow from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Classes of the head; `None` for a language model.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// The family of the model.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.config.architecture()
    }

    /// The structure of the model.
    #[must_use]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The same model with a vocabulary to carry.
    #[must_use]
    pub fn with_vocabulary(self, vocabulary: impl Into<Arc<Vocabulary>>) -> Checkpoint {
        Checkpoint {
            tokenizer: TokenizerKind::Own.name().into(),
            vocabulary: Some(vocabulary.into()),
            ..self
        }
    }

    /// The same model with the vocabulary that it comes with, if it has one and that can be used. One of a kind that is not
    /// supported is spoken of when text is asked for.
    ///
    /// # Errors
    /// That of a vocabulary which is damaged.
    pub(crate) fn with_found(
        self,
        found: Result<Option<Vocabulary>, FileError>,
    ) -> Result<Checkpoint, FileError> {
        match found {
            Ok(Some(vocabulary)) => Ok(self.with_vocabulary(vocabulary)),
            Ok(None) => Ok(self),
            Err(fault) => match fault.fault() {
                FileError::Tokenizer(TokenizerError::Text(cause)) if cause.is_unsupported() => {
                    Ok(Checkpoint {
                        refused: Some(fault.to_string().into()),
                        ..self
                    })
                }
                _ => Err(fault),
            },
        }
    }

    /// Why the tokenizer that the model comes with is not used, if it is not.
    #[must_use]
    pub fn tokenizer_refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The tokens that end what the model writes, by its vocabulary or whoever published it.
    pub(crate) fn ends(&self, kind: TokenizerKind) -> Vec<u32> {
        let own = match &self.vocabulary {
            Some(vocabulary) => vocabulary.ends(),
            None => kind.ends(),
        };
        let published = self.generation.iter().flat_map(|config| &config.ends);
        let mut ends: Vec<u32> = own.iter().chain(published).copied().collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// Which tokens the model speaks in.
    ///
    /// # Errors
    /// If no tokenizer has the stated name, or it has other ids than the model.
    pub(crate) fn tokenizer_kind(&self) -> Result<TokenizerKind, TokenizerError> {
        let vocab = self.config.vocab_size();
        let kind = TokenizerKind::stated(&self.tokenizer, vocab)?;
        match (kind, &self.vocabulary) {
            (TokenizerKind::Own, None) => Err(TokenizerError::NoVocabulary),
            (TokenizerKind::Own, Some(own)) if own.len() > vocab => {
                Err(TokenizerError::Vocabulary {
                    tokenizer: kind,
                    tokens: own.len(),
                    vocab,
                })
            }
            _ => Ok(kind),
        }
    }

    /// Loads the model's tokenizer.
    ///
    /// # Errors
    /// If nobody said what its ids stand for, or this build is without the tokenizer.
    pub fn load_tokenizer(&self) -> Result<Tokenizer, TokenizerError> {
        let kind = self.tokenizer_kind()?;
        let carried = self.vocabulary.as_deref();
        kind.load(self.config.vocab_size(), carried, self.refused.as_deref())
    }

    /// The tensors that the config asks for, in the order of a file.
    pub(crate) fn params(&self) -> &[Param] {
        &self.graph.params
    }

    /// Returns every tensor with its name, in the order of a file.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let named = self.params().iter().map(|param| param.name.as_str());
        named.filter_map(|name| Some((name, self.tensors.get(name)?)))
    }

    /// The packing in which a file has the embedding table of trits as kernels read it.
    #[must_use]
    pub fn table_packing(&self) -> Option<Packing> {
        let tables = self
            .params()
            .iter()
            .filter(|param| param.kind.is_trit_table());
        let tensors = tables.filter_map(|param| self.tensors.get(&param.name)?.as_ternary());
        tensors.filter_map(TernaryTensor::packing).next()
    }

    /// What the elements of its embedding table are; f32 if it has none.
    #[must_use]
    pub fn table_type(&self) -> EmbeddingType {
        let table = self.tensors.values().find_map(Tensor::as_table);
        table.map_or(EmbeddingType::F32, EmbeddingTable::element_type)
    }

    /// Whether the model looks up rows of numbers.
    #[must_use]
    pub fn has_float_table(&self) -> bool {
        let is_table = |param: &Param| matches!(param.kind, Kind::Table { .. });
        self.params().iter().any(is_table)
    }

    /// Whether the model looks up rows of trits.
    #[must_use]
    pub fn has_trit_table(&self) -> bool {
        self.params().iter().any(|param| param.kind.is_trit_table())
    }

    /// A ternary tensor, in memory.
    ///
    /// # Errors
    /// If there is no such tensor or it cannot be read.
    pub fn ternary(&self, name: &str) -> Result<Ternary, FileError> {
        match self.tensors.get(name).and_then(Tensor::as_ternary) {
            Some(w) => w.read(),
            None => Err(missing(name, "a ternary matrix")),
        }
    }

    /// The numbers of a float tensor.
    ///
    /// # Errors
    /// If there is no such tensor or it cannot be read.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>, FileError> {
        match self.tensors.get(name).and_then(Tensor::as_floats) {
            Some(values) => values.all(),
            None => Err(missing(name, "floats")),
        }
    }

    /// Changes a ternary tensor, which is then in memory.
    ///
    /// # Errors
    /// As [`Checkpoint::ternary`].
    pub fn edit_ternary(
        &mut self,
        name: &str,
        edit: impl FnOnce(&mut Ternary),
    ) -> Result<(), FileError> {
        let mut w = self.ternary(name)?;
        edit(&mut w);
        self.set(name, w);
        Ok(())
    }

    /// Changes the numbers of a float tensor, which are then in memory.
    ///
    /// # Errors
    /// As [`Checkpoint::floats`].
    pub fn edit_floats(
        &mut self,
        name: &str,
        edit: impl FnOnce(&mut Vec<f32>),
    ) -> Result<(), FileError> {
        let mut values = self.floats(name)?;
        edit(&mut values);
        let owned = name.to_owned();
        let tensor = Values {
            name: owned,
            values,
        };
        self.set(name, tensor);
        Ok(())
    }

    /// Puts a tensor into the model, in the place of the one of this name.
    pub fn set(&mut self, name: impl Into<String>, tensor: impl Into<Tensor>) {
        self.tensors.insert(name.into(), tensor.into());
    }

    /// Returns the number of weights, ternary and f32, without the scales.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let elems = self.params().iter().map(|param| param.kind.elems());
        elems.fold(0, usize::saturating_add)
    }

    /// Multiply-accumulates of ternary weights that so many tokens and runs of the head take.
    #[must_use]
    pub fn macs(&self, tokens: usize, heads: usize) -> usize {
        self.graph.macs(tokens, heads)
    }

    /// Checks that the model is one that a file could hold: the tensors and shapes that its dimensions ask for, and scales
    /// that are finite and not negative. Elements are checked when they are read. A model that was read is; one that was
    /// made or edited in memory may not be.
    ///
    /// # Errors
    /// The first fault, in the order of a file.
    pub fn check(&self) -> Result<(), FileError> {
        check_tensors(self.params(), &self.tensors)
    }
}

fn missing(tensor: &str, expected: &str) -> FileError {
    InvalidModel::Missing {
        tensor: tensor.to_owned(),
        expected: expected.to_owned(),
    }
    .into()
}
