//! The calls of a plan one by one, as backends make them.

use super::aot::{Calls, Maps};
use super::frame::{Frame, Owner};
use super::listing::{kernel, without_layer};
use super::pick::Pick;
use super::{BackendKind, form};
use crate::PrepareError;
use crate::plan::{Call, DimValue, Entry, KernelCall, Plan, Stage, Tensor};
use crate::profile::CallKind;
use atome_codegen::KernelSpec;
use std::collections::BTreeMap;

/// The calls of a block and of what gives its last token's logits.
pub(crate) struct Singles {
    /// In the order in which they run.
    pub(crate) list: Vec<Single>,
    pub(crate) kinds: Vec<CallKind>,
    #[cfg(feature = "jit")]
    made: Option<super::jit::Repeats>,
}

/// One call.
pub(crate) struct Single {
    /// Which of the kinds it is of.
    pub(crate) kind: usize,
    /// It is the first of them.
    pub(crate) is_first: bool,
    /// What it reads and writes.
    pub(crate) tensors: Vec<Tensor>,
    ahead: Calls,
}

/// A stage of one call, and whether its blocks have one token.
type Alone = (Stage, bool);

impl Singles {
    /// For blocks of so many tokens, with code made now if `makes`.
    pub(crate) fn new(
        plan: &Plan,
        pick: Pick<'_>,
        tokens: usize,
        makes: bool,
    ) -> Result<Singles, PrepareError> {
        let mut maps = Maps::default();
        let mut kinds = Kinds::new(pick, tokens, makes);
        let (mut list, mut firsts) = (Vec::new(), Vec::new());
        for (stage, one_token) in alone(plan, tokens) {
            let (kind, is_first) = kinds.of(&stage, one_token);
            let stages = std::slice::from_ref(&stage);
            let ahead = Calls::new(plan, stages, (pick, &mut maps), None, one_token)?;
            let tensors = stage.calls().iter().flat_map(tensors).collect();
            list.push(Single {
                kind,
                is_first,
                tensors,
                ahead,
            });
            if is_first {
                firsts.push((stage, one_token));
            }
        }
        Ok(Singles {
            list,
            kinds: kinds.kinds,
            #[cfg(feature = "jit")]
            made: match makes {
                true => Some(super::jit::Repeats::new(plan, pick, &firsts)?),
                false => None,
            },
        })
    }

    /// Runs a call so many times: by the code that was made for its kind, if its first one is asked for, or as it was
    /// compiled ahead of time.
    ///
    /// # Safety
    /// As [`super::Now::run`].
    pub(crate) unsafe fn run(
        &self,
        call: usize,
        (by, times): (BackendKind, u32),
        frame: &mut Frame,
        owner: Owner<'_>,
    ) {
        let single = &self.list[call];
        #[cfg(feature = "jit")]
        if let Some(made) = self.made.as_ref().filter(|_| by == BackendKind::Jit) {
            // SAFETY: the caller's promise, passed on.
            return unsafe { made.run(single.kind, u64::from(times), frame, owner) };
        }
        let _ = by;
        for _ in 0..times {
            // SAFETY: the caller's promise, passed on.
            unsafe { single.ahead.run(frame, owner) }
        }
    }
}

/// The calls of a plan, each a stage of its own.
fn alone(plan: &Plan, tokens: usize) -> impl Iterator<Item = Alone> {
    let entries = [(Entry::Block, tokens == 1), (Entry::Head, true)];
    entries.into_iter().flat_map(|(entry, one_token)| {
        let stages = plan.stages(entry).iter();
        stages.flat_map(move |stage| {
            let alone = |call: &Call| match stage {
                Stage::Block(_) => Stage::Block(call.clone()),
                Stage::EachToken(_) => Stage::EachToken(vec![call.clone()]),
            };
            let calls = stage.calls().iter().map(alone);
            calls.map(|stage| (stage, one_token)).collect::<Vec<_>>()
        })
    })
}

fn tensors(call: &Call) -> Vec<Tensor> {
    match call {
        Call::Kernel(call) => call.operands.iter().map(|operand| operand.tensor).collect(),
        Call::TopK(top) => [&top.scores, &top.chosen, &top.picked]
            .map(|operand| operand.tensor)
            .to_vec(),
    }
}

/// The kinds of calls as they are found.
struct Kinds<'p> {
    pick: Pick<'p>,
    run: super::Run,
    makes: bool,
    kinds: Vec<CallKind>,
    /// By the call without the number of its layer, and its kernel.
    known: BTreeMap<(String, Option<KernelSpec>), usize>,
}

impl<'p> Kinds<'p> {
    fn new(pick: Pick<'p>, tokens: usize, makes: bool) -> Kinds<'p> {
        Kinds {
            pick,
            run: match tokens {
                1 => super::Run::Step,
                _ => super::Run::Block,
            },
            makes,
            kinds: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// The kind of a call, and whether it is new.
    fn of(&mut self, stage: &Stage, one_token: bool) -> (usize, bool) {
        let run = match one_token {
            true => super::Run::Step,
            false => self.run,
        };
        let kernel = stage.kernels().next().map(|call| form(call, one_token));
        let label = kernel.as_ref().map_or("top_k", |call| &*call.label);
        let label = without_layer(label);
        let key = (label.clone(), kernel.as_ref().map(KernelCall::spec));
        if let Some(&known) = self.known.get(&key) {
            self.kinds[known].times += 1;
            return (known, false);
        }
        self.known.insert(key, self.kinds.len());
        let name = |by| match &kernel {
            Some(call) => self::kernel(call, run, by, self.pick).0,
            None => "top_k".to_owned(),
        };
        self.kinds.push(CallKind {
            call: label,
            dims: kernel.as_ref().map(dims).unwrap_or_default(),
            times: 1,
            ahead: name(BackendKind::Aot),
            made: self.makes.then(|| name(BackendKind::Jit)),
        });
        (self.kinds.len() - 1, true)
    }
}

/// The dimensions that are known, but for distances between rows.
fn dims(call: &KernelCall) -> Vec<(String, u64)> {
    let dims = call.open_spec().dims().into_iter().zip(&call.dims);
    let known = dims.filter_map(|(dim, value)| match value {
        DimValue::Const(n) if !dim.name.ends_with("_stride") => Some((dim.name.into_owned(), *n)),
        _ => None,
    });
    known.collect()
}
