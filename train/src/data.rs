//! What is trained on: a text or labelled texts, as shards that threads take.

use crate::corpus::{Batch, Corpus};
use crate::examples::Examples;
use crate::gradient::SHARD_POSITIONS;
use crate::parameters::Head;
use crate::{Settings, TrainError};
use atome::classify::{Dataset, Encoding};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// What a training is given.
#[derive(Clone, Debug)]
pub enum Source {
    /// A text, whose next bytes are learned.
    Text(Arc<[u8]>),
    /// Labelled texts, whose classes are learned.
    Labels(Arc<Dataset>),
}

/// A source, split.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Text(Corpus),
    Labels(Examples),
}

/// Some of the data: places in the text or numbers of examples, in shards, and what all of it weighs.
pub(crate) struct Portion {
    pub shards: Vec<Vec<usize>>,
    pub weight: f64,
    /// Whether examples weigh as their classes do.
    weighed: bool,
}

impl Data {
    pub(crate) fn new(source: Source, settings: &Settings) -> Result<Data, TrainError> {
        Ok(match source {
            Source::Text(text) => Data::Text(Corpus::new(text, settings)?),
            Source::Labels(dataset) => Data::Labels(Examples::new(dataset, settings)?),
        })
    }

    /// What a step looks at.
    pub(crate) fn of_step(&self, settings: &Settings, step: u64) -> Portion {
        let (seed, batch) = (settings.seed, settings.batch);
        match self {
            Data::Text(corpus) => text(settings, corpus.batch(seed, step, batch)),
            Data::Labels(examples) => {
                let texts = examples.batch(seed, step, batch);
                Portion {
                    weight: examples.weight(&texts),
                    shards: examples.shards(texts, SHARD_POSITIONS),
                    weighed: true,
                }
            }
        }
    }

    /// At most `limit` sequences, or eight times as many texts, of what is held out.
    pub(crate) fn held_out(&self, settings: &Settings, limit: usize) -> Portion {
        match self {
            Data::Text(corpus) => text(settings, corpus.held_out_sequences(limit)),
            Data::Labels(examples) => {
                let texts = examples.some_choosing(limit.saturating_mul(8));
                Portion {
                    weight: texts.len() as f64,
                    shards: examples.shards(texts, SHARD_POSITIONS),
                    weighed: false,
                }
            }
        }
    }

    /// Reads a shard.
    pub(crate) fn read(&self, portion: &Portion, shard: &[usize]) -> Batch {
        match self {
            Data::Text(corpus) => corpus.read(shard),
            Data::Labels(examples) => examples.read(shard, portion.weighed),
        }
    }

    /// What is to be said.
    pub(crate) fn head(&self) -> Head {
        match self {
            Data::Text(_) => Head::NextByte,
            Data::Labels(examples) => Head::Classes(examples.dataset().names.len()),
        }
    }

    /// What is learned from, and the length and CRC-32 of its file.
    pub(crate) fn identity(&self) -> Identity {
        match self {
            Data::Text(corpus) => Identity::of_text(corpus.text()),
            Data::Labels(examples) => Identity::of_labels(examples.dataset()),
        }
    }
}

/// What a training was given, for telling it from something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// `text`, `labels`, or `labels in hex`.
    pub kind: Cow<'static, str>,
    pub bytes: usize,
    pub crc32: u32,
}

impl Identity {
    fn of_text(text: &[u8]) -> Identity {
        Identity {
            kind: "text".into(),
            bytes: text.len(),
            crc32: crc32fast::hash(text),
        }
    }

    fn of_labels(dataset: &Dataset) -> Identity {
        let kind = match dataset.encoding {
            Encoding::Text => "labels",
            Encoding::Hex => "labels in hex",
        };
        Identity {
            kind: kind.into(),
            bytes: dataset.bytes,
            crc32: dataset.crc32,
        }
    }

    /// The identity of a source that is not split yet.
    pub(crate) fn of(source: &Source) -> Identity {
        match source {
            Source::Text(text) => Identity::of_text(text),
            Source::Labels(dataset) => Identity::of_labels(dataset),
        }
    }
}

impl From<Arc<[u8]>> for Source {
    fn from(text: Arc<[u8]>) -> Source {
        Source::Text(text)
    }
}

impl From<Dataset> for Source {
    fn from(dataset: Dataset) -> Source {
        Source::Labels(dataset.into())
    }
}

/// Sequences of a text.
fn text(settings: &Settings, places: Vec<usize>) -> Portion {
    let shard = (SHARD_POSITIONS / settings.sequence).max(1);
    Portion {
        weight: (places.len() * settings.sequence) as f64,
        shards: places.chunks(shard).map(<[usize]>::to_vec).collect(),
        weighed: false,
    }
}
