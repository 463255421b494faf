//! Machine code made at load: one module a model, written once, then executable.
//!
//! | file | concept |
//! |---|---|
//! | `builder` | collecting functions: from the IR, written in CLIF, or compiled ahead of time |
//! | `code` | the finished module, which owns its memory |
//! | `host` | whether this machine can run it |
//! | `error` | what can go wrong |
#![allow(
    unsafe_code,
    reason = "machine code has addresses, and its memory one owner"
)]

mod builder;
mod code;
mod error;
mod host;
#[cfg(test)]
mod tests;

pub use builder::{Body, CodeBuilder};
pub use code::Code;
pub use cranelift_module::FuncId;
pub use error::JitError;
