use super::{Body, Code, JitError, Maker};
use atome_codegen::ir::Function;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Type, Value, types};

/// One function in a module of its own, called with any number of arguments.
pub struct Compiled {
    /// Integers and scalars, as many as there are.
    call: unsafe extern "C" fn(*const u64, *const f32),
    /// What has the machine code.
    _code: Code,
    integers: usize,
    floats: usize,
}

impl Compiled {
    /// Compiles `function`.
    ///
    /// # Errors
    /// If this machine cannot run the maker's code, or the JIT fails.
    pub fn new(function: &Function, maker: Maker) -> Result<Compiled, JitError> {
        // SAFETY: there are no symbols.
        let mut builder = unsafe { maker.module(&[]) }?;
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
        let code = builder.finish()?;
        // SAFETY: `entry` was compiled with this signature, and is in the code that is kept beside its address.
        let call = unsafe {
            std::mem::transmute::<*const u8, unsafe extern "C" fn(*const u64, *const f32)>(
                code.entry(entry),
            )
        };
        Ok(Compiled {
            call,
            _code: code,
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
        // SAFETY: the caller's promise, passed on.
        unsafe { self.call_at(&integers, scalars) }
    }

    /// [`Compiled::call`] with addresses whose provenance was exposed, followed by dimensions. It does not
    /// allocate.
    ///
    /// # Panics
    /// If the number of arguments is not the function's.
    ///
    /// # Safety
    /// As [`Compiled::call`].
    pub unsafe fn call_at(&self, integers: &[u64], scalars: &[f32]) {
        assert_eq!(
            (integers.len(), scalars.len()),
            (self.integers, self.floats)
        );
        // SAFETY: there are as many arguments as the code reads; the caller vouches for them.
        unsafe { (self.call)(integers.as_ptr(), scalars.as_ptr()) };
    }
}

/// Loads `count` arguments from the array that parameter `param` points to.
fn arguments(body: &mut Body<'_>, param: usize, ty: Type, count: usize) -> Vec<Value> {
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
