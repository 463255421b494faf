use super::EmitError;
use atome_spec::{Feature, Isa, Target};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};
use target_lexicon::{Architecture, Triple, triple};

/// What a Cortex-A76 has beyond its instruction set.
const CORTEX_A76: &[&str] = &["has_lse", "has_fp16"];
/// What RV64GCV has beyond Cranelift's baseline, RV64G.
const RISCV64GCV: &[&str] = &["has_c", "has_zca", "has_zcd", "has_v"];

/// The instruction set of a target, with the settings all our code is compiled with.
///
/// A named target gets exactly its features, whatever this machine has;
/// [`Target::Native`] gets what Cranelift detects.
///
/// # Errors
/// For [`Target::Interp`], and if Cranelift does not know this machine.
pub fn isa(target: Target) -> Result<OwnedTargetIsa, EmitError> {
    with(target, None)
}

/// [`isa()`] of a machine of the target's class that has an extension too.
///
/// # Errors
/// As [`isa()`], and if the extension is of another architecture.
pub fn isa_with(target: Target, extension: Isa) -> Result<OwnedTargetIsa, EmitError> {
    with(target, extension.is_extension().then_some(extension))
}

fn with(target: Target, extension: Option<Isa>) -> Result<OwnedTargetIsa, EmitError> {
    let (triple, more): (Triple, &[&str]) = match target {
        Target::X86_64V2 | Target::X86_64V3 | Target::X86_64V4 => (x86_64(), &[]),
        Target::CortexA76 => (aarch64(), CORTEX_A76),
        Target::Aarch64 => (aarch64(), &[]),
        Target::Riscv64Gcv => (riscv64(), RISCV64GCV),
        Target::Native => return native(),
        Target::Interp => return Err(EmitError::NoBackend { target }),
    };
    let mut builder =
        isa::lookup(triple).map_err(|source| EmitError::MissingBackend { target, source })?;
    let features = target.isa().into_iter().chain(extension);
    let flags = features
        .flat_map(Isa::features)
        .filter_map(Feature::cranelift);
    for flag in flags.chain(more.iter().copied()) {
        builder.enable(flag)?;
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
    // Scratch memory may be larger than the page that guards a stack.
    builder.set("enable_probestack", "true")?;
    builder.set("probestack_strategy", "inline")?;
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

/// The host's operating system if it is a RISC-V 64, Linux if not.
fn riscv64() -> Triple {
    match Triple::host() {
        host if matches!(host.architecture, Architecture::Riscv64(_)) => host,
        _ => triple!("riscv64gc-unknown-linux-gnu"),
    }
}
