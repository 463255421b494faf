//! What a verified function becomes: Rust source for ahead-of-time kernels, Cranelift IR
//! for the JIT and for objects, machine code of wide x86-64. Each emitter is a feature of its own.

#[cfg(any(feature = "clif", feature = "rust", feature = "wide"))]
mod bytes;
#[cfg(feature = "clif")]
pub mod clif;
#[cfg(any(feature = "clif", feature = "rust", feature = "wide"))]
mod ninths;
#[cfg(any(feature = "clif", feature = "wide"))]
mod order;
#[cfg(feature = "rust")]
pub mod rust;
#[cfg(feature = "wide")]
pub mod x86;
