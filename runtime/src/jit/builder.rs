use super::function::ModuleId;
use super::memory::CodeMemory;
use super::{Body, Code, FuncId, JitError, Maker, host};
use atome_codegen::emit::{clif, x86};
use atome_codegen::ir::Function;
use atome_kernels::dispatch;
use atome_spec::Isa;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{self, AbiParam, Signature, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncOrDataId, Linkage, Module, ModuleError, default_libcall_names};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Collects the functions of one [`Code`].
pub struct CodeBuilder {
    id: ModuleId,
    module: JITModule,
    symbols: BTreeSet<String>,
    defined: BTreeSet<FuncId>,
    context: Context,
    frontend: FunctionBuilderContext,
    bytes: usize,
    unknown: Unknown,
    wide: Option<Isa>,
}

/// The first name that the finished code calls and nobody knows.
type Unknown = Arc<Mutex<Option<String>>>;

impl CodeBuilder {
    /// Starts an empty module whose code may call the functions at `symbols`, by name.
    ///
    /// # Errors
    /// If code for `isa` cannot run on this machine, or the operating system lets no program
    /// make code for itself.
    ///
    /// # Safety
    /// Each address is that of a C function that stays where it is while the code lives and
    /// does not unwind.
    pub unsafe fn new(
        isa: OwnedTargetIsa,
        symbols: &[(&str, *const u8)],
    ) -> Result<CodeBuilder, JitError> {
        host::check(&*isa)?;
        super::check()?;
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        builder.memory_provider(Box::new(CodeMemory::default()));
        builder.symbols(symbols.iter().copied());
        let unknown = Unknown::default();
        let finder = Arc::clone(&unknown);
        builder.symbol_lookup_fn(Box::new(move |name| {
            let mut first = finder.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| name.to_owned());
            Some(nobody as *const u8)
        }));
        Ok(CodeBuilder {
            id: ModuleId::new(),
            module: JITModule::new(builder),
            symbols: symbols.iter().map(|(name, _)| (*name).to_owned()).collect(),
            defined: BTreeSet::new(),
            context: Context::new(),
            frontend: FunctionBuilderContext::new(),
            bytes: 0,
            unknown,
            wide: None,
        })
    }

    /// From now on functions of the IR become code of 256 or 512 bits for an instruction set, and not
    /// Cranelift's.
    ///
    /// # Errors
    /// If this machine lacks the instruction set, or there is no such code for it here: see
    /// [`Maker::is_wide`].
    pub fn use_wide(&mut self, isa: Isa) -> Result<(), JitError> {
        if !Maker::is_wide(isa) || !dispatch::has(isa) {
            return Err(JitError::MissingFeature {
                feature: isa.to_string(),
            });
        }
        self.wide = Some(isa);
        Ok(())
    }

    /// Compiles a function.
    ///
    /// # Errors
    /// If it is not valid, Cranelift cannot compile it, or the name is taken.
    pub fn define(&mut self, function: &Function) -> Result<FuncId, JitError> {
        if let Some(isa) = self.wide {
            return self.define_bytes(function, &x86::machine_code(function, isa)?);
        }
        self.context.func = clif::emit(function, self.module.isa())?;
        self.define_context(&function.name)
    }

    /// Declares the function named `name` in `symbols`, with the signature of `function`.
    ///
    /// # Errors
    /// If there is no such symbol, the name is taken, or was declared with another signature.
    pub fn declare_import(&mut self, name: &str, function: &Function) -> Result<FuncId, JitError> {
        let signature = clif::signature(function, self.module.isa());
        self.import(name, &signature)
    }

    /// Declares the function named `name` in `symbols`, with parameters of these types and no
    /// result.
    ///
    /// # Errors
    /// As [`CodeBuilder::declare_import`].
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
        self.declare(name, Linkage::Import, signature)
    }

    /// Compiles a function written in CLIF. `build` is given the function's entry block with
    /// its parameters, and has to end every block it makes.
    ///
    /// # Errors
    /// If the body is not valid, calls what this builder did not make, or Cranelift cannot
    /// compile it, or the name is taken.
    pub fn define_clif(
        &mut self,
        name: &str,
        signature: Signature,
        build: impl FnOnce(&mut Body<'_>),
    ) -> Result<FuncId, JitError> {
        let func = ir::Function::with_name_signature(UserFuncName::testcase(name), signature);
        self.context.func = func;
        // What a body leaves behind that is refused, or panics, is of no use to the next.
        let mut frontend = std::mem::take(&mut self.frontend);
        let builder = FunctionBuilder::new(&mut self.context.func, &mut frontend);
        let mut body = Body::new(builder, self.id, &mut self.module);
        build(&mut body);
        body.finish(name)?;
        self.frontend = frontend;
        self.define_context(name)
    }

    /// An empty signature with the calling convention of all kernels.
    pub fn signature(&self) -> Signature {
        Signature::new(self.module.isa().default_call_conv())
    }

    /// Ends the module: the code becomes executable, and can no longer be written.
    ///
    /// # Errors
    /// If the code calls a function of Cranelift's own that has no address, or the operating
    /// system refuses.
    pub fn finish(mut self) -> Result<Code, JitError> {
        self.module
            .finalize_definitions()
            .map_err(|source| JitError::Finalize(Box::new(source)))?;
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        match unknown.clone() {
            Some(name) => Err(JitError::UnknownSymbol { name }),
            None => Ok(Code::new(self.module, self.defined, self.bytes)),
        }
    }

    fn define_bytes(&mut self, function: &Function, code: &[u8]) -> Result<FuncId, JitError> {
        let name = &function.name;
        let signature = clif::signature(function, self.module.isa());
        let id = self.declare(name, Linkage::Local, &signature)?;
        self.module
            .define_function_bytes(id.number, x86::ALIGN, code, &[])
            .map_err(|source| refused(name, source))?;
        self.bytes += code.len();
        self.defined.insert(id);
        Ok(id)
    }

    fn define_context(&mut self, name: &str) -> Result<FuncId, JitError> {
        let signature = self.context.func.signature.clone();
        let id = self.declare(name, Linkage::Local, &signature)?;
        let defined = self.module.define_function(id.number, &mut self.context);
        if let Some(code) = self.context.compiled_code() {
            self.bytes += code.code_buffer().len();
        }
        self.context.clear();
        defined.map_err(|source| refused(name, source))?;
        self.defined.insert(id);
        Ok(id)
    }

    /// A name stands for one function: to be defined once, or imported, any number of times.
    fn declare(
        &mut self,
        name: &str,
        linkage: Linkage,
        signature: &Signature,
    ) -> Result<FuncId, JitError> {
        let declarations = self.module.declarations();
        let declared = match declarations.get_name(name) {
            Some(FuncOrDataId::Func(id)) => {
                let import = declarations.get_function_decl(id).linkage == Linkage::Import;
                let is_defined = self.defined.iter().any(|defined| defined.number == id);
                Some((import, is_defined))
            }
            _ => None,
        };
        let taken = declared.is_some_and(|(import, is_defined)| {
            is_defined || import != matches!(linkage, Linkage::Import)
        });
        if taken {
            return Err(JitError::Taken {
                name: name.to_owned(),
            });
        }
        let number = self
            .module
            .declare_function(name, linkage, signature)
            .map_err(|source| refused(name, source))?;
        Ok(FuncId {
            module: self.id,
            number,
        })
    }
}

/// Stands for functions that nobody knows; the code that would call it is never given out.
extern "C" fn nobody() {
    std::process::abort()
}

fn refused(name: &str, source: ModuleError) -> JitError {
    JitError::Function {
        name: name.to_owned(),
        source: Box::new(source),
    }
}
