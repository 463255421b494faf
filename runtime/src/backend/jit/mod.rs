//! The plan compiled to machine code at load: an entry point for one token, one for a block
//! of tokens, one for the head.
//!
//! | file | concept |
//! |---|---|
//! | `kernels` | which function runs a call: compiled here, or ahead of time |
//! | `entry` | an entry point: address arithmetic and calls |

mod entry;
mod kernels;

use super::frame::Frame;
use crate::LoadError;
use crate::jit::Code;
use crate::plan::Plan;
use crate::pool::Pool;
use atome_spec::Tier;
use entry::Entry;
use kernels::Kernels;

/// An entry point: the model's part, the session's slot, the position, the tokens.
type EntryFn = unsafe extern "C" fn(*const u8, *mut u8, u64, u64);

/// Machine code for one plan.
pub(crate) struct Jit {
    step: EntryFn,
    block: EntryFn,
    head: EntryFn,
    kernels: Vec<String>,
    // The code holds the pool's address, so it is listed, and dropped, first.
    code: Code,
    _pool: Option<Box<Pool>>,
}

impl Jit {
    pub(crate) fn new(plan: &Plan, tier: Tier, pool: Option<Pool>) -> Result<Jit, LoadError> {
        let pool = pool.map(Box::new);
        let mut kernels = Kernels::new(tier, pool.as_deref())?;
        let step = kernels.prepare(plan, true)?;
        let block = kernels.prepare(plan, false)?;
        let head = kernels.prepare_head(plan)?;
        let step = kernels.define(Entry {
            name: "step",
            plan,
            calls: &step,
            one_token: true,
        })?;
        let block = kernels.define(Entry {
            name: "block",
            plan,
            calls: &block,
            one_token: false,
        })?;
        let head = kernels.define(Entry {
            name: "head",
            plan,
            calls: &head,
            one_token: false,
        })?;
        let (code, names) = kernels.finish()?;
        let entry = |id| {
            // SAFETY: every entry point is defined with this signature.
            unsafe { std::mem::transmute::<*const u8, EntryFn>(code.entry(id)) }
        };
        let (step, block, head) = (entry(step), entry(block), entry(head));
        Ok(Jit {
            step,
            block,
            head,
            kernels: names,
            code,
            _pool: pool,
        })
    }

    pub(crate) fn kernels(&self) -> Vec<String> {
        self.kernels.clone()
    }

    pub(crate) fn code_bytes(&self) -> usize {
        self.code.code_bytes()
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn block(&self, frame: &mut Frame) {
        let entry = if frame.tokens == 1 {
            self.step
        } else {
            self.block
        };
        // SAFETY: the code lives as long as `self` and was compiled for this plan; the caller
        // vouches for the arena and the token ids.
        unsafe { entry(frame.model, frame.slot, frame.position, frame.tokens) }
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn head(&self, frame: &mut Frame) {
        // SAFETY: as for `block`.
        unsafe { (self.head)(frame.model, frame.slot, frame.position, frame.tokens) }
    }
}
