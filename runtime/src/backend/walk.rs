//! Running a plan call by call.

use super::cache::Cache;
use super::frame::{Frame, Owner, Placed};
use crate::plan::{Call, KernelCall, Plan, Stage, TopKCall};
use atome_kernels::ops::top_k;

/// Stages whose calls are `K`s, ready to run one after the other.
pub(super) struct Walk<K> {
    stages: Vec<Stage<K, TopK>>,
}

impl<K> Walk<K> {
    /// Prepares every call of `stages` by `prepare`.
    pub(super) fn new<E>(
        plan: &Plan,
        stages: &[Stage],
        mut prepare: impl FnMut(&KernelCall) -> Result<K, E>,
    ) -> Result<Walk<K>, E> {
        let stages = stages
            .iter()
            .map(|stage| stage.try_map(&mut prepare, &|call| TopK::new(plan, call)));
        Ok(Walk {
            stages: stages.collect::<Result<_, E>>()?,
        })
    }

    /// Runs the stages; `owner` knows whose state each row belongs to.
    ///
    /// # Safety
    /// As [`super::Backend::run`]; `call` relies on the same promise.
    pub(super) unsafe fn run(
        &self,
        frame: &mut Frame,
        owner: Owner<'_>,
        mut call: impl FnMut(&K, &Frame),
    ) {
        let mut run = |step: &Call<K, TopK>, frame: &Frame| match step {
            Call::Kernel(kernel) => call(kernel, frame),
            // SAFETY: the caller's promise, passed on.
            Call::TopK(top) => unsafe { top.run(frame) },
        };
        for stage in &self.stages {
            match stage {
                Stage::Block(step) => {
                    frame.go_to(0, owner);
                    run(step, frame);
                }
                Stage::EachToken(steps) => {
                    for row in 0..frame.tokens {
                        frame.go_to(row, owner);
                        steps.iter().for_each(|step| run(step, frame));
                    }
                }
            }
        }
    }
}

/// The selection of the best scores, placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopK {
    pub(super) k: u64,
    pub(super) scores: Placed,
    pub(super) chosen: Placed,
    pub(super) picked: Placed,
}

impl TopK {
    pub(super) fn new(plan: &Plan, call: &TopKCall) -> TopK {
        TopK {
            k: call.k,
            scores: Placed::new(plan, &call.scores),
            chosen: Placed::new(plan, &call.chosen),
            picked: Placed::new(plan, &call.picked),
        }
    }

    /// # Safety
    /// As [`super::Backend::run`].
    unsafe fn run(&self, frame: &Frame) {
        let [scores, chosen, picked] =
            [&self.scores, &self.chosen, &self.picked].map(|placed| placed.address(frame));
        let Cache { len, start, .. } = frame.cache;
        // SAFETY: the plan placed three tensors of at least these lengths in the slot, none
        // overlapping another, because all are used in one stage.
        unsafe {
            select_top_k(
                scores.cast(),
                len,
                start,
                self.k,
                chosen.cast(),
                picked.cast(),
            )
        }
    }
}

/// Writes the `min(k, len)` best of `len` scores, oldest first from `start`, with their
/// slots. The C form of [`top_k`], for compiled plans.
///
/// # Safety
/// `scores` is valid for reading `len` elements, `chosen` and `picked` for writing
/// `min(k, len)`, and the three do not overlap.
pub(super) unsafe extern "C" fn select_top_k(
    scores: *const f32,
    len: u64,
    start: u64,
    k: u64,
    chosen: *mut i32,
    picked: *mut f32,
) {
    let (len, start, k) = (len as usize, start as usize, k.min(len) as usize);
    // SAFETY: the caller's promise.
    let (scores, chosen, picked) = unsafe {
        (
            std::slice::from_raw_parts(scores, len),
            std::slice::from_raw_parts_mut(chosen, k),
            std::slice::from_raw_parts_mut(picked, k),
        )
    };
    top_k(scores, start, k, chosen, picked);
}
