//! Running a plan call by call.

use super::frame::{Frame, Placed};
use crate::plan::{Call, KernelCall, Plan, Stage, TopKCall};
use atome_kernels::ops::top_k;

/// A plan whose calls are `K`s, ready to run one after the other.
pub(super) struct Walk<K> {
    stages: Vec<Node<K>>,
    head: Vec<K>,
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
    /// Prepares every call of the plan by `prepare`.
    pub(super) fn new<E>(
        plan: &Plan,
        mut prepare: impl FnMut(&KernelCall) -> Result<K, E>,
    ) -> Result<Walk<K>, E> {
        let mut step = |call: &Call| {
            Ok(match call {
                Call::Kernel(kernel) => Step::Kernel(prepare(kernel)?),
                Call::TopK(call) => Step::TopK(TopK::new(plan, call)),
            })
        };
        let mut stages = Vec::with_capacity(plan.stages.len());
        for stage in &plan.stages {
            stages.push(match stage {
                Stage::Block(call) => Node::Block(step(call)?),
                Stage::EachToken(calls) => {
                    Node::EachToken(calls.iter().map(&mut step).collect::<Result<_, E>>()?)
                }
            });
        }
        let head = plan.head.iter().map(prepare).collect::<Result<_, E>>()?;
        Ok(Walk { stages, head })
    }

    /// Every prepared kernel call.
    pub(super) fn kernels(&self) -> impl Iterator<Item = &K> {
        let steps = self.stages.iter().flat_map(|node| match node {
            Node::Block(step) => std::slice::from_ref(step),
            Node::EachToken(steps) => steps,
        });
        steps
            .filter_map(|step| match step {
                Step::Kernel(kernel) => Some(kernel),
                Step::TopK(_) => None,
            })
            .chain(&self.head)
    }

    /// Runs the stages.
    ///
    /// # Safety
    /// As [`super::Backend::block`]; `call` relies on the same promise.
    pub(super) unsafe fn block(&self, frame: &mut Frame, mut call: impl FnMut(&K, &Frame)) {
        let mut run = |step: &Step<K>, frame: &Frame| match step {
            Step::Kernel(kernel) => call(kernel, frame),
            // SAFETY: the caller's promise, passed on.
            Step::TopK(top) => unsafe { top.run(frame) },
        };
        for node in &self.stages {
            frame.token = 0;
            match node {
                Node::Block(step) => run(step, frame),
                Node::EachToken(steps) => {
                    for token in 0..frame.tokens {
                        frame.token = token;
                        steps.iter().for_each(|step| run(step, frame));
                    }
                }
            }
        }
    }

    /// Runs the head.
    pub(super) fn head(&self, frame: &mut Frame, mut call: impl FnMut(&K, &Frame)) {
        frame.token = 0;
        for kernel in &self.head {
            call(kernel, frame);
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
    /// As [`super::Backend::block`].
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
