use crate::ir::{Function, verify};
use crate::{CodegenError, KernelSpec, lower, passes, schedule};
use atome_spec::Isa;

/// The verified function of a specification, laid out for an instruction set and optimised.
///
/// The instruction set decides the layout alone, never the result: give the one that the code is
/// emitted for. That is an argument of `emit::rust::emit` too; for Cranelift it is
/// [`Target::isa`](atome_spec::Target::isa) of the target, and for this machine
/// `atome_kernels::detect()`. A tier stands for what all its CPUs have.
///
/// ```
/// use atome_codegen::{KernelSpec, compile};
/// use atome_spec::{Op, Packing, Tier};
///
/// let spec = KernelSpec::new(Op::Gemv).packing(Packing::Int2).bind("cols", 64);
/// let function = compile(&spec, Tier::X86_64V4)?;
/// assert_eq!(function.name, "gemv_int2_f32_cols64");
/// assert_eq!(function.dims, ["rows"]);
/// # Ok::<(), atome_codegen::CodegenError>(())
/// ```
///
/// # Errors
/// If no kernel can be made from the specification.
pub fn compile(spec: &KernelSpec, isa: impl Into<Isa>) -> Result<Function, CodegenError> {
    spec.check()?;
    let mut function = lower::lower(spec, &schedule::select(spec, isa));
    check(spec, &function)?;
    passes::optimise(&mut function);
    if cfg!(debug_assertions) {
        check(spec, &function)?;
    }
    Ok(function)
}

fn check(spec: &KernelSpec, function: &Function) -> Result<(), CodegenError> {
    verify(function).map_err(|violations| CodegenError::Invalid {
        op: spec.op,
        violations,
    })
}
