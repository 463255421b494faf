//! The plan, call by call, interpreted: the meaning of the other backends.

use super::frame::{Frame, Owner, Placed};
use super::walk::Walk;
use crate::PrepareError;
use crate::arena::Sizes;
use crate::plan::{DimValue, Entry, KernelCall, PerEntry, Plan};
use atome_codegen::interp::{Memory, Part, Program, Registers, Span};
use atome_codegen::{KernelSpec, compile_for};
use atome_spec::Tier;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The plan, the programs of its kernels, and registers that serve them all.
pub(crate) struct Interp {
    walks: PerEntry<Walk<Prepared>>,
    registers: Mutex<Registers>,
    sizes: Sizes,
    /// Bytes of the model's file.
    file: usize,
}

struct Prepared {
    label: Arc<str>,
    program: Arc<Program>,
    operands: Vec<Placed>,
    dims: Vec<DimValue>,
    scalars: Vec<f32>,
}

impl Interp {
    /// Compiles each kernel of the plan once; equal calls share a program.
    pub(crate) fn new(plan: &Plan, tier: Tier) -> Result<Interp, PrepareError> {
        let mut programs: BTreeMap<KernelSpec, Arc<Program>> = BTreeMap::new();
        let mut registers = Registers::default();
        let mut prepare = |call: &KernelCall| -> Result<Prepared, PrepareError> {
            let spec = call.spec();
            let program = match programs.get(&spec) {
                Some(program) => Arc::clone(program),
                None => {
                    let function = compile_for(&spec, tier)?;
                    let program = Program::new(&function).map_err(PrepareError::Program)?;
                    registers.fit(&program);
                    let program = Arc::new(program);
                    programs.insert(spec.clone(), Arc::clone(&program));
                    program
                }
            };
            Ok(Prepared {
                label: call.label.clone(),
                program,
                operands: call.operands.iter().map(|o| Placed::new(plan, o)).collect(),
                dims: call.dims_open_in(None).collect(),
                scalars: call.scalars.clone(),
            })
        };
        let walks = PerEntry::new(|entry| Walk::new(plan, plan.stages(entry), &mut prepare))?;
        Ok(Interp {
            walks,
            registers: Mutex::new(registers),
            sizes: plan.sizes,
            file: plan.image.as_ref().map_or(0, |file| file.bytes().len()),
        })
    }

    /// # Safety
    /// As [`super::Backend::run`].
    pub(crate) unsafe fn run(&self, entry: Entry, frame: &mut Frame, owner: Owner<'_>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.walks[entry].run(frame, owner, |call, frame| self.call(call, frame)) }
    }

    /// # Safety
    /// As [`super::Backend::run`].
    ///
    /// # Panics
    /// If the program traps: the plan would be wrong.
    unsafe fn call(&self, call: &Prepared, frame: &Frame) {
        let Sizes {
            weights,
            constants,
            scratch,
            slot,
        } = self.sizes;
        let shared = [
            (frame.file, self.file),
            (frame.weights, weights),
            (frame.constants, constants),
        ];
        // SAFETY: the parts are that long, initialised, and only read after loading.
        let [file, weights, constants] =
            shared.map(|(start, bytes)| unsafe { std::slice::from_raw_parts(start, bytes) });
        // SAFETY: a scratch and a slot are that long, initialised, and apart from each other; the caller keeps others
        // away from them.
        let [scratch, slot] = [(frame.scratch, scratch), (frame.slot, slot)]
            .map(|(start, bytes)| unsafe { std::slice::from_raw_parts_mut(start, bytes) });
        // In the order of `Base`.
        let parts = &mut [
            Part::Shared(file),
            Part::Shared(weights),
            Part::Shared(constants),
            Part::Own(scratch),
            Part::Own(slot),
        ];
        let spans: Vec<Span> = call.operands.iter().map(|o| o.span(frame)).collect();
        let dims: Vec<u64> = call.dims.iter().map(|d| frame.dim(*d)).collect();
        let mut registers = self.registers.lock().unwrap_or_else(|e| e.into_inner());
        let memory = Memory { parts };
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
            part: self.base as usize,
            bytes: start..self.offset + self.bytes,
        }
    }
}
