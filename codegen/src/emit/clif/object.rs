use super::{EmitError, emit};
use crate::ir::Function;
use cranelift_codegen::Context;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_module::{Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};

/// An object file for the target's linker with `functions` as exported C functions.
///
/// # Errors
/// If a function is not valid or cannot be compiled, or two have one name.
pub fn object(functions: &[Function], isa: OwnedTargetIsa) -> Result<Vec<u8>, EmitError> {
    let builder = ObjectBuilder::new(isa, "atome", default_libcall_names())?;
    let mut module = ObjectModule::new(builder);
    for function in functions {
        let mut context = Context::for_function(emit(function, module.isa())?);
        let id =
            module.declare_function(&function.name, Linkage::Export, &context.func.signature)?;
        module.define_function(id, &mut context)?;
    }
    Ok(module.finish().emit()?)
}
