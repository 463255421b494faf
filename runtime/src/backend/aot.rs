//! The plan, call by call, with the kernels of one CPU tier.

use super::frame::{Frame, Placed};
use super::parallel::{GemmFn, Product};
use super::walk::Walk;
use crate::LoadError;
use crate::plan::{DimValue, KernelCall, Plan};
use crate::pool::Pool;
use atome_kernels::{Kernel, find};
use atome_spec::{Op, Tier};

/// Most arguments of a kernel.
const MAX_ARGS: usize = 16;

/// The plan for blocks and for single tokens, and the threads that share its products.
pub(crate) struct Aot {
    block: Walk<Prepared>,
    step: Walk<Prepared>,
    pool: Option<Pool>,
}

/// A kernel and its arguments but for what the frame adds.
struct Prepared {
    kernel: &'static Kernel,
    operands: Vec<Placed>,
    dims: Vec<DimValue>,
    scalars: Vec<f32>,
}

impl Aot {
    pub(crate) fn new(plan: &Plan, tier: Tier, pool: Option<Pool>) -> Result<Aot, LoadError> {
        let split = pool.is_some();
        let prepare = |call: &KernelCall| Prepared::new(plan, call, tier);
        let block = Walk::new(plan, prepare)?;
        // A split product needs the distance between outputs, which only `gemm` has.
        let step = Walk::new(plan, |call| {
            if split && call.op == Op::Gemm {
                prepare(&call.bind_one_token())
            } else {
                prepare(&call.for_one_token())
            }
        })?;
        Ok(Aot { block, step, pool })
    }

    pub(crate) fn kernels(&self) -> Vec<String> {
        let all = self.block.kernels().chain(self.step.kernels());
        all.map(|prepared| prepared.kernel.name.to_owned())
            .collect()
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn block(&self, frame: &mut Frame) {
        let walk = if frame.tokens == 1 {
            &self.step
        } else {
            &self.block
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { walk.block(frame, |call, frame| call.run(frame, self.pool.as_ref())) }
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn head(&self, frame: &mut Frame) {
        // SAFETY: the caller's promise, passed on.
        self.step.head(frame, |call, frame| unsafe {
            call.run(frame, self.pool.as_ref())
        });
    }
}

impl Prepared {
    fn new(plan: &Plan, call: &KernelCall, tier: Tier) -> Result<Prepared, LoadError> {
        let missing = || LoadError::NoKernel {
            kernel: call.open_spec().name(),
            tier,
        };
        let kernel = find(call.open_spec().kind(), tier).ok_or_else(missing)?;
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
    unsafe fn run(&self, frame: &Frame, pool: Option<&Pool>) {
        if let (Op::Gemm, Some(pool)) = (self.kernel.kind.op, pool) {
            // SAFETY: the caller's promise, passed on.
            return unsafe { self.product(frame).run(pool) };
        }
        let mut args = [0u64; MAX_ARGS];
        let mut rest = args.iter_mut();
        let mut push = |value: u64| {
            if let Some(slot) = rest.next() {
                *slot = value;
            }
        };
        self.operands
            .iter()
            .for_each(|o| push(o.address(frame) as u64));
        self.dims.iter().for_each(|d| push(frame.dim(*d)));
        self.scalars
            .iter()
            .for_each(|s| push(u64::from(s.to_bits())));
        let count = self.operands.len() + self.dims.len() + self.scalars.len();
        // SAFETY: the plan gave each parameter of the kernel an argument, and each buffer a
        // tensor of the length that the dimensions ask for; the caller vouches for the arena.
        unsafe { self.kernel.call(&args[..count]) }
    }

    fn product(&self, frame: &Frame) -> Product {
        let [w, x, out] = [0, 1, 2].map(|i| self.operands[i].address(frame));
        let [rows, cols, tokens, out_stride] = [0, 1, 2, 3].map(|i| frame.dim(self.dims[i]));
        // SAFETY: the entry of a `gemm` kernel has this signature.
        let kernel = unsafe { std::mem::transmute::<*const (), GemmFn>(self.kernel.entry()) };
        Product {
            kernel,
            w: w.cast(),
            x: x.cast(),
            out: out.cast(),
            rows,
            cols,
            tokens,
            out_stride,
            scale: self.scalars[0],
        }
    }
}
