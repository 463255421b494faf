//! The plan, call by call, interpreted: the meaning of the other backends.

use super::frame::{Frame, Placed};
use super::walk::Walk;
use crate::LoadError;
use crate::plan::{DimValue, Plan};
use atome_codegen::interp::{Memory, Program, Registers, Span};
use atome_codegen::{KernelSpec, compile};
use atome_spec::Tier;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The plan, the programs of its kernels, and registers that serve them all.
pub(crate) struct Interp {
    walk: Walk<Prepared>,
    registers: Mutex<Registers>,
    model_bytes: usize,
    slot_bytes: usize,
}

struct Prepared {
    label: String,
    name: String,
    program: Arc<Program>,
    operands: Vec<Placed>,
    dims: Vec<DimValue>,
    scalars: Vec<f32>,
}

impl Interp {
    /// Compiles each kernel of the plan once; equal calls share a program.
    pub(crate) fn new(plan: &Plan, tier: Tier) -> Result<Interp, LoadError> {
        let mut programs: BTreeMap<KernelSpec, Arc<Program>> = BTreeMap::new();
        let mut registers = Registers::default();
        let walk = Walk::new(plan, |call| -> Result<Prepared, LoadError> {
            let spec = call.spec();
            let program = match programs.get(&spec) {
                Some(program) => Arc::clone(program),
                None => {
                    let function = compile(&spec, tier)?;
                    let program = Program::new(&function).map_err(LoadError::Program)?;
                    registers.fit(&program);
                    let program = Arc::new(program);
                    programs.insert(spec.clone(), Arc::clone(&program));
                    program
                }
            };
            Ok(Prepared {
                label: call.label.clone(),
                name: format!("{}-interp", spec.name()),
                program,
                operands: call.operands.iter().map(|o| Placed::new(plan, o)).collect(),
                dims: call.open_dims().collect(),
                scalars: call.scalars.clone(),
            })
        })?;
        let (model_bytes, slot_bytes) = (plan.model_bytes, plan.slot_bytes);
        Ok(Interp {
            walk,
            registers: Mutex::new(registers),
            model_bytes,
            slot_bytes,
        })
    }

    pub(crate) fn kernels(&self) -> Vec<String> {
        self.walk
            .kernels()
            .map(|prepared| prepared.name.clone())
            .collect()
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn block(&self, frame: &mut Frame) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.walk.block(frame, |call, frame| self.run(call, frame)) }
    }

    /// # Safety
    /// As [`super::Backend::block`].
    pub(crate) unsafe fn head(&self, frame: &mut Frame) {
        // SAFETY: the caller's promise, passed on.
        self.walk
            .head(frame, |call, frame| unsafe { self.run(call, frame) });
    }

    /// # Safety
    /// As [`super::Backend::block`].
    ///
    /// # Panics
    /// If the program traps: the plan would be wrong.
    unsafe fn run(&self, call: &Prepared, frame: &Frame) {
        // SAFETY: the model's part is that long, initialised, and only read after loading.
        let shared = unsafe { std::slice::from_raw_parts(frame.model, self.model_bytes) };
        // SAFETY: the slot is that long and initialised; the caller keeps others away from it.
        let own = unsafe { std::slice::from_raw_parts_mut(frame.slot, self.slot_bytes) };
        let spans: Vec<Span> = call.operands.iter().map(|o| o.span(frame)).collect();
        let dims: Vec<u64> = call.dims.iter().map(|d| frame.dim(*d)).collect();
        let mut registers = self.registers.lock().unwrap_or_else(|e| e.into_inner());
        let memory = Memory { shared, own };
        let result = call
            .program
            .run_split(&mut registers, memory, &spans, &dims, &call.scalars);
        if let Err(trap) = result {
            panic!(
                "`{}` of the plan does not fit its tensors: {trap}",
                call.label
            );
        }
    }
}

impl Placed {
    /// The operand's bytes, from its row to the end of its tensor.
    fn span(&self, frame: &Frame) -> Span {
        let start = self.offset + self.row_offset(frame);
        Span {
            shared: self.shared,
            bytes: start..self.offset + self.bytes,
        }
    }
}
