//! What is asked for.

use atome::checkpoint::Checkpoint;
use atome::tune::Tuning;
use atome::{BackendKind, Tier};
use atome_codegen::Schedule;

/// What to benchmark.
#[derive(Clone, Debug)]
pub struct Settings {
    /// CPU tier of the kernels and of the models.
    pub tier: Tier,
    /// Backend of the models, and how kernels are made: [`BackendKind::Jit`] for their shapes now, [`BackendKind::Aot`] for any
    /// ahead of time, [`BackendKind::Auto`] for both. The interpreter runs models alone.
    pub backend: BackendKind,
    /// Threads of the models, of the limits and of products by weights from memory; `None` for one, and for these
    /// products two as well where there are two CPUs.
    pub threads: Option<usize>,
    /// As [`Options::no_multiply`](atome::Options::no_multiply).
    pub no_multiply: bool,
    /// How models are tuned: records are of the defaults, unless somebody asks for a model of theirs.
    pub tuning: Tuning,
    /// How kernels are laid out: those that can be are compiled so, and nothing else is timed. `None` for
    /// those compiled ahead of time.
    pub schedule: Option<Schedule>,
    /// The model to time, and nothing else; `None` for kernels and for random weights in the
    /// published shapes.
    pub model: Option<NamedModel>,
}

/// A model and what its shape is called in names of benchmarks.
#[derive(Clone, Debug)]
pub struct NamedModel {
    /// Shape: `944k`, or another word.
    pub shape: String,
    /// The model.
    pub model: Checkpoint,
}
