//! Running a plan call by call.

use super::frame::{Frame, Owner, Placed};
use crate::plan::{Call, KernelCall, Plan, Stage, TopKCall};
use atome_kernels::ops::top_k;

/// Stages whose calls are `K`s, ready to run one after the other.
pub(super) struct Walk<K> {
    stages: Vec<Node<K>>,
}

enum Node<K> {
    Block(Step<K>),
    EachToken(Vec<Step<K>>),
}

enum Step<K> {
    Kernel(K),
    TopK(TopK),
}

impl<K> Walk<K> {
    /// Prepares every call of `stages` by `prepare`.
    pub(super) fn new<E>(
        plan: &Plan,
        stages: &[Stage],
        mut prepare: impl FnMut(&KernelCall) -> Result<K, E>,
    ) -> Result<Walk<K>, E> {
        let mut step = |call: &Call| {
            Ok(match call {
                Call::Kernel(kernel) => Step::Kernel(prepare(kernel)?),
                Call::TopK(call) => Step::TopK(TopK::new(plan, call)),
            })
        };
        let mut nodes = Vec::with_capacity(stages.len());
        for stage in stages {
            nodes.push(match stage {
                Stage::Block(call) => Node::Block(step(call)?),
                Stage::EachToken(calls) => {
                    Node::EachToken(calls.iter().map(&mut step).collect::<Result<_, E>>()?)
                }
            });
        }
        Ok(Walk { stages: nodes })
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
        let mut run = |step: &Step<K>, frame: &Frame| match step {
            Step::Kernel(kernel) => call(kernel, frame),
            // SAFETY: the caller's promise, passed on.
            Step::TopK(top) => unsafe { top.run(frame) },
        };
        for node in &self.stages {
            match node {
                Node::Block(step) => {
                    frame.go_to(0, owner);
                    run(step, frame);
                }
                Node::EachToken(steps) => {
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
        let (len, start) = (frame.cache_len(), frame.cache_start());
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
