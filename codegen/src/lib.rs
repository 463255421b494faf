//! Compiles kernel specifications for ternary models:
//! spec -> schedule -> IR -> verify -> passes -> emit.
#![forbid(unsafe_code)]

mod compile;
pub mod emit;
mod error;
pub mod interp;
pub mod ir;
pub mod lower;
pub mod passes;
pub mod schedule;
pub mod spec;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use compile::compile;
pub use error::CodegenError;
pub use schedule::Schedule;
pub use spec::KernelSpec;
