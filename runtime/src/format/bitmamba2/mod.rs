//! The BitMamba-2 family and its `BIT2` files, which store their dimensions and are read a tensor at a time.
//!
//! | file | job |
//! |---|---|
//! | `config` | dimensions and their limits |
//! | `schema` | the tensors of a file in order, and where they lie |
//! | `read` | the header and the tensors' headers, checked; tensors that are read on demand |
//! | `random` | seeded models for tests and benchmarks |

mod config;
mod random;
mod read;
mod schema;

pub use config::BitMamba2Config;
pub(super) use read::open_file;

use super::source::{Floats, TritRows};
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
    pub embed: FloatTensor,
    /// `n_layers` layers, first to last.
    pub layers: Vec<BitMamba2Layer>,
    /// `[d_model]`: RMS norm after the last layer.
    pub norm_f: FloatTensor,
    /// `[d_model]`: RMS norm before the head.
    pub head_norm: FloatTensor,
    /// `[vocab_size, d_model]`.
    pub head: TernaryTensor,
}

impl BitMamba2Model {
    /// Returns the number of weights, ternary and f32, without the scales.
    #[must_use]
    pub fn parameters(&self) -> usize {
        schema::tensors(&self.config).map(|t| t.shape.elems()).sum()
    }
}
