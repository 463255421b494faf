//! Work in progress.

pub mod cases;
pub mod compiled;
pub mod published;
pub mod runs;
pub mod ulp;
