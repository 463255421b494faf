//! A model as an object file for a linker: its kernels, and two functions that call them one after the other with offsets
//! that the compiler knew. What is around them, a header has.
//!
//! | file | concept |
//! |---|---|
//! | `calls` | the calls of a step, with their addresses |
//! | `top_k` | the selection of attention |
//! | `header` | the C header |

mod calls;
mod header;
mod top_k;

use super::entries::Entries;
use super::image::Image;
use super::straight::Straight;
use super::{EmbedError, Settings, planned};
use crate::checkpoint::Checkpoint;
use crate::plan::{Call, Stage};
use atome_codegen::emit::{clif, x86};
use atome_codegen::{KernelSpec, compile, schedule};
use atome_spec::{Isa, Target};
use calls::At;
use cranelift_codegen::Context;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Type, UserFuncName, Value};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{
    DataDescription, FuncId, Linkage, Module, ModuleError, default_libcall_names,
};
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::collections::BTreeMap;

/// What offsets in the weights and in a model's memory are multiples of, in bytes: a line of a cache.
const ALIGN: usize = 64;

/// A model as an object file.
#[derive(Debug)]
pub struct Object {
    /// The file.
    pub bytes: Vec<u8>,
    /// The weights, which the file has too if it was asked to.
    pub weights: Vec<u8>,
    /// The C header of the file.
    pub header: String,
    /// Bytes of the memory that a model works in.
    pub memory_bytes: usize,
}

/// Makes an object file of a model for a target. Its functions and its weights begin with `name`; the weights are in it
/// if `with_weights`. It takes one token at a time, and has every matrix as data, whatever the settings say.
///
/// # Errors
/// As [`embed`](super::embed), or if there is no code for the target here.
pub fn object(
    model: &Checkpoint,
    settings: &Settings,
    target: Target,
    (name, with_weights): (&str, bool),
) -> Result<Object, EmbedError> {
    let settings = &Settings {
        block: 1,
        straight: Vec::new(),
        ..settings.clone()
    };
    let mut maker = Maker::new(target)?;
    let (plan, contents) = planned(model, settings, ALIGN)?;
    let straight = Straight::find(&plan, &contents, settings)?;
    let entries = Entries::new(&plan, 1, &straight);
    let image = Image::new(&plan, &contents, entries.shared(), ALIGN)?;

    let kernels = entries.specs().iter().map(|spec| maker.kernel(spec));
    let kernels: BTreeMap<String, FuncId> = kernels.collect::<Result<_, _>>()?;
    let mut calls = entries.body().iter().chain(entries.head());
    let selects = calls.any(|stage| stage.calls().iter().any(|c| matches!(c, Call::TopK(_))));
    let at = At {
        plan: &plan,
        image: &image,
        kernels: &kernels,
        top_k: selects.then(|| maker.top_k()).transpose()?,
    };
    maker.entry(&format!("{name}_body"), entries.body(), &at)?;
    maker.entry(&format!("{name}_head"), entries.head(), &at)?;
    if with_weights {
        maker.weights(&format!("{name}_weights"), &image.bytes)?;
    }
    let door = super::door(&plan, model, &image, 1);
    Ok(Object {
        bytes: maker.finish()?,
        header: door.header(name, target, &image.bytes, with_weights),
        memory_bytes: door.memory_bytes(),
        weights: image.bytes,
    })
}

/// Collects functions.
struct Maker {
    module: ObjectModule,
    isa: Isa,
    frontend: FunctionBuilderContext,
}

fn failed(source: ModuleError) -> EmbedError {
    EmbedError::Object(Box::new(source))
}

impl Maker {
    fn new(target: Target) -> Result<Maker, EmbedError> {
        let machine = clif::isa(target).map_err(EmbedError::Machine)?;
        let isa = target
            .isa()
            .unwrap_or_else(atome_kernels::dispatch::best_isa);
        let builder = ObjectBuilder::new(machine, "atome", default_libcall_names());
        Ok(Maker {
            module: ObjectModule::new(builder.map_err(failed)?),
            isa,
            frontend: FunctionBuilderContext::new(),
        })
    }

