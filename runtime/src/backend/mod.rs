//! Backends: three ways to run one plan, with the same bits.
//!
//! | file | concept |
//! |---|---|
//! | `frame` | the values that change from token to token, and addresses |
//! | `cache` | where the current token is in the attention cache |
//! | `walk` | running a plan call by call |
//! | `aot` | the kernels compiled ahead of time, `aot::map` chains of them |
//! | `interp` | the interpreter |
//! | `jit` | the plan compiled to machine code at load, with the feature `jit` |
//! | `auto` | `aot` at once, `jit` as soon as it is compiled |
//! | `listing` | which kernel runs which call |
//! | `pick` | which kernel runs a call |
//! | `share` | calls that threads share |
//! | `singles` | the plan's calls one by one, to be timed |
//! | `trace` | the plan watched for numbers that are not finite |
#![allow(unsafe_code, reason = "kernels are called with addresses in the arena")]

mod aot;
#[cfg(feature = "jit")]
mod auto;
mod cache;
mod frame;
mod interp;
#[cfg(feature = "jit")]
mod jit;
mod listing;
mod pick;
mod share;
mod singles;
mod trace;
mod walk;

pub(crate) use aot::{Map, form};
pub(crate) use cache::Cache;
pub(crate) use frame::{Frame, Owner};
pub(crate) use listing::listing;
pub use listing::{KernelUse, Run};
pub(crate) use pick::{Pick, ahead_of_time_pays};
pub(crate) use singles::Singles;
pub(crate) use trace::Trace;

use crate::plan::{Entry, Proved};
use crate::pool::Pool;
use crate::tune::Tuned;
use crate::{BackendKind, PrepareError};
use atome_spec::Tier;
use std::sync::Arc;
use std::time::Duration;

impl BackendKind {
    /// Asks whether this build, this CPU and this system have the backend. A model may still be
    /// one that it cannot run.
    ///
    /// # Errors
    /// For [`BackendKind::Jit`], if not. The others are everywhere.
    pub fn check(self) -> Result<(), PrepareError> {
        match self {
            #[cfg(feature = "jit")]
            BackendKind::Jit => Ok(crate::jit::check()?),
            #[cfg(not(feature = "jit"))]
            BackendKind::Jit => Err(PrepareError::NoJit),
            BackendKind::Auto | BackendKind::Aot | BackendKind::Interp => Ok(()),
        }
    }
}

/// A plan, ready to run.
pub(crate) enum Backend {
    /// The plan by kernels compiled ahead of time, then by machine code.
    #[cfg(feature = "jit")]
    Auto(auto::Auto),
    /// The plan by kernels compiled ahead of time, in a build that makes no machine code.
    #[cfg(not(feature = "jit"))]
    Auto(aot::Aot),
    /// Machine code for this plan.
    #[cfg(feature = "jit")]
    Jit(Box<jit::Jit>),
    /// The plan, call by call, with kernels compiled ahead of time.
    Aot(aot::Aot),
    /// The plan, call by call, interpreted.
    Interp(interp::Interp),
}

