//! Models that are described by a graph of their own.

use super::Family;
use crate::error::FileError;
use crate::format::Format;
use crate::graph::{Graph, GraphError};

/// Vocabularies that are taken for these tokenizers, where nobody says.
const BYTES: usize = 256;
const GPT2: usize = 50_257;

impl Family for Graph {
    /// A graph was checked when it was made.
    fn validate(&self) -> Result<(), FileError> {
        Ok(())
    }

    fn dims(&self) -> Vec<(&'static str, usize)> {
        let mut dims = vec![
            ("vocab_size", self.vocab_size()),
            ("outputs", self.outputs()),
            ("calls", self.calls_per_token()),
        ];
        dims.extend(Graph::max_seq(self).map(|n| ("max_seq", n)));
        dims
    }

    fn vocab_size(&self) -> usize {
        Graph::vocab_size(self)
    }

    fn max_seq(&self) -> Option<usize> {
        Graph::max_seq(self)
    }

    fn max_classes(&self) -> usize {
        self.classes().unwrap_or(0)
    }

    fn classes(&self) -> Option<usize> {
        (self.outputs() != Graph::vocab_size(self)).then_some(self.outputs())
    }

    fn tokenizer(&self) -> &'static str {
        match Graph::vocab_size(self) {
            BYTES => "bytes",
            GPT2 => "gpt2",
            _ => "none",
        }
    }

    fn format(&self, _: Option<usize>) -> Format {
        Format::Container
    }

    fn graph(&self, _: Option<usize>) -> Result<Graph, GraphError> {
        Ok(self.clone())
    }
}
