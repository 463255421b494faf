//! The plan, call by call, with the kernels of one CPU tier.

use super::frame::{Frame, Owner, Placed};
use super::parallel::{Factor, GemmFn, GemmI8Fn, Product};
use super::walk::Walk;
use crate::LoadError;
use crate::plan::{DimValue, KernelCall, Plan, Stage};
use crate::pool::Pool;
use atome_kernels::{Kernel, find};
use atome_spec::layout::word_cols;
use atome_spec::{Activation, Op, Packing, Tier};
use std::sync::Arc;

/// The plan for blocks, for single tokens and for rows of different sessions, and its two heads.
pub(crate) struct Aot {
    block: Calls,
    step: Calls,
    head: Calls,
    rows_head: Calls,
    sessions: Calls,
}

/// Stages as calls of compiled kernels, and the threads that share their products.
pub(super) struct Calls {
    walk: Walk<Prepared>,
    pool: Option<Arc<Pool>>,
}

/// A kernel and its arguments but for what the frame adds.
pub(super) struct Prepared {
    kernel: &'static Kernel,
    operands: Vec<Placed>,
    dims: Vec<DimValue>,
    scalars: Vec<f32>,
}

impl Aot {
    pub(crate) fn new(plan: &Plan, tier: Tier, pool: Option<Arc<Pool>>) -> Result<Aot, LoadError> {
        let calls = |stages, one_token| Calls::new(plan, stages, tier, pool.clone(), one_token);
        Ok(Aot {
            block: calls(&plan.stages, false)?,
            step: calls(&plan.stages, true)?,
            head: calls(&plan.head, true)?,
            rows_head: calls(&plan.rows_head, false)?,
            sessions: calls(&plan.sessions, false)?,
        })
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn block(&self, frame: &mut Frame, owner: Owner<'_>) {
        let calls = if frame.tokens == 1 {
            &self.step
        } else {
            &self.block
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { calls.run(frame, owner) }
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn head(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.head.run(frame, owner) }
    }

    /// # Safety
    /// As [`super::Backend::rows_head`].
    pub(crate) unsafe fn rows_head(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.rows_head.run(frame, owner) }
    }

    /// # Safety
    /// As [`super::Backend::sessions`].
    pub(crate) unsafe fn sessions(&self, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.sessions.run(frame, owner) }
    }
}

impl Calls {
    /// The kernels of `tier` for `stages`, by the simplest ops if blocks have one token.
    pub(super) fn new(
        plan: &Plan,
        stages: &[Stage],
        tier: Tier,
        pool: Option<Arc<Pool>>,
        one_token: bool,
    ) -> Result<Calls, LoadError> {
        let walk = Walk::new(plan, stages, |call| {
            let call = form(call, one_token, pool.is_some());
            Prepared::new(plan, &call, tier)
        })?;
        Ok(Calls { walk, pool })
    }

    /// # Safety
    /// As [`super::Backend::block`], for the stages at hand.
    pub(super) unsafe fn run(&self, frame: &mut Frame, owner: Owner<'_>) {
        let pool = self.pool.as_deref();
        // SAFETY: the caller's promise, passed on.
        unsafe {
            self.walk
                .run(frame, owner, |call, frame| call.run(frame, pool))
        }
    }
}

/// A call as it runs in blocks of one token, or of any number, with or without threads.
pub(super) fn form(call: &KernelCall, one_token: bool, pooled: bool) -> KernelCall {
    // A split product needs the distance between outputs, which only `gemm` has.
    match (one_token, call.op == Op::Gemm && pooled) {
        (false, _) => call.clone(),
        (true, false) => call.for_one_token(),
        (true, true) => call.bind_one_token(),
    }
}

/// The kernel of a tier for a call in its form.
pub(super) fn kernel(call: &KernelCall, tier: Tier) -> Option<&'static Kernel> {
    find(call.open_spec().kind(), tier)
}

impl Prepared {
    pub(super) fn new(plan: &Plan, call: &KernelCall, tier: Tier) -> Result<Prepared, LoadError> {
        let missing = || LoadError::NoKernel {
            kernel: call.open_spec().name(),
            tier,
        };
        let kernel = kernel(call, tier).ok_or_else(missing)?;
        let operands = call.operands.iter().map(|o| Placed::new(plan, o)).collect();
        let (dims, scalars) = (call.dims.clone(), call.scalars.clone());
        Ok(Prepared {
            kernel,
            operands,
            dims,
            scalars,
        })
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(super) unsafe fn run(&self, frame: &Frame, pool: Option<&Pool>) {
        if let (Op::Gemm, Some(pool)) = (self.kernel.kind.op, pool) {
            // SAFETY: the caller's promise, passed on.
            return unsafe { self.product(frame).run(pool) };
        }
        let mut args = [0u64; KernelCall::MAX_ARGUMENTS];
        let mut count = 0;
        let mut push = |value: u64| {
            args[count] = value;
            count += 1;
        };
        self.operands
            .iter()
            .for_each(|o| push(o.address(frame) as u64));
        self.dims.iter().for_each(|d| push(frame.dim(*d)));
        self.scalars
            .iter()
            .for_each(|s| push(u64::from(s.to_bits())));
        // SAFETY: the plan was proved: each parameter of the kernel has an argument, and each buffer
        // a tensor of the length that the dimensions ask for; the caller vouches for the arena.
        unsafe { self.kernel.call(&args[..count]) }
    }

    fn product(&self, frame: &Frame) -> Product {
        let address = |i: usize| self.operands[i].address(frame);
        let [rows, cols, tokens, out_stride] = [0, 1, 2, 3].map(|i| frame.dim(self.dims[i]));
        let entry = self.kernel.entry();
        let factor = match self.kernel.kind.activation {
            Activation::F32 => Factor::F32 {
                // SAFETY: the entry of such a `gemm` kernel has this signature.
                kernel: unsafe { std::mem::transmute::<*const (), GemmFn>(entry) },
                x: address(1).cast(),
            },
            Activation::I8 => Factor::I8 {
                // SAFETY: the entry of such a `gemm` kernel has this signature.
                kernel: unsafe { std::mem::transmute::<*const (), GemmI8Fn>(entry) },
                x: address(1).cast(),
                x_scale: address(2).cast(),
                x_sum: address(3).cast(),
            },
        };
        let packing = self.kernel.kind.packing.unwrap_or(Packing::Int2);
        Product {
            factor,
            w: address(0).cast(),
            word_cols: word_cols(packing) as u64,
            out: address(self.operands.len() - 1).cast(),
            rows,
            cols,
            tokens,
            out_stride,
            scale: self.scalars[0],
        }
    }
}
