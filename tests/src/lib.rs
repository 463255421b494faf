//! Work in progress.

pub mod ulp;
