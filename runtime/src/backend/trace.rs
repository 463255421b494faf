//! The plan, call by call, watched for numbers that are not finite.

use super::aot::{Maps, Prepared};
use super::frame::{Frame, Owner, Placed};
use super::pick::Pick;
use super::walk::Walk;
use crate::plan::{DimValue, KernelCall, Plan, Stage};
use crate::{PrepareError, RunError};
use atome_codegen::ir::{Access, Size};
use atome_codegen::op::Content;
use atome_kernels::detect;
use atome_spec::Op;
use std::sync::Arc;

/// Stages, ready to be run until something is not finite.
pub(crate) struct Trace {
    walk: Walk<Watched>,
}

/// A call and the f32 tensors that it writes.
struct Watched {
    label: Arc<str>,
    call: Prepared,
    dims: Vec<DimValue>,
    outputs: Vec<Output>,
}

struct Output {
    tensor: String,
    place: Placed,
    /// Elements, by the op's dimensions.
    len: Size,
}

impl Trace {
    /// # Errors
    /// If there is no kernel for a call.
    pub(crate) fn new(plan: &Plan, stages: &[Stage]) -> Result<Trace, PrepareError> {
        let mut maps = Maps::default();
        let walk = Walk::new(plan, stages, |call| Watched::new(plan, call, &mut maps))?;
        Ok(Trace { walk })
    }

    /// Runs the stages up to the first number that is not finite.
    ///
    /// # Safety
    /// As [`super::Backend::run`].
    pub(crate) unsafe fn run(&self, frame: &mut Frame, owner: Owner<'_>) -> Option<RunError> {
        let mut found = None;
        let run = |watched: &Watched, frame: &Frame| {
            if found.is_none() {
                // SAFETY: the caller's promise, passed on.
                found = unsafe { watched.run(frame) };
            }
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { self.walk.run(frame, owner, run) };
        found
    }
}

impl Watched {
    fn new(plan: &Plan, call: &KernelCall, maps: &mut Maps) -> Result<Watched, PrepareError> {
        let signature = call.open_spec().signature();
        let written = |access| matches!(access, Access::Out | Access::InOut);
        let buffers = signature.buffers.iter().zip(&call.operands);
        let outputs = buffers.filter(|(b, _)| b.content == Content::F32 && written(b.access));
        let outputs = outputs.map(|(buffer, operand)| Output {
            tensor: plan.tensor(operand.tensor).name.clone(),
            place: Placed::new(plan, operand),
            len: match call.op {
                // Those beyond the cached positions may be anything.
                Op::AttnScores => signature.dim("len").unwrap_or(Size::ZERO),
                _ => buffer.len.clone(),
            },
        });
        Ok(Watched {
            label: call.label.clone(),
            call: Prepared::new(plan, call.clone(), (Pick::default_of(detect()), maps), None)?,
            dims: call.dims.clone(),
            outputs: outputs.collect(),
        })
    }

    /// Runs the call; gives the first tensor that it left not finite.
    ///
    /// # Safety
    /// As [`super::Backend::run`].
    unsafe fn run(&self, frame: &Frame) -> Option<RunError> {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.call.run(frame, None) };
        let dims: Vec<u64> = self.dims.iter().map(|dim| frame.dim(*dim)).collect();
        let fault = |output: &&Output| {
            let len = output.len.eval(&dims).unwrap_or(0) as usize;
            let start = output.place.address(frame).cast::<f32>();
            // SAFETY: the plan gave the buffer a tensor of that length, which the call wrote; the caller
            // keeps others away from it.
            let numbers = unsafe { std::slice::from_raw_parts(start, len) };
            !numbers.iter().all(|x| x.is_finite())
        };
        let output = self.outputs.iter().find(fault)?;
        Some(RunError::NotFinite {
            call: self.label.to_string(),
            tensor: output.tensor.clone(),
        })
    }
}
