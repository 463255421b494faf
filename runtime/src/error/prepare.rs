use super::PlanError;
#[cfg(feature = "jit")]
use crate::jit::JitError;
use atome_codegen::CodegenError;
use atome_codegen::interp::ProgramError;
use atome_kernels::packing::PackError;
use atome_spec::{Activation, CacheType, Tier};
use std::io;

/// What the option has for activations.
const fn words(activation: Activation) -> &'static str {
    match activation {
        Activation::F32 => "f32",
        Activation::I8 => "int8",
    }
}

/// Why a model that was read cannot be made ready to run: what was asked for, memory, kernels, threads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// A context of a model that has its own, or none.
    #[error(
        "expected no context, found {asked} positions: how far the model looks back is part of it"
    )]
    NoContext {
        /// Positions asked for.
        asked: usize,
    },
    /// A context that the model does not allow.
    #[error("expected a context of 1 to {most} positions, found {asked}")]
    Context {
        /// Positions asked for.
        asked: usize,
        /// The most that the model may look back.
        most: usize,
    },
    /// Activations that the model does not allow.
    #[error(
        "expected the model's activations, {}, found that {} was asked for: it does not leave them open",
        words(*found),
        words(*asked)
    )]
    Activations {
        /// What was asked for.
        asked: Activation,
        /// What the model multiplies.
        found: Activation,
    },
    /// A type of caches that the model does not allow.
    #[error("expected the model's caches, {found}, found that {asked} was asked for")]
    CacheType {
        /// What was asked for.
        asked: CacheType,
        /// What the model has.
        found: CacheType,
    },
    /// A type of caches for a model without attention by heads.
    #[error(
        "expected no type of caches, found {asked}: the model has none that hold keys and values by heads"
    )]
    NoCaches {
        /// What was asked for.
        asked: CacheType,
    },
    /// A tensor is larger than this machine can address.
    #[error("`{tensor}`: {rows} x {cols} elements are more than this machine can address")]
    TooLarge {
        /// The tensor's name.
        tensor: String,
        /// Rows the model or the options ask for.
        rows: usize,
        /// Columns they ask for.
        cols: usize,
    },
    /// There is no memory for the arena, or its size cannot be addressed.
    #[error("no memory for an arena of {bytes} bytes")]
    ArenaMemory {
        /// Bytes of the arena.
        bytes: u64,
    },
    /// A tensor cannot be packed for the kernels.
    #[error("`{tensor}`: {cause}")]
    Pack {
        /// The tensor's name.
        tensor: String,
        /// What the packing found.
        cause: PackError,
    },
    /// A packed tensor does not read back as its source: a fault of this crate or the memory.
    #[error("`{tensor}`: the packed weight at row {row}, column {col} is not the source's")]
    SelfCheck {
        /// The tensor's name.
        tensor: String,
        /// Row of the first difference.
        row: usize,
        /// Column of the first difference.
        col: usize,
    },
    /// The CPU tier asked for is not available here.
    #[error("this machine cannot run `{tier}` code, its best tier is `{host}`")]
    Tier {
        /// The tier asked for.
        tier: Tier,
        /// The best tier of this machine.
        host: Tier,
    },
    /// The library has no kernel that the plan needs.
    #[error("no `{kernel}` kernel was compiled for `{tier}`")]
    NoKernel {
        /// The kernel's name without its instruction set.
        kernel: String,
        /// The tier.
        tier: Tier,
    },
    /// A plan that was not proved: a fault of this crate, not of the file. Nothing of it runs.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A kernel of the plan cannot be generated.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// A kernel of the plan cannot be interpreted: a fault of the compiler.
    #[error("cannot interpret a kernel: {0}")]
    Program(ProgramError),
    /// The plan cannot be compiled to machine code.
    #[cfg(feature = "jit")]
    #[error(transparent)]
    Jit(#[from] JitError),
    /// Machine code at load was asked for by name, and this build makes none.
    #[error("this build of the crate `atome` has no JIT: use `aot`, or its feature `jit`")]
    NoJit,
    /// More threads were asked for than any product is worth.
    #[error("expected at most {max} threads, found {found}")]
    TooManyThreads {
        /// The greatest number that is accepted.
        max: usize,
        /// The number asked for.
        found: usize,
    },
    /// Longer blocks were asked for than kernels take.
    #[error("expected blocks of at most {max} tokens, found {found}")]
    BlockTooLong {
        /// The greatest number that is accepted.
        max: usize,
        /// The number asked for.
        found: usize,
    },
    /// The system starts no more threads.
    #[error("cannot start {threads} threads: {cause}")]
    Threads {
        /// Threads asked for, the caller's included.
        threads: usize,
        /// What the operating system said.
        cause: io::Error,
    },
}

impl PrepareError {
    /// Whether something was asked for that this machine, this build or the model does not have, and not the machine that failed.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::Tier { .. }
                | Self::NoJit
                | Self::TooManyThreads { .. }
                | Self::BlockTooLong { .. }
                | Self::Activations { .. }
                | Self::NoContext { .. }
                | Self::Context { .. }
                | Self::CacheType { .. }
                | Self::NoCaches { .. }
        )
    }

    /// The fault and what caused it, as far as a cause says something new.
    pub(crate) fn in_one_line(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |e| e.source());
        let text = causes.fold(self.to_string(), |text, cause| match cause.to_string() {
            more if text.contains(&more) => text,
            more => format!("{text}: {more}"),
        });
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
