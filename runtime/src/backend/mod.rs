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
//! | `listing` | which kernel runs which call |
//! | `pick` | which kernel runs a call |
//! | `parallel` | a matrix product split over threads |
//! | `trace` | the plan watched for numbers that are not finite |
#![allow(unsafe_code, reason = "kernels are called with addresses in the arena")]

mod aot;
mod cache;
mod frame;
mod interp;
#[cfg(feature = "jit")]
mod jit;
mod listing;
mod parallel;
mod pick;
mod trace;
mod walk;

pub(crate) use aot::{Map, form};
pub(crate) use cache::Cache;
pub(crate) use frame::{Frame, Owner};
pub(crate) use listing::listing;
pub use listing::{KernelUse, Run};
pub(crate) use pick::Pick;
pub(crate) use trace::Trace;

use crate::plan::{Entry, Proved};
use crate::pool::Pool;
use crate::{BackendKind, PrepareError};
use std::sync::Arc;

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
    /// Machine code for this plan.
    #[cfg(feature = "jit")]
    Jit(Box<jit::Jit>),
    /// The plan, call by call, with kernels compiled ahead of time.
    Aot(aot::Aot),
    /// The plan, call by call, interpreted.
    Interp(interp::Interp),
}

impl Backend {
    /// Prepares `plan`; `pool` lives as long as the backend and splits the matrix products.
    ///
    /// [`BackendKind::Auto`] runs wherever kernels compiled ahead of time do: what kept machine
    /// code from being made is then the second value, in a line.
    pub(crate) fn new(
        kind: BackendKind,
        plan: &Proved,
        pick: Pick<'_>,
        pool: Option<Pool>,
    ) -> Result<(Backend, Option<String>), PrepareError> {
        let pool = pool.map(Arc::new);
        let (backend, refused) = match kind {
            BackendKind::Auto => match Backend::jit(plan, pick, pool.clone()) {
                Ok(jit) => (jit, None),
                Err(why) => (Backend::aot(plan, pick, pool)?, Some(why.in_one_line())),
            },
            BackendKind::Jit => (Backend::jit(plan, pick, pool)?, None),
            BackendKind::Aot => (Backend::aot(plan, pick, pool)?, None),
            BackendKind::Interp => (Backend::Interp(interp::Interp::new(plan, pick.tier)?), None),
        };
        Ok((backend, refused))
    }

    #[cfg(feature = "jit")]
    fn jit(
        plan: &Proved,
        pick: Pick<'_>,
        pool: Option<Arc<Pool>>,
    ) -> Result<Backend, PrepareError> {
        let jit = jit::Jit::new(plan, pick, pool)?;
        Ok(Backend::Jit(Box::new(jit)))
    }

    #[cfg(not(feature = "jit"))]
    fn jit(
        _plan: &Proved,
        _pick: Pick<'_>,
        _pool: Option<Arc<Pool>>,
    ) -> Result<Backend, PrepareError> {
        Err(PrepareError::NoJit)
    }

    fn aot(
        plan: &Proved,
        pick: Pick<'_>,
        pool: Option<Arc<Pool>>,
    ) -> Result<Backend, PrepareError> {
        Ok(Backend::Aot(aot::Aot::new(plan, pick, pool)?))
    }

    /// Which backend it is.
    pub(crate) fn kind(&self) -> BackendKind {
        match self {
            #[cfg(feature = "jit")]
            Backend::Jit(_) => BackendKind::Jit,
            Backend::Aot(_) => BackendKind::Aot,
            Backend::Interp(_) => BackendKind::Interp,
        }
    }

    /// Bytes of machine code made at load.
    pub(crate) fn code_bytes(&self) -> usize {
        match self {
            #[cfg(feature = "jit")]
            Backend::Jit(jit) => jit.code_bytes(),
            Backend::Aot(_) | Backend::Interp(_) => 0,
        }
    }

    /// Runs the calls of an entry for the rows that `frame` describes: a block, or what follows the block that just
    /// ran. `owner` gives the state and the tokens seen before for each row.
    ///
    /// # Safety
    /// `frame` points to an arena that was laid out and filled for this plan, and has at most as many rows as the plan
    /// was proved for; the state of every row's owner, which is the same for all but of [`Entry::Sessions`], and the
    /// scratch are used by nobody else; the token ids in the scratch are below the vocabulary's size.
    pub(crate) unsafe fn run(&self, entry: Entry, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self {
                #[cfg(feature = "jit")]
                Backend::Jit(jit) => jit.run(entry, frame, owner),
                Backend::Aot(aot) => aot.run(entry, frame, owner),
                Backend::Interp(interp) => interp.run(entry, frame, owner),
            }
        }
    }
}
