//! The plan, call by call, with the kernels of one CPU tier.

mod map;

pub(crate) use map::Map;
pub(super) use map::Maps;
#[cfg(feature = "jit")]
pub(super) use map::run_map;

use super::frame::{Frame, Owner, Placed};
use super::parallel::{
    Factor, GemmFn, GemmI8Fn, GroupFactor, GroupGemmFn, GroupGemmI8Fn, GroupProduct, Product,
};
use super::pick::Pick;
use super::walk::Walk;
use crate::PrepareError;
use crate::plan::{DimValue, Entry, KernelCall, PerEntry, Plan, Stage};
use crate::pool::Pool;
use atome_kernels::Kernel;
use atome_spec::layout::word_cols;
use atome_spec::{Activation, Op, Packing};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// The calls of each entry, and those of a block of one token.
pub(crate) struct Aot {
    entries: PerEntry<Calls>,
    step: Calls,
}

/// Stages as calls of compiled kernels, and the threads that share their products.
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
            let call = form(call, one_token, pool.is_some());
            Prepared::new(plan, call, (pick, &mut *maps))
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

/// A call as it runs in blocks of one token, or of any number, with or without threads.
pub(crate) fn form(call: &KernelCall, one_token: bool, pooled: bool) -> KernelCall {
    // A split product needs the distance between outputs, which only `gemm` has.
    match (one_token, is_shared(call.op) && pooled) {
        (false, _) => call.clone(),
        (true, false) => call.for_one_token(),
        (true, true) => call.bind_one_token(),
    }
}

/// Whether threads share the rows of an op.
pub(crate) const fn is_shared(op: Op) -> bool {
    matches!(op, Op::Gemm | Op::GroupGemm)
}

impl Prepared {
    pub(super) fn new(
        plan: &Plan,
        call: KernelCall,
        (pick, maps): (Pick<'_>, &mut Maps),
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
        // SAFETY: the plan was proved: each parameter of the kernel has an argument, and each buffer
        // a tensor of the length that the dimensions ask for; the caller vouches for the arena.
        unsafe {
            match (&self.code, pool) {
                (Code::Kernel(kernel), Some(pool)) if kernel.kind.op == Op::Gemm => {
                    product(kernel, args.split_at(count)).run(pool);
                }
                (Code::Kernel(kernel), Some(pool)) if kernel.kind.op == Op::GroupGemm => {
                    group_product(kernel, args.split_at(count)).run(pool);
                }
                (Code::Kernel(kernel), _) => kernel.call(args),
                (Code::Map(map), _) => {
                    let (operands, dims) = args.split_at(count);
                    map.run(operands, dims);
                }
            }
        }
    }
}

/// A product by groups of columns of these operands and dimensions, to be shared by threads.
fn group_product(kernel: &Kernel, (operands, dims): (&[u64], &[u64])) -> GroupProduct {
    let address = |i: usize| std::ptr::with_exposed_provenance_mut::<u8>(operands[i] as usize);
    let entry = kernel.entry();
    let factor = match kernel.kind.activation {
        Activation::F32 => GroupFactor::F32 {
            // SAFETY: the entry of such a `group_gemm` kernel has this signature.
            kernel: unsafe { std::mem::transmute::<*const (), GroupGemmFn>(entry) },
            x: address(2).cast(),
        },
        Activation::I8 => GroupFactor::I8 {
            // SAFETY: the entry of such a `group_gemm` kernel has this signature.
            kernel: unsafe { std::mem::transmute::<*const (), GroupGemmI8Fn>(entry) },
            x: address(2).cast(),
            x_scale: address(3).cast(),
            x_sum: address(4).cast(),
        },
    };
    GroupProduct {
        factor,
        w: address(0).cast(),
        scales: address(1).cast(),
        out: address(operands.len() - 1).cast(),
        dims: std::array::from_fn(|i| dims[i]),
    }
}

/// A product of these operands, dimensions and scale, to be shared by threads.
fn product(kernel: &Kernel, (operands, rest): (&[u64], &[u64])) -> Product {
    let address = |i: usize| std::ptr::with_exposed_provenance_mut::<u8>(operands[i] as usize);
    let entry = kernel.entry();
    let factor = match kernel.kind.activation {
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
    let packing = kernel.kind.packing.unwrap_or(Packing::Int2);
    Product {
        factor,
        w: address(0).cast(),
        word_cols: word_cols(packing) as u64,
        out: address(operands.len() - 1).cast(),
        rows: rest[0],
        cols: rest[1],
        tokens: rest[2],
        out_stride: rest[3],
        scale: f32::from_bits(rest[4] as u32),
    }
}
