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
//! | `record_file`, `machine` | a file of them, and what it was measured on |
//! | `compare`, `roofline` | records beside older ones, and as a picture |
//! | `settings` | what is asked for |
//! | `time`, `timing` | how long something takes, and a whole model |
//! | `answer` | whether an answer is the reference's |
//! | `limit` | what the machine can do at most |
//! | `limits` | that as benchmarks of their own |
//! | `pages` | memory on pages of some size |
//! | `code` | a kernel's code: compiled ahead of time, or now by a schedule |
//! | `kernels` | the kernels, behind functions that check their slices |
//! | `embed`, `product`, `product_i8`, `product_groups`, `from_memory`, `map`, `attend`, `delta`, `text`, `models`, `load` | the benchmarks |
//! | `source` | the models that are timed |
//! | `suite` | the list of them |
//! | `profile` | where the time of a model goes |
//! | `tune` | which kernels and how many threads suit a model |
//! | `random` | seeded numbers |
//!
//! ```
//! use atome::tune::Tuning;
//! use atome::{BackendKind, Tier};
//! use atome_benches::{Settings, suite};
//!
//! let (tier, backend) = (Tier::Portable, BackendKind::Aot);
//! let settings = Settings {
//!     tier,
//!     backend,
//!     threads: None,
//!     no_multiply: false,
//!     tuning: Tuning::Off,
//!     schedule: None,
//!     model: None,
//! };
//! let classify = suite(&settings)?.into_iter().find(|b| b.name.starts_with("classify-"));
//! let record = classify.expect("it is in every list").run()?;
//! assert!(record.ns > 0.0 && record.backend == "aot");
//! # Ok::<(), atome_benches::BenchError>(())
//! ```
#![deny(unsafe_code)]

mod answer;
mod attend;
mod code;
mod compare;
mod delta;
mod embed;
mod error;
mod from_memory;
mod kernels;
mod limit;
mod limits;
mod line;
mod load;
mod machine;
mod map;
mod models;
mod pages;
mod product;
mod product_groups;
mod product_i8;
mod profile;
mod random;
mod record;
mod record_file;
mod roofline;
mod settings;
mod source;
mod suite;
mod text;
mod time;
mod timing;
mod tune;

pub use compare::{Compared, compared, gone};
pub use error::BenchError;
pub use limit::{Limit, LimitKind};
pub use machine::Machine;
pub use profile::{CallTime, Moment, options_to_profile, profile, random_model, shapes};
pub use record::Record;
pub use record_file::{RecordFile, RecordFileError};
pub use roofline::{is_roofline, roofline};
pub use settings::{NamedModel, Settings};
pub use suite::{Bench, limits, suite};
pub use tune::{Outcome, Timed, TriedProduct, TriedThreads, tune};
