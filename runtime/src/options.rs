use crate::PrepareError;
use crate::tensor::Tables;
use crate::tune::Tuning;
use atome_spec::{Activation, CacheType, Packing, Tier, UnknownName};
use std::fmt;
use std::str::FromStr;

/// How a model is loaded and run. The defaults suit one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which backend runs the plan.
    pub backend: BackendKind,
    /// The CPU tier to use; `None` for the best that this machine has.
    pub tier: Option<Tier>,
    /// Threads for matrix products, at most [`Options::MAX_THREADS`]; `None` chooses by the
    /// model's size. The logits do not depend on it.
    pub threads: Option<usize>,
    /// Sessions the arena has room for. They take memory once they are used. As many may run at the same time as there are
    /// cores, but no more than this; others wait.
    pub sessions: usize,
    /// Maximum tokens that [`crate::Session::prefill`] runs at once, from 1 to [`Options::MAX_BLOCK`].
    pub block: usize,
    /// Refuses kernels that multiply by a weight: products of int8 activations are then looked up. The
    /// f32 kernels never multiply. With AVX2 and SSE4.1, and in WebAssembly, matrices of int2 have their bytes in
    /// [another order](Packing::Sorted) for that, so that they are copied from a file that is mapped otherwise.
    pub no_multiply: bool,
    /// Whether kernels and threads are those that were measured to be best on this CPU. The logits do not depend on it.
    pub tuning: Tuning,
    /// Whether the system is asked for pages of 2 MB, or what it has of the kind, for weights and scratch: it looks up fewer
    /// addresses then. Sessions have small pages, so that idle ones take little.
    pub huge_pages: bool,
    /// How embedding tables of trits, and matrices that multiply int8 activations, are kept: base3 takes a fifth less memory,
    /// and more instructions. `None` leaves them as a container has them for kernels, which is then mapped, and makes int2 of
    /// others.
    pub packing: Option<Packing>,
    /// What products multiply, of a model that leaves it open: f32, or int8, which is some times faster and rounds what
    /// is multiplied. `None` for what the model says. Logits depend on it.
    pub activations: Option<Activation>,
    /// Positions that attention looks back, of a model that leaves it open; beyond, the oldest leave. `None` for what the model
    /// says. Sessions have room for their keys and values, which takes memory as it is used.
    pub context: Option<usize>,
    /// What attention by heads caches its keys and values in, of a model that does so in f32: f16 takes half the memory, and half
    /// as much is read at each token; they are rounded, so logits depend on it. `None` for what the model says.
    pub cache_type: Option<CacheType>,
    /// Whether maps of a layer that follow each other run as one. The logits do not depend on it.
    pub fuse: bool,
    /// Whether embedding tables that stay in the model's file are checked when it is loaded, which reads all of them.
    /// Otherwise a row is checked when its token is asked for, before anything of a session changes.
    pub check_tables: bool,
}

impl Options {
    /// Most threads that are started.
    pub const MAX_THREADS: usize = 1024;
    /// Maximum tokens per block: as many as a kernel takes.
    pub const MAX_BLOCK: usize = 1 << 31;

    pub(crate) fn tables(&self) -> Tables {
        match self.check_tables {
            true => Tables::Now,
            false => Tables::WhenAsked,
        }
    }

    pub(crate) fn check(&self) -> Result<(), PrepareError> {
        let (max, found) = (Options::MAX_THREADS, self.threads.unwrap_or(1));
        if found > max {
            return Err(PrepareError::TooManyThreads { max, found });
        }
        let (max, found) = (Options::MAX_BLOCK, self.block);
        if found > max {
            return Err(PrepareError::BlockTooLong { max, found });
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            backend: BackendKind::Auto,
            tier: None,
            threads: None,
            sessions: 1,
            block: 32,
            no_multiply: false,
            tuning: Tuning::default(),
            huge_pages: true,
            packing: None,
            activations: None,
            context: None,
            cache_type: None,
            fuse: true,
            check_tables: false,
        }
    }
}

/// What runs a plan. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum BackendKind {
    /// `aot` at once, and `jit` as soon as another thread has made the machine code, where this build, this system and
    /// this CPU allow it. It changes over between two tokens.
    #[default]
    Auto,
    /// The plan compiled to machine code at load, with the crate's feature `jit`.
    Jit,
    /// The kernels compiled ahead of time, called one by one.
    Aot,
    /// The interpreter: slow, and the meaning of the others.
    Interp,
}

impl BackendKind {
    /// The names, in declaration order.
    pub const NAMES: &'static [&'static str] = &["auto", "jit", "aot", "interp"];

    /// The name on the command line and in records.
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::Auto => "auto",
            BackendKind::Jit => "jit",
            BackendKind::Aot => "aot",
            BackendKind::Interp => "interp",
        }
    }
}

impl serde::Serialize for BackendKind {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for BackendKind {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<BackendKind, UnknownName> {
        let all = [
            BackendKind::Auto,
            BackendKind::Jit,
            BackendKind::Aot,
            BackendKind::Interp,
        ];
        let found = all.into_iter().find(|kind| kind.name() == s);
        found.ok_or(UnknownName {
            kind: "backend",
            known: BackendKind::NAMES,
        })
    }
}
