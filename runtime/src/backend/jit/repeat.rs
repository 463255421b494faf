//! Calls alone, each compiled as a plan has it, and repeated by its own code.

use super::entry::EntryPoint;
use super::kernels::{Finished, Kernels};
use super::{EntryFn, enter};
use crate::PrepareError;
use crate::backend::frame::{Frame, Owner};
use crate::backend::pick::Pick;
use crate::plan::{Plan, Stage};

/// Code of calls, one after the other.
pub(in crate::backend) struct Repeats {
    entries: Vec<EntryFn>,
    // What the entries are in, and what they read.
    _code: Finished,
}

impl Repeats {
    /// Of stages, each with whether its blocks have one token.
    pub(in crate::backend) fn new(
        plan: &Plan,
        pick: Pick<'_>,
        stages: &[(Stage, bool)],
    ) -> Result<Repeats, PrepareError> {
        let mut kernels = Kernels::new(pick, None)?;
        let mut ids = Vec::new();
        for (number, (stage, one_token)) in stages.iter().enumerate() {
            let calls = kernels.prepare(plan, std::slice::from_ref(stage), *one_token)?;
            ids.push(kernels.define(EntryPoint {
                name: &format!("call{number}"),
                plan,
                calls: &calls,
                one_token: *one_token,
                repeats: true,
            })?);
        }
        let finished = kernels.finish()?;
        let entry = |id| {
            // SAFETY: every entry point is defined with this signature.
            unsafe { std::mem::transmute::<*const u8, EntryFn>(finished.code.entry(id)) }
        };
        Ok(Repeats {
            entries: ids.into_iter().map(entry).collect(),
            _code: finished,
        })
    }

    /// Runs a stage so many times, at least once.
    ///
    /// # Safety
    /// As [`super::super::Backend::run`].
    pub(in crate::backend) unsafe fn run(
        &self,
        stage: usize,
        times: u64,
        frame: &mut Frame,
        owner: Owner<'_>,
    ) {
        // SAFETY: the caller's promise, passed on; the code lives as long as `self`.
        unsafe { enter((self.entries[stage], times.max(1)), frame, owner) }
    }
}
