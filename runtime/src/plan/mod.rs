//! A model as a list of kernel calls over arena offsets, for any backend.
//!
//! | file | concept |
//! |---|---|
//! | `call` | kernel calls, their operands and dimensions |
//! | `tensor` | tensors of the arena, and what fills the constant ones |
//! | `image` | weights that stay in a mapped file |
//! | `memory` | offsets: sections in order, scratch by liveness |
//! | `builder` | how a family's plan is written down |
//! | `atome`, `bitmamba2` | the plans of the families |
//!
//! A plan is written once, for a block of up to [`Plan::block`] tokens. A step is the same
//! plan with one token.

use crate::arena::Sizes;
use atome_spec::Packing;

mod atome;
mod bitmamba2;
mod builder;
mod call;
mod image;
mod memory;
mod tensor;

pub(crate) use atome::plan_atome;
pub(crate) use bitmamba2::plan_bitmamba2;
pub(crate) use call::{Call, DimValue, KernelCall, Operand, Row, Stage, TopKCall};
pub(crate) use image::Image;
pub(crate) use tensor::{Content, FloatSource, Tensor};
pub use tensor::{Section, TensorInfo};

/// A plan, and what fills its weights and constants.
pub(crate) type Planned<'m> = (Plan, Vec<(Tensor, Content<'m>)>);

/// How products of int8 activations are formed. The answers do not depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Products {
    /// Packing of the matrices; `None` for that of the file, or the fastest.
    pub packing: Option<Packing>,
    /// Forbids the methods that multiply by a weight.
    pub no_multiply: bool,
}

/// A planned model.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Most tokens of a block.
    pub block: usize,
    /// Cached positions of attention; the oldest leave beyond it.
    pub window: u64,
    /// What a block of tokens runs, in order.
    pub stages: Vec<Stage>,
    /// What gives the logits of the block's last token.
    pub head: Vec<Stage>,
    /// What gives the logits of every row of a block, and the argmax of each where its session keeps it.
    pub rows_head: Vec<Stage>,
    /// What a block runs, in order, whose rows are tokens of different sessions.
    pub sessions: Vec<Stage>,
    /// Every tensor, placed.
    pub tensors: Vec<TensorInfo>,
    /// Bytes of the weights, of the constants, and of a session's slot, where the state comes
    /// first.
    pub sizes: Sizes,
    /// Bytes of a session's state, logits included, from the start of its slot.
    pub state_bytes: usize,
    /// Tensors a session reads or writes itself.
    pub ports: Ports,
    /// Where the weights are, if not in the arena.
    pub image: Option<Image>,
}

/// The tensors through which a session talks to the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// Tokens seen so far and tokens of the last block, `u64[2]`; part of the state.
    pub position: Tensor,
    /// Token ids in, `i32[block]`.
    pub ids: Tensor,
    /// Logits out, `f32[vocab]` or `f32[classes]`.
    pub logits: Tensor,
    /// Logits of every row of a block out, `f32[block, vocab]`.
    pub logits_rows: Tensor,
    /// Index of the greatest logit out, `i32[1]`.
    pub argmax: Tensor,
    /// Router weights of the last block of an Atome model, `f32[block, 3]`.
    pub router: Option<Tensor>,
}

impl Plan {
    /// Where a tensor lies and how large it is.
    pub(crate) fn tensor(&self, tensor: Tensor) -> &TensorInfo {
        &self.tensors[tensor.0]
    }
}
