//! The differentiable operations of the model, each a forward and a backward pass over plain
//! slices, which the [`tape`](crate::tape) records and walks backwards.
//!
//! A block is one operation, because a scan, a short convolution or a top-k attention written
//! in general tensor operations would copy its activations many times over. Everything is
//! row-major `f32`; a row is a position, and a batch is whole sequences one after the other.
//!
//! | module | computes |
//! |---|---|
//! | `embed` | rows of a table |
//! | `block` | a block: the four below, and the residual stream |
//! | `norm` | layer normalisation |
//! | `pathways` | the convolution and the state space |
//! | `linear` | matrix products |
//! | `mix` | top-k attention, the router, and their sum with the residual stream |
//! | `rows` | the last positions of sequences |
//! | `loss` | cross-entropy, of next bytes or of classes |
//! | `vector` | sums and products of vectors, in lanes |

mod block;
mod embed;
mod linear;
mod loss;
mod mix;
mod norm;
mod pathways;
mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod vector;

pub(crate) use block::Block;
pub(crate) use embed::Embed;
pub(crate) use linear::{Linear, Matrix, product};
pub(crate) use loss::{ClassEntropy, CrossEntropy, nats};
pub(crate) use mix::Mix;
pub(crate) use norm::LayerNorm;
pub(crate) use rows::Rows;

/// Added to the variance of a layer norm; the runtime's value.
const NORM_EPS: f32 = 1e-5;
/// Added to the sum of a softmax; the runtime's value.
const SOFTMAX_EPS: f32 = 1e-10;
