//! The BitMamba-2 family: `BIT2` files, which are read a tensor at a time, and containers, which are mapped.
//!
//! | file | job |
//! |---|---|
//! | `config` | dimensions and their limits |
//! | `schema` | the tensors of a file in order, and where they lie |
//! | `assemble` | a model from its tensors |
//! | `check` | whether the tensors of a model in memory are those of the schema |
//! | `read` | `BIT2`: the header and the tensors' headers, checked; tensors that are read on demand |
//! | `floats`, `table` | vectors, and the embedding table |
//! | `packed` | the container, whose tensors are as kernels read them |
//! | `compare` | two models, number by number |
//! | `random` | seeded models for tests and benchmarks |

mod assemble;
mod check;
mod compare;
mod config;
mod floats;
pub(super) mod packed;
mod random;
mod read;
mod schema;
mod table;

pub use compare::compare;
pub use config::BitMamba2Config;
pub(super) use floats::FileFloats;
pub use packed::write_packed;
pub(super) use read::open_file;
pub(crate) use table::Elements;
pub(super) use table::words;
pub use table::{EmbeddingTable, EmbeddingType};

use super::Format;
use super::source::{Floats, TritRows};
use atome_spec::Packing;
use std::sync::Arc;

/// A ternary matrix of a model.
#[derive(Debug, Clone)]
pub struct TernaryTensor {
    /// Its trits.
    pub rows: Arc<dyn TritRows>,
    /// One scale for the whole matrix: a weight is `scale * trit`.
    pub scale: f32,
}

/// A float tensor of a model.
pub type FloatTensor = Arc<dyn Floats>;

/// One layer: two norms and projections around a convolution and a recurrence.
#[derive(Debug, Clone)]
pub struct BitMamba2Layer {
    /// `[d_model]`: RMS norm before the input projection.
    pub in_norm: FloatTensor,
    /// `[2 d_inner + 3 n_heads, d_model]`: gate, input, B, C and dt.
    pub in_proj: TernaryTensor,
    /// `[d_inner, 1, 4]`: depthwise causal convolution; the last tap weighs the newest input.
    pub conv_weight: FloatTensor,
    /// `[d_inner]`.
    pub conv_bias: FloatTensor,
    /// `[n_heads]`: added to dt before softplus.
    pub dt_bias: FloatTensor,
    /// `[n_heads]`: the state decays by `exp(-exp(A_log) dt)`.
    pub a_log: FloatTensor,
    /// `[d_inner]`: what of the input goes past the state.
    pub d: FloatTensor,
    /// `[d_inner]`: RMS norm before the output projection.
    pub out_norm: FloatTensor,
    /// `[d_model, d_inner]`.
    pub out_proj: TernaryTensor,
}

/// A model of the BitMamba-2 family. Its tensors stay in the file until they are read.
#[derive(Debug, Clone)]
pub struct BitMamba2Model {
    /// The dimensions all shapes follow from.
    pub config: BitMamba2Config,
    /// `[vocab_size, d_model]`.
    pub embed: EmbeddingTable,
    /// `n_layers` layers, first to last.
    pub layers: Vec<BitMamba2Layer>,
    /// `[d_model]`: RMS norm after the last layer.
    pub norm_f: FloatTensor,
    /// `[d_model]`: RMS norm before the head.
    pub head_norm: FloatTensor,
    /// `[vocab_size, d_model]`.
    pub head: TernaryTensor,
    /// The format the model was read from.
    pub format: Format,
    /// How text becomes tokens: `gpt2`, or `none` where nobody said.
    pub tokenizer: String,
    /// Where the weights come from, in the words of whoever packed them.
    pub provenance: Option<String>,
}

/// A tensor of a model, whatever it is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TensorRef<'m> {
    /// The embedding table.
    Table(&'m EmbeddingTable),
    /// A ternary matrix.
    Ternary(&'m TernaryTensor),
    /// A vector of f32.
    Floats(&'m FloatTensor),
}

impl TensorRef<'_> {
    /// Rows and columns; a vector has one column.
    pub(crate) fn shape(self) -> (usize, usize) {
        match self {
            TensorRef::Table(table) => table.shape(),
            TensorRef::Ternary(w) => w.rows.shape(),
            TensorRef::Floats(values) => (values.elems(), 1),
        }
    }
}

impl BitMamba2Model {
    /// Returns the number of weights, ternary and f32, without the scales.
    #[must_use]
    pub fn parameters(&self) -> usize {
        // No more layers than there are, whatever the config says.
        let specs = schema::tensors(&self.config).zip(self.tensors());
        let elems = specs.map(|(spec, _)| spec.shape.elems());
        usize::try_from(elems.fold(0, u64::saturating_add)).unwrap_or(usize::MAX)
    }

    /// Bytes of a tensor in the file that the model was read from, without headers and scales; 0 if there is no such
    /// tensor.
    #[must_use]
    pub fn source_bytes(&self, name: &str) -> u64 {
        let tensor = self.tensors().find(|(found, _)| found == name);
        let Some((_, tensor)) = tensor else { return 0 };
        let (rows, cols) = tensor.shape();
        let elems = (rows as u64).saturating_mul(cols as u64);
        let packings = [Packing::Int2, Packing::Base3];
        match tensor {
            TensorRef::Ternary(w) => {
                let stored = packings.into_iter().find_map(|p| w.rows.stored(p));
                stored.map_or(elems / 4, |stored| stored.len() as u64)
            }
            TensorRef::Table(table) => (rows * table.element_type().row_bytes(cols)) as u64,
            TensorRef::Floats(_) => elems.saturating_mul(4),
        }
    }

    /// Every tensor with its name, in the order of the schema.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, TensorRef<'_>)> {
        use TensorRef::{Floats, Ternary};
        let layers = self.layers.iter().flat_map(|layer| {
            [
                Floats(&layer.in_norm),
                Ternary(&layer.in_proj),
                Floats(&layer.conv_weight),
                Floats(&layer.conv_bias),
                Floats(&layer.dt_bias),
                Floats(&layer.a_log),
                Floats(&layer.d),
                Floats(&layer.out_norm),
                Ternary(&layer.out_proj),
            ]
        });
        let tail = [
            Floats(&self.norm_f),
            Floats(&self.head_norm),
            Ternary(&self.head),
        ];
        let tensors = std::iter::once(TensorRef::Table(&self.embed))
            .chain(layers)
            .chain(tail);
        schema::tensors(&self.config)
            .map(|spec| spec.name.to_string())
            .zip(tensors)
    }
}
