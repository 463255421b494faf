use super::{Body, CodeBuilder, FuncId, JitError};
use atome_codegen::emit::clif;
use atome_codegen::ir::{Access, Address, Builder, Elem, Function, Lanes};
use atome_spec::Target;
use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, InstBuilder, UserExternalName, types,
};
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
#[cfg(target_os = "linux")]
use std::error::Error;

/// Doubles `n` numbers.
fn double() -> Function {
    let mut b = Builder::new("double");
    let n = b.dim("n");
    let x = b.buffer("x", Access::InOut, Elem::F32, n.clone());
    b.for_loop(n, &[], |b, i, _| {
        let at = Address::of(&[(i, 1.into())]);
        let v = b.load(x, at.clone());
        let twice = b.add(v, v);
        b.store(x, at, twice, Lanes::All);
        vec![]
    });
    b.finish()
}

/// Adds one to `n` numbers: compiled ahead of time, as far as these tests go.
unsafe extern "C" fn increment(x: *mut f32, n: u64) {
    for i in 0..n as usize {
        // SAFETY: the caller gives `n` numbers.
        unsafe { *x.add(i) += 1.0 };
    }
}

fn builder(symbols: &[(&str, *const u8)]) -> Result<CodeBuilder, JitError> {
    let isa = clif::isa(Target::Native)?;
    // SAFETY: `increment` is a C function of this program.
    unsafe { CodeBuilder::new(isa, symbols) }
}

#[test]
fn kernels_of_both_kinds_are_called_in_order() -> Result<(), JitError> {
    let mut builder = builder(&[("increment", increment as *const u8)])?;
    let kernel = builder.define(&double())?;
    let import = builder.declare_import("increment", &double())?;
    let mut signature = builder.signature();
    signature.params = vec![AbiParam::new(types::I64)];
    let step = builder.define_clif("step", signature, |body: &mut Body<'_>| {
        let x = body.param(0);
        let n = body.builder.ins().iconst(types::I64, 3);
        for callee in [kernel, import, kernel] {
            body.call(callee, &[x, n]);
        }
        body.builder.ins().return_(&[]);
    })?;
    let code = builder.finish()?;
    assert!(code.code_bytes() > 0);
    // SAFETY: `step` was defined with this signature, and `code` lives to the end.
    let step: unsafe extern "C" fn(*mut f32) = unsafe { std::mem::transmute(code.entry(step)) };
    let mut x = [0.0, 1.0, -0.5, 9.0];
    // SAFETY: the kernels touch three numbers.
    unsafe { step(x.as_mut_ptr()) };
    assert_eq!(x, [2.0, 6.0, 0.0, 9.0]);
    Ok(())
}

#[test]
fn what_cannot_be_compiled_is_refused() -> Result<(), JitError> {
    let mut builder = builder(&[])?;
    assert!(matches!(
        builder.declare_import("increment", &double()),
        Err(JitError::UnknownSymbol { name }) if name == "increment"
    ));
    let first = builder.define(&double())?;
    let again = builder.define(&double());
    assert!(matches!(again, Err(JitError::Taken { name }) if name == "double"));
    let mut invalid = double();
    invalid.name.clear();
    let refused = builder.define(&invalid);
    assert!(matches!(
        refused,
        Err(JitError::Emit(clif::EmitError::Invalid(_)))
    ));
    // What was defined before is still there.
    assert!(!builder.finish()?.entry(first).is_null());
    Ok(())
}

#[test]
fn code_for_another_machine_is_refused() -> Result<(), JitError> {
    let foreign = match cfg!(target_arch = "x86_64") {
        true => Target::CortexA76,
        false => Target::X86_64V2,
    };
    let Ok(isa) = clif::isa(foreign) else {
        eprintln!("skipped: no back end for {foreign}; other crates' tests enable it");
        return Ok(());
    };
    // SAFETY: there are no symbols.
    let builder = unsafe { CodeBuilder::new(isa, &[]) };
    assert!(matches!(builder, Err(JitError::ForeignMachine { .. })));
    Ok(())
}

#[test]
fn settings_that_the_jit_does_not_serve_are_refused() -> Result<(), JitError> {
    let native = clif::isa(Target::Native)?;
    for setting in ["is_pic", "use_colocated_libcalls"] {
        let mut flags = settings::builder();
        flags.enable(setting).expect("a setting");
        let isa = isa::lookup(native.triple().clone()).expect("the host's");
        let isa = isa.finish(settings::Flags::new(flags)).expect("settings");
        // SAFETY: there are no symbols.
        let builder = unsafe { CodeBuilder::new(isa, &[]) };
        assert!(matches!(builder, Err(JitError::Setting { setting: s }) if s == setting));
    }
    Ok(())
}

