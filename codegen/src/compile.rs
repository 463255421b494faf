use crate::ir::{Function, verify};
use crate::{CodegenError, KernelSpec, Schedule, lower, passes, schedule};
use atome_spec::Isa;

/// The verified function of a specification, laid out by a schedule and optimised.
///
/// The schedule decides the layout alone, never the result.
///
/// ```
/// use atome_codegen::{KernelSpec, Schedule, compile};
/// use atome_spec::{Op, Packing};
///
/// let spec = KernelSpec::new(Op::Gemv).packing(Packing::Int2).bind("cols", 64);
/// let schedule: Schedule = "method=select mr=32 nr=1 fields=lanes prefetch=0 unroll=4".parse()?;
/// let function = compile(&spec, &schedule)?;
/// assert_eq!(function.name, "gemv_int2_f32_cols64");
/// assert_eq!(function.dims, ["rows"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If no kernel can be made from the specification, or laid out so.
pub fn compile(spec: &KernelSpec, schedule: &Schedule) -> Result<Function, CodegenError> {
    spec.check()?;
    schedule.check(spec)?;
    let mut function = lower::lower(spec, schedule);
    check(spec, &function)?;
    passes::optimise(&mut function);
    if cfg!(debug_assertions) {
        check(spec, &function)?;
    }
    Ok(function)
}

/// [`compile`] by the schedule that is [selected](schedule::select) for an instruction set.
///
/// Give the one that the code is emitted for, an argument of `emit::rust::emit` too; for Cranelift there
/// is [`compile_narrow`]. A tier stands for what all its CPUs have.
///
/// # Errors
/// If no kernel can be made from the specification.
pub fn compile_for(spec: &KernelSpec, isa: impl Into<Isa>) -> Result<Function, CodegenError> {
    compile(spec, &schedule::select(spec, isa))
}

/// [`compile`] by the schedule that is [selected](schedule::select_narrow) for code of 128-bit vectors, as
/// Cranelift makes it, on a machine that has an instruction set.
///
/// # Errors
/// If no kernel can be made from the specification.
pub fn compile_narrow(spec: &KernelSpec, isa: impl Into<Isa>) -> Result<Function, CodegenError> {
    compile(spec, &schedule::select_narrow(spec, isa))
}

fn check(spec: &KernelSpec, function: &Function) -> Result<(), CodegenError> {
    verify(function).map_err(|violations| CodegenError::Invalid {
        op: spec.op,
        violations,
    })
}
