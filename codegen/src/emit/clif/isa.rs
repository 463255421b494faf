use super::EmitError;
use atome_spec::{Isa, Target};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};
use target_lexicon::{Architecture, Triple, triple};

const X86_64_V2: &[&str] = &[
    "has_sse3",
    "has_ssse3",
    "has_cmpxchg16b",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
];
const X86_64_V3: &[&str] = &["has_avx", "has_avx2", "has_bmi1", "has_bmi2", "has_lzcnt"];
const X86_64_V4: &[&str] = &["has_avx512f", "has_avx512dq", "has_avx512vl"];
const CORTEX_A76: &[&str] = &["has_lse", "has_fp16"];
const DOTPROD: &[&str] = &["has_dotprod"];
const AVX512_VNNI: &[&str] = &["has_avx512vbmi", "has_avx512vnni"];

/// The instruction set of a target, with the settings all our code is compiled with.
///
/// A named target gets exactly its features, whatever this machine has;
/// [`Target::Native`] gets what Cranelift detects.
///
/// # Errors
/// For [`Target::Interp`], and if Cranelift does not know this machine.
pub fn isa(target: Target) -> Result<OwnedTargetIsa, EmitError> {
    with(target, &[])
}

/// [`isa()`] of a machine of the target's class that has an extension too.
///
/// # Errors
/// As [`isa()`], and if the extension is of another architecture.
pub fn isa_with(target: Target, extension: Isa) -> Result<OwnedTargetIsa, EmitError> {
    match extension {
        Isa::Avx512Vnni => with(target, AVX512_VNNI),
        Isa::Dotprod => with(target, DOTPROD),
        _ => with(target, &[]),
    }
}

fn with(target: Target, more: &[&str]) -> Result<OwnedTargetIsa, EmitError> {
    let (triple, features): (Triple, &[&[&str]]) = match target {
        Target::X86_64V2 => (x86_64(), &[X86_64_V2]),
        Target::X86_64V3 => (x86_64(), &[X86_64_V2, X86_64_V3]),
        Target::X86_64V4 => (x86_64(), &[X86_64_V2, X86_64_V3, X86_64_V4]),
        Target::CortexA76 => (aarch64(), &[CORTEX_A76, DOTPROD]),
        Target::Aarch64 => (aarch64(), &[]),
        Target::Native => return native(),
        _ => return Err(EmitError::NoBackend { target }),
    };
    let mut builder =
        isa::lookup(triple).map_err(|source| EmitError::MissingBackend { target, source })?;
    for feature in features.iter().copied().flatten().chain(more) {
        builder.enable(feature)?;
    }
    finish(builder, target)
}

fn native() -> Result<OwnedTargetIsa, EmitError> {
    let builder =
        cranelift_native::builder().map_err(|reason| EmitError::UnknownHost { reason })?;
    finish(builder, Target::Native)
}

fn finish(builder: isa::Builder, target: Target) -> Result<OwnedTargetIsa, EmitError> {
    builder
        .finish(flags()?)
        .map_err(|source| EmitError::Settings {
            target,
            source: Box::new(source),
        })
}

/// The settings shared by every target.
fn flags() -> Result<Flags, EmitError> {
    let mut builder = settings::builder();
    // The emitter chooses the order of instructions; `speed` would stretch live ranges again
    // and spill in the unrolled loops.
    builder.set("opt_level", "none")?;
    // Kernels refer to nothing outside themselves but by absolute address.
    builder.set("is_pic", "false")?;
    builder.set("use_colocated_libcalls", "false")?;
    // Nothing unwinds through a kernel.
    builder.set("unwind_info", "false")?;
    let verify = if cfg!(debug_assertions) {
        "true"
    } else {
        "false"
    };
    builder.set("enable_verifier", verify)?;
    Ok(Flags::new(builder))
}

/// The host's operating system if it is an x86-64, Linux if not.
fn x86_64() -> Triple {
    match Triple::host() {
        host if host.architecture == Architecture::X86_64 => host,
        _ => triple!("x86_64-unknown-linux-gnu"),
    }
}

/// The host's operating system if it is an AArch64, Linux if not.
fn aarch64() -> Triple {
    match Triple::host() {
        host if matches!(host.architecture, Architecture::Aarch64(_)) => host,
        _ => triple!("aarch64-unknown-linux-gnu"),
    }
}
