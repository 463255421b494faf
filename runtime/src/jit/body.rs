use super::function::ModuleId;
use super::{FuncId, JitError};
use cranelift_codegen::ir::{self, FuncRef, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;
use cranelift_jit::JITModule;
use cranelift_module::Module;
use std::collections::BTreeMap;

/// The body of a function written in CLIF.
pub struct Body<'a> {
    /// Where instructions go; it stands in the entry block at first.
    pub builder: FunctionBuilder<'a>,
    entry: ir::Block,
    id: ModuleId,
    module: &'a mut JITModule,
    callees: BTreeMap<FuncId, FuncRef>,
    foreign: bool,
}

impl<'a> Body<'a> {
    /// An empty body with an entry block.
    pub(super) fn new(
        mut builder: FunctionBuilder<'a>,
        id: ModuleId,
        module: &'a mut JITModule,
    ) -> Body<'a> {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        // The first block of a function is where it starts.
        builder.ensure_inserted_block();
        Body {
            builder,
            entry,
            id,
            module,
            callees: BTreeMap::new(),
            foreign: false,
        }
    }

    /// A parameter of the function.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn param(&self, number: usize) -> ir::Value {
        self.builder.block_params(self.entry)[number]
    }

    /// Calls a function of the module. With one of another module, the body's function is refused.
    pub fn call(&mut self, callee: FuncId, args: &[ir::Value]) {
        if let Some(callee) = self.reference(callee) {
            self.builder.ins().call(callee, args);
        }
    }

    /// The address of a function of the module. With one of another module, the body's function
    /// is refused.
    pub fn address(&mut self, function: FuncId) -> ir::Value {
        match self.reference(function) {
            Some(function) => {
                let pointer = self.module.isa().pointer_type();
                self.builder.ins().func_addr(pointer, function)
            }
            None => self.builder.ins().iconst(types::I64, 0),
        }
    }

    fn reference(&mut self, function: FuncId) -> Option<FuncRef> {
        if function.module != self.id {
            self.foreign = true;
            return None;
        }
        let Body {
            builder,
            module,
            callees,
            ..
        } = self;
        let declared = callees
            .entry(function)
            .or_insert_with(|| module.declare_func_in_func(function.number, builder.func));
        Some(*declared)
    }

    /// Ends the function, unless it is one that Cranelift would stumble over.
    pub(super) fn finish(mut self, name: &str) -> Result<(), JitError> {
        let name = || name.to_owned();
        let func = &*self.builder.func;
        let known = |callee: &FuncRef| self.callees.values().any(|known| known == callee);
        if self.foreign || !func.dfg.ext_funcs.keys().all(|callee| known(&callee)) {
            return Err(JitError::ForeignFunction { name: name() });
        }
        if let Some(block) = func.layout.blocks().find(|block| !ends(func, *block)) {
            return Err(JitError::OpenBlock {
                name: name(),
                block,
            });
        }
        let config = self.module.isa().frontend_config();
        self.builder.seal_all_blocks();
        let func = &*self.builder.func;
        cranelift_codegen::verify_function(func, self.module.isa()).map_err(|errors| {
            JitError::Clif {
                name: name(),
                source: Box::new(errors),
            }
        })?;
        self.builder.finalize(config);
        Ok(())
    }
}

/// Whether the last instruction of a block leaves it.
fn ends(func: &ir::Function, block: ir::Block) -> bool {
    let last = func.layout.last_inst(block);
    last.is_some_and(|inst| func.dfg.insts[inst].opcode().is_terminator())
}
