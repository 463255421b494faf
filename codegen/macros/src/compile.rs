use atome_codegen::ir::Function;
use atome_codegen::{CodegenError, KernelSpec, lower, schedule};
use atome_spec::Tier;

/// The optimised function of a specification, scheduled for one tier.
pub(crate) fn compile(spec: &KernelSpec, tier: Tier) -> Result<Function, CodegenError> {
    spec.check()?;
    Ok(lower::lower(spec, &schedule::select(spec, tier)))
}
