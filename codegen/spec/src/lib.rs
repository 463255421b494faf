//! The vocabulary every crate of the workspace shares: what a kernel computes
//! ([`Op`]), how its weights lie in memory ([`Packing`], [`layout`]), how a ternary
//! product is formed ([`Method`], [`Activation`]) and for which machine ([`Target`], [`Tier`],
//! [`Isa`], [`Feature`]); what all that compute agree on to the bit ([`numerics`]).
//!
//! Plain data without dependencies or `std`, so the compiler, the macros and the
//! smallest runtime agree on the same words and the same bytes.
//!
//! ```
//! use atome_spec::{Op, Packing, layout};
//!
//! assert_eq!("gemv".parse(), Ok(Op::Gemv));
//! // The specification's table: 32,000 rows of 4,096 trits.
//! assert_eq!(32_000 * layout::embed_row_bytes(Packing::Int2, 4096), 32_768_000);
//! assert!(32_000 * layout::embed_row_bytes(Packing::Base3, 4096) <= 26_700_000);
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod activation;
mod cached;
mod feature;
mod isa;
mod kind;
pub mod layout;
mod method;
mod name;
pub mod numerics;
mod op;
mod packing;
mod random;
mod target;

pub use activation::Activation;
pub use cached::{CacheType, Place, Run};
pub use feature::{Cpuid, Feature, Saved, Sign};
pub use isa::Isa;
pub use kind::Kind;
pub use method::Method;
pub use name::UnknownName;
pub use op::Op;
pub use packing::Packing;
pub use random::SplitMix64;
pub use target::{Target, Tier};

/// Lanes of a logical vector: 16 elements of 32 bits, 64 bytes.
pub const LANES: usize = 16;

/// Alignment of every tensor in an arena, in bytes.
pub const TENSOR_ALIGN_BYTES: usize = 256;
