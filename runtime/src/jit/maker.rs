//! Who makes machine code here, and how kernels are laid out for it.

use super::{CodeBuilder, JitError};
use atome_codegen::emit::{clif, x86};
use atome_codegen::ir::Function;
use atome_codegen::{CodegenError, KernelSpec, Schedule, compile, schedule};
use atome_kernels::dispatch;
use atome_spec::{Isa, Target, Tier};
use std::fmt;

/// Who makes machine code of functions of the IR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Cranelift, in vectors of 128 bits, for an instruction set whose dot products it finds.
    Narrow(Target, Isa),
    /// The emitter of AVX2 and AVX-512, in vectors of 256 or 512 bits.
    Wide(Isa),
}

impl Maker {
    /// The one for a tier on this machine: the wide one where it serves the tier.
    ///
    /// ```
    /// use atome::jit::Maker;
    /// use atome_kernels::dispatch;
    ///
    /// let maker = Maker::of(dispatch::detect());
    /// assert!(maker.vector_bits() >= 128);
    /// ```
    pub fn of(tier: Tier) -> Maker {
        let isa = dispatch::best_isa_of(tier);
        match Maker::is_wide(isa) {
            true => Maker::Wide(isa),
            false => Maker::narrow(tier),
        }
    }

    /// Cranelift, for a tier.
    pub fn narrow(tier: Tier) -> Maker {
        Maker::Narrow(target(tier), dispatch::best_isa_of(tier))
    }

    /// Whether functions become code of 256 or 512 bits for an instruction set here: on x86-64 where C
    /// functions have the System V calling convention.
    pub const fn is_wide(isa: Isa) -> bool {
        cfg!(all(target_arch = "x86_64", not(windows))) && x86::serves(isa)
    }

    /// Width of the vectors of its code.
    pub const fn vector_bits(self) -> usize {
        match self {
            Maker::Narrow(..) => 128,
            Maker::Wide(isa) => isa.vector_bits(),
        }
    }

    /// The instruction set whose schedules suit its code.
    pub fn isa(self) -> Isa {
        match self {
            Maker::Narrow(_, isa) => isa.in_128_bits(),
            Maker::Wide(isa) => isa,
        }
    }

    /// How a kernel is laid out, if nothing else was measured to be faster.
    pub fn schedule(self, spec: &KernelSpec) -> Schedule {
        match self {
            Maker::Narrow(_, isa) => schedule::select_narrow(spec, isa),
            Maker::Wide(isa) => schedule::select(spec, isa),
        }
    }

    /// The function of a specification, laid out so.
    ///
    /// # Errors
    /// If no kernel can be made from the specification.
    pub fn function(self, spec: &KernelSpec) -> Result<Function, CodegenError> {
        compile(spec, &self.schedule(spec))
    }

    /// An empty module whose code may call the functions at `symbols`, by name.
    ///
    /// # Errors
    /// As [`CodeBuilder::new`] and [`CodeBuilder::use_wide`].
    ///
    /// # Safety
    /// As [`CodeBuilder::new`].
    pub unsafe fn module(self, symbols: &[(&str, *const u8)]) -> Result<CodeBuilder, JitError> {
        // What calls wide kernels is Cranelift's, of the same tier.
        let target = match self {
            Maker::Narrow(target, _) => target,
            Maker::Wide(isa) => target(isa.tier()),
        };
        // SAFETY: the caller's promise, passed on.
        let mut builder = unsafe { CodeBuilder::new(clif::isa(target)?, symbols) }?;
        if let Maker::Wide(isa) = self {
            builder.use_wide(isa)?;
        }
        Ok(builder)
    }
}

/// The machine that Cranelift makes code for on a tier.
const fn target(tier: Tier) -> Target {
    match tier {
        Tier::X86_64V2 => Target::X86_64V2,
        Tier::X86_64V3 => Target::X86_64V3,
        Tier::X86_64V4 => Target::X86_64V4,
        Tier::Portable | Tier::Neon | Tier::Wasm => Target::Native,
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Maker::Narrow(target, _) => write!(f, "{target} in 128 bits"),
            Maker::Wide(isa) => write!(f, "{isa} in {} bits", isa.vector_bits()),
        }
    }
}
