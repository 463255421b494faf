//! Work in progress.

pub mod error;
pub mod format;
mod rng;
pub mod sampler;