/// What runs a block.
#[derive(Clone, Copy)]
pub(crate) enum Now<'b> {
    /// As in [`Backend`].
    #[cfg(feature = "jit")]
    Jit(&'b jit::Jit),
    /// As in [`Backend`].
    Aot(&'b aot::Aot),
    /// As in [`Backend`].
    Interp(&'b interp::Interp),
}

/// What a backend is made for.
pub(crate) struct Wanted {
    pub(crate) kind: BackendKind,
    pub(crate) tier: Tier,
    pub(crate) tuned: Option<Arc<Tuned>>,
    /// Shares the calls, as long as the backend lives.
    pub(crate) pool: Option<Pool>,
}

impl Backend {
    /// Prepares `plan`. What [`BackendKind::Auto`] is prepared to run at once are kernels compiled ahead of time.
    pub(crate) fn new(plan: &Arc<Proved>, wanted: Wanted) -> Result<Backend, PrepareError> {
        let Wanted {
            kind, tier, tuned, ..
        } = wanted;
        let pool = wanted.pool.map(Arc::new);
        let pick = Pick {
            tier,
            tuned: tuned.as_deref(),
        };
        match kind {
            #[cfg(feature = "jit")]
            BackendKind::Auto => {
                let auto = auto::Auto::new(plan, (tier, tuned), pool)?;
                Ok(Backend::Auto(auto))
            }
            #[cfg(feature = "jit")]
            BackendKind::Jit => {
                let jit = jit::Jit::new(plan, pick, pool)?;
                Ok(Backend::Jit(Box::new(jit)))
            }
            #[cfg(not(feature = "jit"))]
            BackendKind::Jit => Err(PrepareError::NoJit),
            #[cfg(not(feature = "jit"))]
            BackendKind::Auto => Ok(Backend::Auto(aot::Aot::new(plan, pick, pool)?)),
            BackendKind::Aot => Ok(Backend::Aot(aot::Aot::new(plan, pick, pool)?)),
            BackendKind::Interp => Ok(Backend::Interp(interp::Interp::new(plan, tier)?)),
        }
    }

    /// What runs the next block.
    pub(crate) fn now(&self) -> Now<'_> {
        match self {
            #[cfg(feature = "jit")]
            Backend::Auto(auto) => match auto.made() {
                Some((Ok(jit), _)) => Now::Jit(jit),
                _ => Now::Aot(&auto.aot),
            },
            #[cfg(feature = "jit")]
            Backend::Jit(jit) => Now::Jit(jit),
            #[cfg(not(feature = "jit"))]
            Backend::Auto(aot) => Now::Aot(aot),
            Backend::Aot(aot) => Now::Aot(aot),
            Backend::Interp(interp) => Now::Interp(interp),
        }
    }

    /// Waits until nothing changes any more.
    pub(crate) fn settle(&self) {
        #[cfg(feature = "jit")]
        if let Backend::Auto(auto) = self {
            auto.settle();
        }
    }

    /// What has become of machine code that another thread makes.
    pub(crate) fn made(&self) -> Made {
        match self {
            #[cfg(feature = "jit")]
            Backend::Auto(auto) => match auto.made() {
                None => Made {
                    compiling: true,
                    ..Made::default()
                },
                Some((code, time)) => Made {
                    compiling: false,
                    refused: code.as_ref().err().cloned(),
                    time: code.is_ok().then_some(*time),
                },
            },
            #[cfg(not(feature = "jit"))]
            Backend::Auto(_) => Made {
                refused: Some(PrepareError::NoJit.in_one_line()),
                ..Made::default()
            },
            _ => Made::default(),
        }
    }
}

/// Machine code that another thread makes.
#[derive(Default)]
pub(crate) struct Made {
    /// It is being made.
    pub(crate) compiling: bool,
    /// Why there will be none.
    pub(crate) refused: Option<String>,
    /// How long making it took.
    pub(crate) time: Option<Duration>,
}

impl Now<'_> {
    /// Which backend it is.
    pub(crate) fn kind(self) -> BackendKind {
        match self {
            #[cfg(feature = "jit")]
            Now::Jit(_) => BackendKind::Jit,
            Now::Aot(_) => BackendKind::Aot,
            Now::Interp(_) => BackendKind::Interp,
        }
    }

    /// Bytes of machine code made at load.
    pub(crate) fn code_bytes(self) -> usize {
        match self {
            #[cfg(feature = "jit")]
            Now::Jit(jit) => jit.code_bytes(),
            Now::Aot(_) | Now::Interp(_) => 0,
        }
    }

    /// Runs the calls of an entry for the rows that `frame` describes: a block, or what follows the block that just
    /// ran. `owner` gives the slot and the tokens seen before for each row.
    ///
    /// # Safety
    /// `frame` points to an arena that was laid out and filled for this plan, and has at most as many rows as the plan
    /// was proved for; the slot of every row's owner, which is the same for all but of [`Entry::Sessions`], and the
    /// scratch are used by nobody else; the token ids in the scratch are below the vocabulary's size.
    pub(crate) unsafe fn run(self, entry: Entry, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self {
                #[cfg(feature = "jit")]
                Now::Jit(jit) => jit.run(entry, frame, owner),
                Now::Aot(aot) => aot.run(entry, frame, owner),
                Now::Interp(interp) => interp.run(entry, frame, owner),
            }
        }
    }
}