    /// Whether kernels have vectors as wide as the target's, by the emitter whose calling convention is System V's.
    fn is_wide(&self) -> bool {
        x86::serves(self.isa) && self.module.isa().default_call_conv() == CallConv::SystemV
    }

    /// A kernel, and its name.
    fn kernel(&mut self, spec: &KernelSpec) -> Result<(String, FuncId), EmbedError> {
        let schedule = match self.is_wide() {
            true => schedule::select(spec, self.isa),
            false => schedule::select_narrow(spec, self.isa),
        };
        let function = compile(spec, &schedule)?;
        let signature = clif::signature(&function, self.module.isa());
        let declared = self
            .module
            .declare_function(&function.name, Linkage::Local, &signature);
        let id = declared.map_err(failed)?;
        let defined = if self.is_wide() {
            let code = x86::machine_code(&function, self.isa).map_err(EmbedError::Wide)?;
            self.module
                .define_function_bytes(id, x86::ALIGN, &code, &[])
        } else {
            let code = clif::emit(&function, self.module.isa()).map_err(EmbedError::Machine)?;
            self.module
                .define_function(id, &mut Context::for_function(code))
        };
        defined.map_err(failed)?;
        Ok((spec.symbol(), id))
    }

    fn signature(&self, params: &[Type]) -> Signature {
        let mut signature = Signature::new(self.module.isa().default_call_conv());
        let params = params.iter().map(|ty| AbiParam::new(*ty));
        signature.params.extend(params);
        signature
    }

    /// Defines a function whose body `build` writes.
    fn define(
        &mut self,
        name: &str,
        linkage: Linkage,
        signature: Signature,
        build: impl FnOnce(&mut FunctionBuilder<'_>, &[Value], &mut ObjectModule),
    ) -> Result<FuncId, EmbedError> {
        let declared = self.module.declare_function(name, linkage, &signature);
        let id = declared.map_err(failed)?;
        let mut context = self.module.make_context();
        context.func.signature = signature;
        context.func.name = UserFuncName::user(0, id.as_u32());
        let mut builder = FunctionBuilder::new(&mut context.func, &mut self.frontend);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let params = builder.block_params(entry).to_vec();
        build(&mut builder, &params, &mut self.module);
        builder.seal_all_blocks();
        let config = self.module.isa().frontend_config();
        builder.finalize(config);
        let defined = self.module.define_function(id, &mut context);
        defined.map_err(failed)?;
        Ok(id)
    }

    /// The calls of an entry: of weights, memory, and the place of the token in the cache, its slot, the positions in it,
    /// and the oldest.
    fn entry(&mut self, name: &str, stages: &[Stage], at: &At<'_>) -> Result<(), EmbedError> {
        let signature = self.signature(&[I64; 5]);
        let calls = stages.iter().flat_map(Stage::calls);
        let build =
            |builder: &mut FunctionBuilder<'_>, params: &[Value], module: &mut ObjectModule| {
                for call in calls {
                    at.call(builder, params, module, call);
                }
                builder.ins().return_(&[]);
            };
        self.define(name, Linkage::Export, signature, build)?;
        Ok(())
    }

    /// The selection of the best scores: of scores, how many, the oldest, `k`, the chosen slots and their scores.
    fn top_k(&mut self) -> Result<FuncId, EmbedError> {
        let signature = self.signature(&[I64; 6]);
        self.define("top_k", Linkage::Local, signature, |b, params, _| {
            top_k::top_k(b, params);
        })
    }

    fn weights(&mut self, name: &str, bytes: &[u8]) -> Result<(), EmbedError> {
        let declared = self
            .module
            .declare_data(name, Linkage::Export, false, false);
        let id = declared.map_err(failed)?;
        let mut data = DataDescription::new();
        data.define(bytes.into());
        data.set_align(ALIGN as u64);
        self.module.define_data(id, &data).map_err(failed)
    }

    fn finish(self) -> Result<Vec<u8>, EmbedError> {
        let written = self.module.finish().emit();
        written.map_err(|cause| EmbedError::Write(cause.to_string()))
    }
}
