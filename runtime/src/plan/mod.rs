//! A model as a list of kernel calls over arena offsets, for any backend.
//!
//! | file | concept |
//! |---|---|
//! | `entry` | the lists of calls |
//! | `call` | kernel calls, their operands and dimensions |
//! | `tensor` | tensors of the arena, and what fills the constant ones |
//! | `image` | tensors that stay in a mapped file |
//! | `size` | sums and products that never wrap around |
//! | `memory` | offsets: sections in order, scratch by liveness |
//! | `saved` | what of a slot is a session's saved state |
//! | `count` | what a step costs |
//! | `lower` | a graph to a plan: its calls |
//! | `declare`, `slots`, `bind` | its tensors: of states, of rows, of parameters |
//! | `text` | a plan as text |
//! | `verify` | the proof that a plan touches nothing but what is its own |
//!
//! A plan is written once, for a block of up to [`Plan::block`] tokens. A step is the same
//! plan with one token.

use crate::arena::Sizes;
use atome_codegen::schedule;
use atome_spec::{Isa, Packing, TENSOR_ALIGN_BYTES};

mod bind;
mod call;
mod count;
mod declare;
mod entry;
mod image;
mod lower;
mod memory;
mod saved;
mod size;
mod slots;
mod tensor;
mod text;
mod verify;

pub(crate) use crate::graph::DimValue;
pub(crate) use call::{Call, KernelCall, Operand, Row, Stage, TopKCall};
pub(crate) use entry::{Entry, PerEntry};
pub(crate) use image::Image;
pub(crate) use lower::plan;
pub(crate) use saved::Saved;
pub(crate) use size::Size;
pub(crate) use tensor::{Base, Content, Scales, Source, Tensor, Trits};
pub use tensor::{Section, TensorInfo};
pub(crate) use verify::Proved;

/// A plan, and what fills its weights and constants.
pub(crate) type Planned<'m> = (Plan, Vec<(Tensor, Content<'m>)>);

/// How products of int8 activations are formed. The answers do not depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Products {
    /// Packing of the matrices; `None` for that of the file, or the fastest.
    pub packing: Option<Packing>,
    /// Forbids the methods that multiply by a weight.
    pub no_multiply: bool,
    /// The instructions by which they are looked up then.
    pub isa: Isa,
}

impl Products {
    /// The packing of a matrix that multiplies int8, of one that its file has or somebody asks for.
    pub(crate) fn matrix(self, packing: Packing) -> Packing {
        match self.no_multiply {
            true => schedule::looked_up(packing, self.isa),
            false => packing,
        }
    }
}

impl Default for Products {
    fn default() -> Self {
        Products {
            packing: None,
            no_multiply: false,
            isa: Isa::Portable,
        }
    }
}

/// Where tensors may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placing {
    /// What the offsets of tensors are multiples of.
    pub align: usize,
    /// Tensors stay in the model's file where it has them as kernels read them.
    pub in_file: bool,
}

impl Default for Placing {
    /// That of an arena.
    fn default() -> Self {
        Placing {
            align: TENSOR_ALIGN_BYTES,
            in_file: true,
        }
    }
}

/// A planned model.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What the offsets of tensors outside a file are multiples of.
    pub align: usize,
    /// Maximum tokens per block.
    pub block: usize,
    /// Maximum tokens per block whose logits are all wanted.
    pub rows_block: usize,
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
    /// Bytes of the weights, of the constants, of a scratch, and of a session's slot.
    pub sizes: Sizes,
    /// What of a slot is saved.
    pub saved: Saved,
    /// Tensors a session reads or writes itself.
    pub ports: Ports,
    /// Calls that became one before they were planned, by their names.
    pub fused: Vec<String>,
    /// The file that has the tensors of [`Section::File`], if there are such.
    pub image: Option<Image>,
}

/// The tensors through which a session talks to the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// Token ids in, `i32[block]`.
    pub ids: Tensor,
    /// Cosines and sines of the angles of a token's position in, `f32[block, 2, pairs]`.
    pub angles: Option<Turns>,
    /// Logits out, `f32[vocab]` or `f32[classes]`.
    pub logits: Tensor,
    /// Logits of every row of a block out, `f32[rows_block, vocab]`.
    pub logits_rows: Tensor,
    /// Index of the greatest logit out, `i32[1]`.
    pub argmax: Tensor,
    /// What a model shows beside the logits, `f32[block, width]`, and the width.
    pub output: Option<(Tensor, usize)>,
}

/// Rows that follow the position of their token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    /// `f32[block, 2, pairs]`.
    pub tensor: Tensor,
    /// Angles of a token.
    pub pairs: usize,
    /// Pair i turns by the position times `base^(-i / pairs)`.
    pub base: f32,
}

impl Turns {
    /// Writes the rows of tokens at some positions.
    pub(crate) fn write(&self, rows: &mut [f32], positions: impl Iterator<Item = u64>) {
        let pairs = self.pairs;
        for (row, position) in rows.chunks_exact_mut((2 * pairs).max(1)).zip(positions) {
            let (cosines, sines) = row.split_at_mut(pairs);
            for (i, (cosine, sine)) in cosines.iter_mut().zip(sines).enumerate() {
                let exponent = -(i as f64) / pairs as f64;
                let angle = position as f64 * libm::pow(f64::from(self.base), exponent);
                let (s, c) = libm::sincos(angle);
                (*cosine, *sine) = (c as f32, s as f32);
            }
        }
    }
}

impl Ports {
    /// Bytes of a row of the output.
    pub(crate) fn output_bytes(&self) -> usize {
        self.output.map_or(0, |(_, width)| 4 * width)
    }
}

impl Plan {
    /// Where a tensor lies and how large it is.
    pub(crate) fn tensor(&self, tensor: Tensor) -> &TensorInfo {
        &self.tensors[tensor.0]
    }

    /// Tokens of different sessions that run at once: where the weights stay in a core's cache, only as many as leave what lies between
    /// calls there too.
    pub(crate) fn sessions_block(&self) -> usize {
        let weights = self.sizes.weights.saturating_add(self.sizes.constants);
        if self.image.is_some() || weights > CACHE_BYTES {
            return self.rows_block;
        }
        let row = self.sizes.scratch / self.block.max(1);
        let fitting = CACHE_BYTES / row.max(1);
        // Products take tokens by eight.
        (fitting / 8 * 8).max(8).min(self.rows_block)
    }
}

/// Half of a core's second cache, where that is small.
const CACHE_BYTES: usize = 512 << 10;
