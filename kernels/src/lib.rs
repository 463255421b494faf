//! Ternary kernels without `std`: packed weights, kernels for each CPU tier compiled ahead
//! of time, and the scalar reference that all of them equal bit for bit.
//!
//! | module | concept |
//! |---|---|
//! | [`packing`] | trits to bytes and back |
//! | [`mod@reference`] | the scalar definition of every op |
//! | [`dispatch`] | which CPU tiers this machine runs |
//! | `aot` | every op for every tier, any shape (feature `aot`) |
//! | [`ops`] | what is too irregular to compile |
#![cfg_attr(not(test), no_std)]

#[doc(hidden)]
pub mod agree;
#[cfg(feature = "aot")]
pub mod aot;
pub mod dispatch;
mod error;
pub mod ops;
pub mod packing;
pub mod reference;

pub use atome_macros::ternary_kernel;

#[cfg(feature = "aot")]
pub use aot::{Kernel, find, kernels};
pub use atome_spec::{Activation, Isa, Kind, Method, Op, Packing, Tier};
pub use dispatch::{available, detect, tiers};
pub use error::KernelError;
