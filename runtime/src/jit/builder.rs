use super::{Code, JitError, host};
use atome_codegen::emit::clif;
use atome_codegen::ir::Function;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{self, AbiParam, FuncRef, InstBuilder, Signature, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use std::collections::{BTreeMap, BTreeSet};

/// Address space of a module. Reserved, not used: pages are taken as code arrives. One
/// reservation keeps every function within the reach of a near call.
const RESERVED_BYTES: usize = 64 << 20;

/// Collects the functions of one [`Code`].
pub struct CodeBuilder {
    /// `None` only once [`CodeBuilder::finish`] has taken it.
    module: Option<JITModule>,
    symbols: BTreeSet<String>,
    context: Context,
    frontend: FunctionBuilderContext,
    bytes: usize,
}

impl CodeBuilder {
    /// Starts an empty module whose code may call the functions at `symbols`, by name.
    ///
    /// # Errors
    /// If code for `isa` cannot run on this machine, or no address space is left.
    ///
    /// # Safety
    /// Each address is that of a C function that stays where it is while the code lives and
    /// does not unwind.
    pub unsafe fn new(
        isa: OwnedTargetIsa,
        symbols: &[(&str, *const u8)],
    ) -> Result<CodeBuilder, JitError> {
        host::check(&*isa)?;
        let memory = ArenaMemoryProvider::new_with_size(RESERVED_BYTES).map_err(|source| {
            JitError::Reserve {
                bytes: RESERVED_BYTES,
                source: Box::new(source),
            }
        })?;
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        builder.memory_provider(Box::new(memory));
        builder.symbols(symbols.iter().copied());
        Ok(CodeBuilder {
            module: Some(JITModule::new(builder)),
            symbols: symbols.iter().map(|(name, _)| (*name).to_owned()).collect(),
            context: Context::new(),
            frontend: FunctionBuilderContext::new(),
            bytes: 0,
        })
    }

    /// Compiles a function.
    ///
    /// # Errors
    /// If it is not valid, Cranelift cannot compile it, or the name is taken.
    pub fn define(&mut self, function: &Function) -> Result<FuncId, JitError> {
        self.context.func = clif::emit(function, self.module().isa())?;
        self.define_context(&function.name)
    }

    /// Declares the function named `name` in `symbols`, with the signature of `function`.
    ///
    /// # Errors
    /// If there is no such symbol.
    pub fn declare_import(&mut self, name: &str, function: &Function) -> Result<FuncId, JitError> {
        let signature = clif::signature(function, self.module().isa());
        self.import(name, &signature)
    }

    /// Declares the function named `name` in `symbols`, with parameters of these types and no
    /// result.
    ///
    /// # Errors
    /// If there is no such symbol.
    pub fn declare_symbol(&mut self, name: &str, params: &[ir::Type]) -> Result<FuncId, JitError> {
        let mut signature = self.signature();
        signature
            .params
            .extend(params.iter().map(|ty| AbiParam::new(*ty)));
        self.import(name, &signature)
    }

    fn import(&mut self, name: &str, signature: &Signature) -> Result<FuncId, JitError> {
        if !self.symbols.contains(name) {
            return Err(JitError::UnknownSymbol {
                name: name.to_owned(),
            });
        }
        self.module_mut()
            .declare_function(name, Linkage::Import, signature)
            .map_err(|source| refused(name, source))
    }

    /// Compiles a function written in CLIF. `build` is given the function's entry block with
    /// its parameters, and has to end every block it makes.
    ///
    /// # Errors
    /// If Cranelift cannot compile it, or the name is taken.
    pub fn define_clif(
        &mut self,
        name: &str,
        signature: Signature,
        build: impl FnOnce(&mut Body<'_>),
    ) -> Result<FuncId, JitError> {
        let func = ir::Function::with_name_signature(UserFuncName::testcase(name), signature);
        self.context.func = func;
        let module = self.module.as_mut().expect(OPEN);
        let frontend_config = module.isa().frontend_config();
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.frontend);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let mut body = Body {
            builder,
            entry,
            module,
            callees: BTreeMap::new(),
        };
        build(&mut body);
        body.builder.seal_all_blocks();
        body.builder.finalize(frontend_config);
        self.define_context(name)
    }

    /// An empty signature with the calling convention of all kernels.
    pub fn signature(&self) -> Signature {
        Signature::new(self.module().isa().default_call_conv())
    }

    /// Ends the module: the code becomes executable, and can no longer be written.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn finish(mut self) -> Result<Code, JitError> {
        self.module_mut()
            .finalize_definitions()
            .map_err(|source| JitError::Finalize(Box::new(source)))?;
        Ok(Code::new(self.module.take().expect(OPEN), self.bytes))
    }

    fn define_context(&mut self, name: &str) -> Result<FuncId, JitError> {
        let module = self.module.as_mut().expect(OPEN);
        let declared = module
            .declare_function(name, Linkage::Local, &self.context.func.signature)
            .map_err(|source| refused(name, source));
        let defined = declared.and_then(|id| {
            let defined = module.define_function(id, &mut self.context);
            defined.map(|()| id).map_err(|source| refused(name, source))
        });
        if let Some(code) = self.context.compiled_code() {
            self.bytes += code.code_buffer().len();
        }
        self.context.clear();
        defined
    }

    fn module(&self) -> &JITModule {
        self.module.as_ref().expect(OPEN)
    }

    fn module_mut(&mut self) -> &mut JITModule {
        self.module.as_mut().expect(OPEN)
    }
}

const OPEN: &str = "the module is taken by `finish` alone, which consumes the builder";

impl Drop for CodeBuilder {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: no address of this module was given out: `Code` does that.
            unsafe { module.free_memory() };
        }
    }
}

/// The body of a function written in CLIF.
pub struct Body<'a> {
    /// Where instructions go; it stands in the entry block at first.
    pub builder: FunctionBuilder<'a>,
    entry: ir::Block,
    module: &'a mut JITModule,
    callees: BTreeMap<FuncId, FuncRef>,
}

impl Body<'_> {
    /// A parameter of the function.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn param(&self, number: usize) -> ir::Value {
        self.builder.block_params(self.entry)[number]
    }

    /// Calls a function of the module.
    pub fn call(&mut self, callee: FuncId, args: &[ir::Value]) {
        let callee = self.reference(callee);
        self.builder.ins().call(callee, args);
    }

    /// The address of a function of the module.
    pub fn address(&mut self, function: FuncId) -> ir::Value {
        let function = self.reference(function);
        let pointer = self.module.isa().pointer_type();
        self.builder.ins().func_addr(pointer, function)
    }

    fn reference(&mut self, function: FuncId) -> FuncRef {
        let Body {
            builder,
            module,
            callees,
            ..
        } = self;
        *callees
            .entry(function)
            .or_insert_with(|| module.declare_func_in_func(function, builder.func))
    }
}

fn refused(name: &str, source: ModuleError) -> JitError {
    JitError::Function {
        name: name.to_owned(),
        source: Box::new(source),
    }
}
