//! Work in progress.

pub mod packing;
pub mod reference;
