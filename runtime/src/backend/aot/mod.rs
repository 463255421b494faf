//! The plan, call by call, with the kernels of one CPU tier.

mod map;

pub(crate) use map::Map;
pub(super) use map::Maps;
#[cfg(feature = "jit")]
pub(super) use map::run_map;

use super::frame::{Frame, Owner, Placed};
use super::pick::Pick;
use super::share::Split;
use super::walk::Walk;
use crate::PrepareError;
use crate::plan::{DimValue, Entry, KernelCall, PerEntry, Plan, Stage};
use crate::pool::Pool;
use atome_kernels::Kernel;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// The calls of each entry, and those of a block of one token.
pub(crate) struct Aot {
    entries: PerEntry<Calls>,
    step: Calls,
}

/// Stages as calls of compiled kernels, and the threads that share them.
pub(super) struct Calls {
    walk: Walk<Prepared>,
    pool: Option<Arc<Pool>>,
}

/// A kernel and its arguments but for what the frame adds.
pub(super) struct Prepared {
    code: Code,
    operands: Vec<Placed>,
    /// Dimensions, 0 where they follow the token, then the bits of the scalars.
    rest: Vec<u64>,
    /// The dimensions that follow the token, by their number.
    open: Vec<(usize, DimValue)>,
    /// How threads share it.
    split: Option<Split>,
}

/// What runs a call.
enum Code {
    Kernel(&'static Kernel),
    /// Several kernels, as an expression says.
    Map(Arc<Map>),
}

impl Aot {
    pub(crate) fn new(
        plan: &Plan,
        pick: Pick<'_>,
        pool: Option<Arc<Pool>>,
    ) -> Result<Aot, PrepareError> {
        let mut maps = Maps::default();
        let mut calls = |entry, one_token| {
            let stages = plan.stages(entry);
            Calls::new(plan, stages, (pick, &mut maps), pool.clone(), one_token)
        };
        Ok(Aot {
            entries: PerEntry::new(|entry| calls(entry, entry == Entry::Head))?,
            step: calls(Entry::Block, true)?,
        })
    }

    /// # Safety
    /// As [`super::Backend::run`].
    pub(crate) unsafe fn run(&self, entry: Entry, frame: &mut Frame, owner: Owner<'_>) {
        let calls = match entry {
            Entry::Block if frame.tokens == 1 => &self.step,
            entry => &self.entries[entry],
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { calls.run(frame, owner) }
    }
}

impl Calls {
    /// The kernels for `stages`, by the simplest ops if blocks have one token.
    pub(super) fn new(
        plan: &Plan,
        stages: &[Stage],
        (pick, maps): (Pick<'_>, &mut Maps),
        pool: Option<Arc<Pool>>,
        one_token: bool,
    ) -> Result<Calls, PrepareError> {
        let walk = Walk::new(plan, stages, |call| {
            let call = form(call, one_token);
            let split = pool.as_ref().and_then(|_| Split::of(&call));
            Prepared::new(plan, call, (pick, &mut *maps), split)
        })?;
        Ok(Calls { walk, pool })
    }

    /// # Safety
    /// As [`super::Backend::run`], for these stages.
    pub(super) unsafe fn run(&self, frame: &mut Frame, owner: Owner<'_>) {
        let pool = self.pool.as_deref();
        // SAFETY: the caller's promise, passed on.
        unsafe {
            self.walk
                .run(frame, owner, |call, frame| call.run(frame, pool))
        }
    }
}

/// A call as it runs in blocks of one token, or of any number.
pub(crate) fn form(call: &KernelCall, one_token: bool) -> KernelCall {
    match one_token {
        true => call.for_one_token(),
        false => call.clone(),
    }
}

impl Prepared {
    pub(super) fn new(
        plan: &Plan,
        call: KernelCall,
        (pick, maps): (Pick<'_>, &mut Maps),
        split: Option<Split>,
    ) -> Result<Prepared, PrepareError> {
        let missing = || PrepareError::NoKernel {
            kernel: call.open_spec().name(),
            tier: pick.tier,
        };
        let code = match &call.expr {
            Some(expr) => maps.get(expr, pick.tier).map(Code::Map),
            None => pick.kernel(&call).map(Code::Kernel),
        };
        let code = code.ok_or_else(missing)?;
        let dims = call.dims.iter().map(|dim| match dim {
            DimValue::Const(n) => *n,
            _ => 0,
        });
        let scalars = call.scalars.iter().map(|x| u64::from(x.to_bits()));
        let open = call.dims.iter().copied().enumerate();
        Ok(Prepared {
            code,
            operands: call.operands.iter().map(|o| Placed::new(plan, o)).collect(),
            rest: dims.chain(scalars).collect(),
            open: open
                .filter(|(_, dim)| !matches!(dim, DimValue::Const(_)))
                .collect(),
            split,
        })
    }

    /// # Safety
    /// As [`super::Backend::run`].
    pub(super) unsafe fn run(&self, frame: &Frame, pool: Option<&Pool>) {
        let count = self.operands.len();
        let mut args = [const { MaybeUninit::uninit() }; KernelCall::MAX_ARGUMENTS];
        let args = &mut args[..count + self.rest.len()];
        for (arg, operand) in args.iter_mut().zip(&self.operands) {
            arg.write(operand.address(frame) as u64);
        }
        args[count..].write_copy_of_slice(&self.rest);
        // SAFETY: an argument was written for each operand, and for each dimension and scalar behind them.
        let args = unsafe { args.assume_init_mut() };
        for (i, dim) in &self.open {
            args[count + i] = frame.dim(*dim);
        }
        let call = |args: &[u64]| {
            // SAFETY: the plan was proved: each parameter of the kernel has an argument, and each buffer
            // a tensor of the length that the dimensions ask for, or of a part of them; the caller vouches
            // for the arena.
            unsafe {
                match &self.code {
                    Code::Kernel(kernel) => kernel.call(args),
                    Code::Map(map) => {
                        let (operands, dims) = args.split_at(count);
                        map.run(operands, dims);
                    }
                }
            }
        };
        match (&self.split, pool) {
            (Some(split), Some(pool)) => split.run(pool, args, &call),
            _ => call(args),
        }
    }
}
