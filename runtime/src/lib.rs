//! A thin runtime for ternary (1.58-bit) state-space language models: packed weights in one
//! arena, kernels specialised for the model and the CPU, no heap allocation after loading,
//! and the same logits, bit for bit, on every machine.
//!
//! | module | concept |
//! |---|---|
//! | [`checkpoint`] | models as they are read and written |
//! | [`mod@format`] | file formats: bytes to named tensors |
//! | [`graph`] | the structure of a model: recorded once, or read from text |
//! | [`families`] | the dimensions of a model, and the graph that its family records from them |
//! | [`tensor`] | named tensors: what a model asks for, what a file has |
//! | `plan` | a graph as a list of kernel calls over arena offsets |
//! | `arena` | one region of memory, resident as far as it is used |
//! | `backend` | the plan compiled at load, called kernel by kernel, or interpreted |
//! | [`Model`], [`Session`] | a loaded model, and a sequence of tokens over it |
//! | `state` | what a session remembers, as bytes that any session of the same model reads |
//! | `embed` | a model as Rust source without heap or `std`, with the feature `embed` |
//! | [`kernel`] | one kernel alone, made while the program runs |
//! | `jit` | machine code made at load, with the feature `jit` |
//! | [`sampler`] | from logits to a token |
//! | [`tokenizer`] | text to tokens and back |
//! | [`eval`] | how well a model predicts a text |
//! | [`classify`] | classes of texts, with names, and how sure they are |
//! | [`profile`] | the calls of a model one by one, to be timed |
//! | [`tune`] | what was measured on this CPU: kernels and threads that suit it |
//! | [`atomic_file`] | files that are there as a whole or not at all |
//!
//! ```no_run
//! use atome::{Model, Options};
//!
//! let model = Model::load("model.bin".as_ref(), None, &Options::default())?;
//! let mut session = model.session()?;
//! session.prefill(&b"Once upon a time".map(u32::from))?;
//! let next = session.argmax();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

mod arena;
pub mod atomic_file;
mod backend;
mod batch;
pub mod checkpoint;
pub mod classify;
mod clock;
mod cores;
#[cfg(feature = "default-model")]
mod default_model;
#[cfg(feature = "embed")]
pub mod embed;
pub mod error;
pub mod eval;
pub mod families;
mod fill;
mod fingerprint;
pub mod format;
mod generate;
pub mod graph;
#[cfg(feature = "jit")]
pub mod jit;
mod json;
pub mod kernel;
mod mapped;
mod model;
mod options;
mod overflow;
mod parallel;
mod plan;
mod pool;
mod process;
pub mod profile;
mod progress;
mod region;
pub mod regular_file;
mod rng;
pub mod sampler;
mod session;
mod state;
pub mod tensor;
pub mod tokenizer;
pub mod tune;

pub use atome_spec::{Packing, Tier};
pub use backend::{KernelUse, Run};
#[cfg(feature = "default-model")]
pub use default_model::DEFAULT_MODEL;
pub use error::{FileError, LoadError, PlanError, PlanFault, PrepareError, RunError};
pub use families::Config;
pub use fingerprint::Fingerprint;
pub use generate::Generate;
#[cfg(feature = "jit")]
pub use jit::JitError;
pub use mapped::ModelBytes;
pub use model::{BackendInfo, Model, ModelInfo};
pub use options::{BackendKind, Options};
pub use plan::{Section, TensorInfo};
pub use progress::Progress;
pub use session::Session;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
