//! Backends: three ways to run one plan, with the same bits.
//!
//! | file | concept |
//! |---|---|
//! | `frame` | the values that change from token to token, and addresses |
//! | `walk` | running a plan call by call |
//! | `aot` | the kernels compiled ahead of time |
//! | `interp` | the interpreter |
//! | `jit` | the plan compiled to machine code at load |
//! | `parallel` | a matrix product split over threads |
#![allow(unsafe_code, reason = "kernels are called with addresses in the arena")]

mod aot;
mod frame;
mod interp;
mod jit;
mod parallel;
mod walk;

pub(crate) use frame::{Frame, Owner};

use crate::plan::Plan;
use crate::pool::Pool;
use crate::{BackendKind, LoadError};
use atome_spec::Tier;
use std::sync::Arc;

/// A plan, ready to run.
pub(crate) enum Backend {
    /// Machine code for this plan.
    Jit(Box<jit::Jit>),
    /// The plan, call by call, with kernels compiled ahead of time.
    Aot(aot::Aot),
    /// The plan, call by call, interpreted.
    Interp(interp::Interp),
}

impl Backend {
    /// Prepares `plan`; `pool` lives as long as the backend and splits the matrix products.
    pub(crate) fn new(
        kind: BackendKind,
        plan: &Plan,
        tier: Tier,
        pool: Option<Pool>,
    ) -> Result<Backend, LoadError> {
        let pool = pool.map(Arc::new);
        Ok(match kind {
            BackendKind::Auto | BackendKind::Jit => {
                Backend::Jit(Box::new(jit::Jit::new(plan, tier, pool)?))
            }
            BackendKind::Aot => Backend::Aot(aot::Aot::new(plan, tier, pool)?),
            BackendKind::Interp => Backend::Interp(interp::Interp::new(plan, tier)?),
        })
    }

    /// Which backend it is.
    pub(crate) fn kind(&self) -> BackendKind {
        match self {
            Backend::Jit(_) => BackendKind::Jit,
            Backend::Aot(_) => BackendKind::Aot,
            Backend::Interp(_) => BackendKind::Interp,
        }
    }

    /// Bytes of machine code made at load.
    pub(crate) fn code_bytes(&self) -> usize {
        match self {
            Backend::Jit(jit) => jit.code_bytes(),
            Backend::Aot(_) | Backend::Interp(_) => 0,
        }
    }

    /// Names of the kernels in use, each once, sorted.
    pub(crate) fn kernels(&self) -> Vec<String> {
        let mut names = match self {
            Backend::Jit(jit) => jit.kernels(),
            Backend::Aot(aot) => aot.kernels(),
            Backend::Interp(interp) => interp.kernels(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// Runs the block of tokens that `frame` describes, up to the last residual. `owner` gives
    /// the state and the tokens seen before for each row.
    ///
    /// # Safety
    /// `frame` points to an arena that was laid out and filled for this plan; its state, which
    /// is the owner of every row, and its scratch are used by nobody else; the token ids in the
    /// scratch are below the vocabulary's size.
    pub(crate) unsafe fn block(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self {
                Backend::Jit(jit) => jit.block(frame, owner),
                Backend::Aot(aot) => aot.block(frame, owner),
                Backend::Interp(interp) => interp.block(frame, owner),
            }
        }
    }

    /// Computes the logits of the last token of the block that just ran.
    ///
    /// # Safety
    /// As [`Backend::block`].
    pub(crate) unsafe fn head(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self {
                Backend::Jit(jit) => jit.head(frame, owner),
                Backend::Aot(aot) => aot.head(frame, owner),
                Backend::Interp(interp) => interp.head(frame, owner),
            }
        }
    }

    /// Computes the logits of each row of the block that just ran.
    ///
    /// # Safety
    /// As [`Backend::block`] or, after [`Backend::sessions`], as that.
    pub(crate) unsafe fn rows_head(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self {
                Backend::Jit(jit) => jit.rows_head(frame, owner),
                Backend::Aot(aot) => aot.rows_head(frame, owner),
                Backend::Interp(interp) => interp.rows_head(frame, owner),
            }
        }
    }

    /// Runs a block whose rows belong to different sessions, up to the last residual.
    ///
    /// # Safety
    /// As [`Backend::block`], but that each row's owner is a state of its own.
    pub(crate) unsafe fn sessions(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match self {
                Backend::Jit(jit) => jit.sessions(frame, owner),
                Backend::Aot(aot) => aot.sessions(frame, owner),
                Backend::Interp(interp) => interp.sessions(frame, owner),
            }
        }
    }
}
