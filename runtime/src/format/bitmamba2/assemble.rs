//! A model put together from its tensors, whatever file they come from.

use super::schema::{self, TensorSpec};
use super::{
    BitMamba2Config, BitMamba2Layer, BitMamba2Model, EmbeddingTable, FloatTensor, TernaryTensor,
};
use crate::error::LoadError;
use crate::format::Format;

/// Gives the tensors of a model; it is asked for each one once, in the order of the schema.
pub(super) trait TensorSource {
    fn table(&mut self, spec: TensorSpec) -> Result<EmbeddingTable, LoadError>;
    fn floats(&mut self, spec: TensorSpec) -> Result<FloatTensor, LoadError>;
    fn ternary(&mut self, spec: TensorSpec) -> Result<TernaryTensor, LoadError>;
}

/// Makes a model of the tensors that `source` gives.
pub(super) fn assemble(
    config: BitMamba2Config,
    format: Format,
    source: &mut impl TensorSource,
) -> Result<BitMamba2Model, LoadError> {
    let mut specs = schema::tensors(&config);
    let mut next = Next {
        specs: &mut specs,
        source,
    };
    // Fields of a struct literal are evaluated in the order written, which is the order of the schema.
    Ok(BitMamba2Model {
        embed: next.table()?,
        layers: (0..config.n_layers)
            .map(|_| next.layer())
            .collect::<Result<_, _>>()?,
        norm_f: next.floats()?,
        head_norm: next.floats()?,
        head: next.ternary()?,
        tokenizer: tokenizer(config.vocab_size).into(),
        provenance: None,
        config,
        format,
    })
}

/// The tokenizer that a vocabulary of this size is taken for, where nobody says.
fn tokenizer(vocab: usize) -> &'static str {
    const GPT2: usize = 50_257;
    if vocab == GPT2 { "gpt2" } else { "none" }
}

struct Next<'a, I, S> {
    specs: &'a mut I,
    source: &'a mut S,
}

impl<I: Iterator<Item = TensorSpec>, S: TensorSource> Next<'_, I, S> {
    fn spec(&mut self) -> TensorSpec {
        let Some(spec) = self.specs.next() else {
            unreachable!("the schema lists a tensor for each that is asked for");
        };
        spec
    }

    fn table(&mut self) -> Result<EmbeddingTable, LoadError> {
        let spec = self.spec();
        self.source.table(spec)
    }

    fn floats(&mut self) -> Result<FloatTensor, LoadError> {
        let spec = self.spec();
        self.source.floats(spec)
    }

    fn ternary(&mut self) -> Result<TernaryTensor, LoadError> {
        let spec = self.spec();
        self.source.ternary(spec)
    }

    fn layer(&mut self) -> Result<BitMamba2Layer, LoadError> {
        Ok(BitMamba2Layer {
            in_norm: self.floats()?,
            in_proj: self.ternary()?,
            conv_weight: self.floats()?,
            conv_bias: self.floats()?,
            dt_bias: self.floats()?,
            a_log: self.floats()?,
            d: self.floats()?,
            out_norm: self.floats()?,
            out_proj: self.ternary()?,
        })
    }
}
