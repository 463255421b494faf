//! What a verified function becomes: Rust source for ahead-of-time kernels, Cranelift IR
//! for the JIT and for objects. Each emitter is a feature of its own.

#[cfg(any(feature = "clif", feature = "rust"))]
mod bytes;
#[cfg(feature = "clif")]
pub mod clif;
#[cfg(feature = "clif")]
mod order;
#[cfg(feature = "rust")]
pub mod rust;
