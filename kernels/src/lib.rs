//! Ternary kernels without `std`: packed weights, kernels for each CPU tier compiled ahead
//! of time, and the scalar reference that all of them equal bit for bit.
//!
//! | module | concept |
//! |---|---|
//! | [`packing`] | trits to bytes and back |
//! | [`mod@reference`] | the scalar definition of every op |
//! | [`dispatch`] | which CPU tiers this machine runs |
//! | `safe` | the kernels as functions over slices (feature `aot`) |
//! | `aot` | every op for every tier, any shape (feature `aot`) |
//! | [`ops`] | what is too irregular to compile |
//!
//! A kernel of a fixed shape is a function with [`ternary_kernel`] on it; one for any shape is in
//! `safe`.
//!
//! ```
//! use atome_kernels::{KernelError, packing, ternary_kernel};
//!
//! /// `out[r] = scale * sum_c w[r, c] * x[c]`
//! #[ternary_kernel(op = "gemv", rows = 2, cols = 3, packing = "int2")]
//! fn project(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;
//!
//! let mut w = [0; packing::gemv::words(2, 3)];
//! packing::gemv::pack_into(&[1, -1, 0, 0, 1, 1], 2, 3, &mut w)?;
//! let mut out = [0.0; 2];
//! project(&w, &[1.0, 2.0, 4.0], 0.5, &mut out)?;
//! assert_eq!(out, [-0.5, 3.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), no_std)]

#[doc(hidden)]
pub mod agree;
// Unit tests, which need none of it, would compile every kernel again.
#[cfg(not(test))]
pub mod aot;
pub mod dispatch;
mod error;
pub mod ops;
pub mod packing;
pub mod reference;
#[cfg(all(feature = "aot", not(test)))]
pub mod safe;

pub use atome_macros::ternary_kernel;

#[cfg(not(test))]
pub use aot::{Kernel, find, kernels};
pub use atome_spec::{Activation, Isa, Kind, Method, Op, Packing, Tier};
pub use dispatch::{available, detect, tiers};
pub use error::KernelError;
