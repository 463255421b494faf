//! Functions compiled by the JIT and called with any number of arguments.

use atome::jit::{Body, Code, CodeBuilder, FuncId, JitError};
use atome_codegen::emit::clif;
use atome_codegen::ir::Function;
use atome_spec::Target;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, types};

/// A compiled function.
pub struct Compiled {
    code: Code,
    entry: FuncId,
    integers: usize,
    floats: usize,
}

impl Compiled {
    /// Compiles `function` for `target`.
    ///
    /// # Errors
    /// If this machine cannot run the target's code, or the JIT fails.
    pub fn new(function: &Function, target: Target) -> Result<Compiled, JitError> {
        let isa = clif::isa(target)?;
        // SAFETY: there are no symbols.
        let mut builder = unsafe { CodeBuilder::new(isa, &[]) }?;
        let kernel = builder.define(function)?;
        let (integers, floats) = (
            function.buffers.len() + function.dims.len(),
            function.scalars.len(),
        );
        let mut signature = builder.signature();
        signature.params = vec![AbiParam::new(types::I64); 2];
        let entry = builder.define_clif("call", signature, |body| {
            let mut args = arguments(body, 0, types::I64, integers);
            args.extend(arguments(body, 1, types::F32, floats));
            body.call(kernel, &args);
            body.builder.ins().return_(&[]);
        })?;
        Ok(Compiled {
            code: builder.finish()?,
            entry,
            integers,
            floats,
        })
    }

    /// Calls the function.
    ///
    /// # Panics
    /// If the number of arguments is not the function's.
    ///
    /// # Safety
    /// The addresses are those of buffers as long as the function's parameters say, apart
    /// from each other, writable where the function writes.
    pub unsafe fn call(&self, addresses: &[*mut u8], dims: &[u64], scalars: &[f32]) {
        let addresses = addresses.iter().map(|a| a.expose_provenance() as u64);
        let integers: Vec<u64> = addresses.chain(dims.iter().copied()).collect();
        assert_eq!(
            (integers.len(), scalars.len()),
            (self.integers, self.floats)
        );
        // SAFETY: `entry` was compiled with this signature, and `self.code` keeps it.
        let call: unsafe extern "C" fn(*const u64, *const f32) =
            unsafe { std::mem::transmute(self.code.entry(self.entry)) };
        // SAFETY: there are as many arguments as the code reads; the caller vouches for them.
        unsafe { call(integers.as_ptr(), scalars.as_ptr()) };
    }
}

/// Loads `count` arguments from the array that parameter `param` points to.
fn arguments(
    body: &mut Body<'_>,
    param: usize,
    ty: cranelift_codegen::ir::Type,
    count: usize,
) -> Vec<cranelift_codegen::ir::Value> {
    let array = body.param(param);
    let at = |i: usize| i32::try_from(i * ty.bytes() as usize).expect("few arguments");
    (0..count)
        .map(|i| {
            body.builder
                .ins()
                .load(ty, MemFlagsData::trusted(), array, at(i))
        })
        .collect()
}

/// The targets whose code this machine runs. Those it does not are named on stderr.
pub fn runnable_targets() -> Vec<Target> {
    let mut targets = vec![Target::Native];
    let named = [
        Target::X86_64V2,
        Target::X86_64V3,
        Target::X86_64V4,
        Target::Aarch64,
        Target::CortexA76,
    ];
    for target in named {
        let isa = clif::isa(target).expect("both back ends are built in");
        // SAFETY: there are no symbols.
        match unsafe { CodeBuilder::new(isa, &[]) } {
            Ok(_) => targets.push(target),
            Err(error) => eprintln!("skipped {target}: {error}"),
        }
    }
    targets
}
