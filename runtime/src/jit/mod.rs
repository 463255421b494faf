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

use atome_codegen::emit::clif;
use atome_spec::{Target, Tier};

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

/// Whether a compiled plan calls ahead-of-time kernels where there are some: on tiers whose vectors are
/// wider than those of code made here.
pub fn calls_ahead_of_time(tier: Tier) -> bool {
    tier.vector_bits() > Maker::of(tier).vector_bits()
}
