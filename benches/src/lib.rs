//! Benchmarks of kernels and whole models, as ratios to what the machine can do at most.
//!
//! [`suite`] lists the benchmarks that fit some [`Settings`]; [`Bench::run`] checks the answer
//! of one against the scalar reference, measures the limit that applies, times it, and gives
//! its [`Record`]. The limit is measured in the same process just before, so the ratio holds
//! on any machine; absolute times move with the machine's load.
//!
//! | module | concept |
//! |---|---|
//! | `record` | what a benchmark says |
//! | `time` | how long something takes |
//! | `ceiling` | limits of the machine |
//! | `kernels` | kernels of fixed shapes, by `#[ternary_kernel]` |
//! | `embed`, `product`, `models` | the benchmarks |
//! | `suite` | the list of them |
//! | `random` | seeded numbers |
//!
//! f32 `select` kernels are bound by arithmetic: of the memory limits that their records
//! carry they reach only a part, the smaller the more columns share a weight.
#![forbid(unsafe_code)]

mod ceiling;
mod embed;
mod error;
mod kernels;
mod models;
mod product;
mod random;
mod record;
mod suite;
mod time;

pub use error::BenchError;
pub use record::{Limit, LimitKind, Record};
pub use suite::{Bench, NamedModel, Settings, suite};
