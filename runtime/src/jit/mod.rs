//! Machine code made at load: one module a model, written once, then executable.
//!
//! | file | concept |
//! |---|---|
//! | `builder` | collecting functions: from the IR, written in CLIF, or compiled ahead of time |
//! | `maker` | who makes the code, and how kernels are laid out for it |
//! | `body` | a function written in CLIF |
//! | `function` | which function of which module |
//! | `memory` | pages that are written, then executed |
//! | `compiled` | a module of one function |
//! | `code` | the finished module, which owns its memory |
//! | `host` | whether this machine can run it |
//! | `error` | what can go wrong |
#![allow(
    unsafe_code,
    reason = "machine code has addresses, and its memory one owner"
)]

mod body;
mod builder;
mod code;
mod compiled;
mod error;
mod function;
mod host;
mod maker;
mod memory;
#[cfg(test)]
mod tests;

use atome_codegen::KernelSpec;
use atome_codegen::emit::clif;
use atome_spec::{Activation, Isa, Op, Packing, Target, Tier};

pub use body::Body;
pub use builder::CodeBuilder;
pub use code::Code;
pub use compiled::Compiled;
pub use error::JitError;
pub use function::FuncId;
pub use maker::Maker;

/// Asks whether this CPU and this system let a program make code for itself.
///
/// # Errors
/// If they do not.
pub fn check() -> Result<(), JitError> {
    clif::isa(Target::Native)?;
    memory::probe().map_err(|cause| JitError::NoExecutableMemory { cause })
}

/// Whether a compiled plan calls the ahead-of-time kernel for a specification where there is one: on tiers whose vectors are wider
/// than those of code made here, and where code made here was measured to gain nothing.
pub fn calls_ahead_of_time(tier: Tier, spec: &KernelSpec) -> bool {
    let maker = Maker::of(tier);
    tier.vector_bits() > maker.vector_bits() || gains_nothing(spec, maker.isa())
}

/// Elements of a head from which straight code for them is no longer faster than a loop.
const LONG_HEAD: u64 = 64;

/// What is as fast or faster by kernels of any shape: products of int8 of several tokens, which take most of their time in loops
/// whose length is known anyway, rows of tables, which stores bound, and what has fewer registers than it wants, which LLVM makes
/// more of: base 3 where trits are looked up in registers, attention and gated convolutions in 16 of them. Also what overlaps rows
/// of many tokens, or channels of them, better there.
fn gains_nothing(spec: &KernelSpec, isa: Isa) -> bool {
    let by_bytes = spec.activation == Activation::I8 && spec.method.is_none();
    let (wide, widest) = (isa.vector_bits() > 128, isa.vector_bits() == 512);
    let many = |dim| !spec.shape.contains_key(dim);
    match spec.op {
        Op::Gemm | Op::GroupGemm => by_bytes,
        Op::Gemv | Op::GroupGemv => {
            by_bytes
                && spec.packing == Some(Packing::Base3)
                && matches!(isa, Isa::Avx512Vbmi | Isa::Avx2)
        }
        Op::Embed => wide,
        Op::Attend | Op::ConvSilu | Op::Discretize | Op::SelectiveScan => wide && !widest,
        Op::AttnScores => widest && spec.shape.get("d_head").is_some_and(|n| *n >= LONG_HEAD),
        Op::Scan => wide && !widest && many("tokens"),
        Op::GatedDelta => widest || wide && many("tokens"),
        Op::GroupEmbed | Op::Hadamard | Op::Quantize => widest,
        Op::HeadNorm => widest && many("tokens"),
        Op::Norm => wide && many("rows"),
        Op::Softmax => widest && many("rows"),
        _ => false,
    }
}
