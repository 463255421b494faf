use atome::format::WriteError;
use atome::profile::ProfileError;
use atome::{BackendKind, LoadError, RunError};
use atome_codegen::schedule::ScheduleError;
use atome_codegen::{CodegenError, Schedule};
use atome_kernels::KernelError;
use atome_kernels::packing::PackError;
use std::io;
use std::path::PathBuf;

/// Why a benchmark has no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The answer differs from the reference's: a fault of the code, not of the machine's
    /// speed.
    #[error("{name}: element {index} is {found}, the reference gives {expected}")]
    WrongAnswer {
        /// The benchmark.
        name: String,
        /// The first element that differs.
        index: usize,
        /// The reference's value.
        expected: f32,
        /// The value found.
        found: f32,
    },
    /// A model could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A model refused its input.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A model has no profile as it was asked for.
    #[error(transparent)]
    Profile(ProfileError),
    /// A kernel refused its arguments.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Weights could not be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// No kernel that is timed can be laid out as asked.
    #[error("no kernel that is timed can be laid out as `{schedule}`: {cause}")]
    Schedule {
        /// What was asked for.
        schedule: Schedule,
        /// Why the likeliest one cannot.
        cause: ScheduleError,
    },
    /// Kernels compiled ahead of time, or interpreted, have their schedules.
    #[error("a schedule lays out what the backends auto and jit make, not {backend}")]
    NotLaidOut {
        /// The backend asked for.
        backend: BackendKind,
    },
    /// A kernel could not be generated.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// A kernel could not be compiled to machine code.
    #[cfg(feature = "jit")]
    #[error(transparent)]
    Jit(#[from] atome::JitError),
    /// A model could not be packed.
    #[error(transparent)]
    Packing(#[from] WriteError),
    /// The model file whose loading is timed could not be written.
    #[error("cannot write `{}`: {cause}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}
