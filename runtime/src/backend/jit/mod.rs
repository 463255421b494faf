//! The plan compiled to machine code at load: an entry point for one token, one for a block
//! of tokens, one for the head.
//!
//! | file | concept |
//! |---|---|
//! | `kernels` | which function runs a call: compiled here, or ahead of time |
//! | `layers` | calls that come again, compiled once |
//! | `entry` | an entry point: address arithmetic and calls |
//! | `repeat` | calls alone, as often as is asked for |

mod entry;
mod kernels;
mod layers;
mod repeat;

pub(super) use repeat::Repeats;

use super::aot::{Calls, Map, Maps};
use super::frame::{Frame, Owner};
use super::pick::Pick;
use super::share::Split;
use crate::PrepareError;
use crate::jit::Code;
use crate::plan::{Entry, Plan};
use crate::pool::Pool;
use entry::EntryPoint;
use kernels::{Finished, Kernels};
use std::sync::Arc;

/// An entry point: file, weights, constants, scratch, slot, position, tokens, and how often it runs if it is one that repeats.
type EntryFn =
    unsafe extern "C" fn(*const u8, *const u8, *const u8, *mut u8, *mut u8, u64, u64, u64);

/// Machine code for one plan.
pub(crate) struct Jit {
    step: EntryFn,
    block: EntryFn,
    head: EntryFn,
    // The code holds the addresses of the tables, the expressions, the splits and the pool, so it is listed, and
    // dropped, first.
    code: Code,
    _tables: Vec<Box<[u64]>>,
    _maps: Vec<Arc<Map>>,
    _splits: Vec<Arc<Split>>,
    _pool: Option<Arc<Pool>>,
    /// The logits of all rows, and blocks whose rows belong to different sessions: products
    /// dominate them, so they are walked call by call.
    rows: Calls,
    sessions: Calls,
}

impl Jit {
    pub(crate) fn new(
        plan: &Plan,
        pick: Pick<'_>,
        pool: Option<Arc<Pool>>,
    ) -> Result<Jit, PrepareError> {
        let mut maps = Maps::default();
        let mut calls = |entry| {
            let stages = plan.stages(entry);
            Calls::new(plan, stages, (pick, &mut maps), pool.clone(), false)
        };
        let (rows, sessions) = (calls(Entry::Rows)?, calls(Entry::Sessions)?);
        let mut kernels = Kernels::new(pick, pool.as_deref())?;
        let step = kernels.prepare(plan, plan.stages(Entry::Block), true)?;
        let block = kernels.prepare(plan, plan.stages(Entry::Block), false)?;
        let head = kernels.prepare(plan, plan.stages(Entry::Head), true)?;
        let step = kernels.define(EntryPoint {
            name: "step",
            plan,
            calls: &step,
            one_token: true,
            repeats: false,
        })?;
        let block = kernels.define(EntryPoint {
            name: "block",
            plan,
            calls: &block,
            one_token: false,
            repeats: false,
        })?;
        let head = kernels.define(EntryPoint {
            name: "head",
            plan,
            calls: &head,
            one_token: true,
            repeats: false,
        })?;
        let Finished {
            code,
            tables,
            maps,
            splits,
        } = kernels.finish()?;
        let entry = |id| {
            // SAFETY: every entry point is defined with this signature.
            unsafe { std::mem::transmute::<*const u8, EntryFn>(code.entry(id)) }
        };
        let (step, block, head) = (entry(step), entry(block), entry(head));
        Ok(Jit {
            step,
            block,
            head,
            code,
            _tables: tables,
            _maps: maps,
            _splits: splits,
            _pool: pool,
            rows,
            sessions,
        })
    }

    pub(crate) fn code_bytes(&self) -> usize {
        self.code.code_bytes()
    }

    /// # Safety
    /// As [`super::Backend::run`].
    pub(crate) unsafe fn run(&self, entry: Entry, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match entry {
                Entry::Block if frame.tokens == 1 => enter((self.step, 1), frame, owner),
                Entry::Block => enter((self.block, 1), frame, owner),
                Entry::Head => enter((self.head, 1), frame, owner),
                Entry::Rows => self.rows.run(frame, owner),
                Entry::Sessions => self.sessions.run(frame, owner),
            }
        }
    }
}

/// # Safety
/// As [`super::Backend::run`], and `entry` is one of this plan.
unsafe fn enter((entry, times): (EntryFn, u64), frame: &mut Frame, owner: Owner<'_>) {
    frame.go_to(0, owner);
    let Frame {
        file,
        weights,
        constants,
        scratch,
        slot,
        seen,
        tokens,
        ..
    } = *frame;
    // SAFETY: the code lives as long as the value it was taken from, and was compiled for this
    // plan; the caller vouches for the arena and the token ids.
    unsafe { entry(file, weights, constants, scratch, slot, seen, tokens, times) }
}