#[test]
fn a_function_belongs_to_one_module() -> Result<(), JitError> {
    let mut one = builder(&[("increment", increment as *const u8)])?;
    let import = one.declare_import("increment", &double())?;
    let first = one.define(&double())?;
    let mut other = builder(&[])?;
    let second = other.define(&double())?;
    let signature = other.signature();
    let call = other.define_clif("call", signature.clone(), |body| {
        body.call(first, &[]);
        body.builder.ins().return_(&[]);
    });
    assert!(matches!(call, Err(JitError::ForeignFunction { name }) if name == "call"));
    let address = other.define_clif("address", signature, |body| {
        body.address(first);
        body.builder.ins().return_(&[]);
    });
    assert!(matches!(address, Err(JitError::ForeignFunction { name }) if name == "address"));
    let (one, other) = (one.finish()?, other.finish()?);
    assert!(!one.entry(first).is_null() && !other.entry(second).is_null());
    assert!(one.entry(second).is_null() && other.entry(first).is_null());
    // An import is defined elsewhere.
    assert!(one.entry(import).is_null());
    Ok(())
}

/// What a body may not be, with the error that says so; the module goes on without it.
#[test]
fn bodies_that_are_no_functions_are_refused() -> Result<(), JitError> {
    let mut builder = builder(&[])?;
    let kernel = builder.define(&double())?;
    let signature = builder.signature();
    let open = builder.define_clif("open", signature.clone(), |_| {});
    assert!(matches!(open, Err(JitError::OpenBlock { name, .. }) if name == "open"));
    let few = builder.define_clif("few", signature.clone(), |body| {
        body.call(kernel, &[]);
        body.builder.ins().return_(&[]);
    });
    assert!(matches!(few, Err(JitError::Clif { name, .. }) if name == "few"));
    let unknown = builder.define_clif("unknown", signature.clone(), |body| {
        let signature = body.builder.import_signature(signature.clone());
        let name = body
            .builder
            .func
            .declare_imported_user_function(UserExternalName::new(0, 99));
        let callee = body.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: false,
            patchable: false,
        });
        body.builder.ins().call(callee, &[]);
        body.builder.ins().return_(&[]);
    });
    assert!(matches!(unknown, Err(JitError::ForeignFunction { name }) if name == "unknown"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        builder.define_clif("panics", signature.clone(), |body| {
            body.builder.create_block();
            std::panic::resume_unwind(Box::new("no message"));
        })
    }));
    assert!(panicked.is_err());
    let right = builder.define_clif("open", signature, |body| {
        body.builder.ins().return_(&[]);
    })?;
    let code = builder.finish()?;
    assert!(!code.entry(right).is_null() && !code.entry(kernel).is_null());
    Ok(())
}

#[test]
fn a_name_is_imported_or_defined() -> Result<(), JitError> {
    let symbols = [
        ("double", increment as *const u8),
        ("step", increment as *const u8),
    ];
    let mut builder = builder(&symbols)?;
    let taken = |result: Result<FuncId, JitError>| matches!(result, Err(JitError::Taken { .. }));
    builder.declare_import("double", &double())?;
    assert!(taken(builder.define(&double())));
    // Again is no second import; with another signature it is refused.
    let step = builder.declare_symbol("step", &[types::I64])?;
    assert_eq!(builder.declare_symbol("step", &[types::I64])?, step);
    let other = builder.declare_symbol("step", &[types::F32]);
    assert!(matches!(other, Err(JitError::Function { name, .. }) if name == "step"));
    builder.finish().map(drop)
}

/// The permissions of each of this process's mappings.
#[cfg(target_os = "linux")]
fn mappings() -> std::io::Result<Vec<(std::ops::Range<usize>, String)>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let parse = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let bound = |text| usize::from_str_radix(text, 16).ok();
        Some((bound(start)?..bound(end)?, rest.get(..4)?.to_owned()))
    };
    Ok(maps.lines().filter_map(parse).collect())
}

#[test]
#[cfg(target_os = "linux")]
fn code_is_executable_never_writable_and_freed_by_its_owner() -> Result<(), Box<dyn Error>> {
    const MODULES: usize = 200;
    let executable = || {
        let found = mappings()?;
        Ok::<_, std::io::Error>(found.iter().filter(|(_, p)| p.contains('x')).count())
    };
    let before = executable()?;
    for _ in 0..MODULES {
        let mut builder = builder(&[])?;
        let id = builder.define(&double())?;
        let code = builder.finish()?;
        let address = code.entry(id).addr();
        let found = mappings()?;
        let own = found.iter().find(|(range, _)| range.contains(&address));
        assert_eq!(own.map(|(_, permissions)| &permissions[..]), Some("r-xp"));
    }
    // Other tests run meanwhile and have modules of their own, but not so many.
    assert!(executable()? < before + MODULES / 2);
    Ok(())
}
