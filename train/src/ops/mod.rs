//! The differentiable operations of the model, each a forward and a backward pass over plain
//! slices, made known to candle's autograd.
//!
//! candle records the graph and walks it backwards. What a block computes is here, because a
//! scan, a short convolution or a top-k attention written in general tensor operations would
//! copy its activations many times over. Everything is row-major `f32`; a row is a position,
//! and a batch is whole sequences one after the other.
//!
//! | module | computes |
//! |---|---|
//! | `embed` | rows of a table |
//! | `norm` | layer normalisation |
//! | `linear` | matrix products |
//! | `mix` | top-k attention, the router, and their sum with the residual stream |
//! | `loss` | mean cross-entropy |
//! | `vector` | sums and products of vectors, in lanes |

mod block;
mod embed;
mod linear;
mod loss;
mod mix;
mod norm;
mod pathways;
#[cfg(test)]
mod tests;
pub(crate) mod vector;

pub(crate) use block::Block;
pub(crate) use embed::Embed;
pub(crate) use linear::{Linear, Matrix, product};
pub(crate) use loss::{CrossEntropy, nats};
pub(crate) use mix::Mix;
pub(crate) use norm::LayerNorm;

use candle_core::{CpuStorage, Error, Layout, Result, Shape, Storage, Tensor};

/// Added to the variance of a layer norm; the runtime's value.
const NORM_EPS: f32 = 1e-5;
/// Added to the sum of a softmax; the runtime's value.
const SOFTMAX_EPS: f32 = 1e-10;

/// The numbers of an operand.
fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or_else(|| Error::Msg("operands are contiguous".into()))?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Calls `f` with the numbers of a tensor.
fn with_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => slice(storage, layout).map(f),
        _ => Err(Error::Msg("tensors are in main memory".into())),
    }
}

/// What a forward pass gives.
fn output(values: Vec<f32>, shape: impl Into<Shape>) -> (CpuStorage, Shape) {
    (CpuStorage::F32(values), shape.into())
}

/// A gradient with the shape of `like`.
fn gradient(values: Vec<f32>, like: &Tensor) -> Result<Option<Tensor>> {
    Tensor::from_vec(values, like.shape(), like.device()).map(Some)
}

/// A tensor of its own with contiguous rows; backward passes may be handed views.
fn contiguous(tensor: &Tensor) -> Result<Tensor> {
    tensor.contiguous()
}
