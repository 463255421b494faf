use crate::name::named;

/// Something a CPU has or lacks, as rustc names it.
///
/// [`Isa::features`](crate::Isa::features) says which ones the code for an instruction set may use. Detection asks for
/// exactly these, and Cranelift is told of exactly these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the feature of its name")]
pub enum Feature {
    Sse3,
    Ssse3,
    Sse41,
    Sse42,
    Popcnt,
    Avx,
    Avx2,
    Bmi1,
    Bmi2,
    Lzcnt,
    Fma,
    F16c,
    Avxvnni,
    Avx512f,
    Avx512bw,
    Avx512cd,
    Avx512dq,
    Avx512vl,
    Avx512vbmi,
    Avx512vnni,
    Neon,
    Dotprod,
    I8mm,
    Simd128,
    RelaxedSimd,
}

named!(Feature, "CPU feature", {
    Sse3 => "sse3", Ssse3 => "ssse3", Sse41 => "sse4.1", Sse42 => "sse4.2", Popcnt => "popcnt",
    Avx => "avx", Avx2 => "avx2", Bmi1 => "bmi1", Bmi2 => "bmi2", Lzcnt => "lzcnt",
    Fma => "fma", F16c => "f16c", Avxvnni => "avxvnni", Avx512f => "avx512f", Avx512bw => "avx512bw",
    Avx512cd => "avx512cd", Avx512dq => "avx512dq", Avx512vl => "avx512vl",
    Avx512vbmi => "avx512vbmi", Avx512vnni => "avx512vnni",
    Neon => "neon", Dotprod => "dotprod", I8mm => "i8mm",
    Simd128 => "simd128", RelaxedSimd => "relaxed-simd",
});

/// Where a CPU says that it has a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A bit of what `CPUID` answers, and the registers that the system must save.
    Cpuid(Cpuid, u32, Saved),
    /// A bit of `AT_HWCAP`, by which Linux tells a program.
    Hwcap(u32),
    /// A bit of `AT_HWCAP2`.
    Hwcap2(u32),
    /// Every CPU of the architecture has it.
    Architecture,
    /// The program is compiled for it: an engine without it does not load the module.
    Compiled,
}

/// A register of a leaf of `CPUID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpuid {
    /// `ecx` of leaf 1.
    Basic,
    /// `ebx` of leaf 7.
    ExtendedB,
    /// `ecx` of leaf 7.
    ExtendedC,
    /// `eax` of leaf 7, subleaf 1.
    Extended1A,
    /// `ecx` of leaf 0x8000_0001.
    Amd,
}

/// Registers that the operating system saves on a context switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Those that it always saves.
    Always,
    /// Those of 256 bits.
    Ymm,
    /// Those of 512 bits, and masks.
    Zmm,
}

impl Feature {
    /// Cranelift's setting for it, `None` if it takes it for granted or has no instructions of it;
    /// and where a CPU says that it has it.
    const fn row(self) -> (Option<&'static str>, Sign) {
        use Cpuid::{Amd, Basic, Extended1A, ExtendedB, ExtendedC};
        use Saved::{Always, Ymm, Zmm};
        const fn cpuid(leaf: Cpuid, bit: u32, saved: Saved) -> Sign {
            Sign::Cpuid(leaf, bit, saved)
        }
        match self {
            Feature::Sse3 => (Some("has_sse3"), cpuid(Basic, 0, Always)),
            Feature::Ssse3 => (Some("has_ssse3"), cpuid(Basic, 9, Always)),
            Feature::Sse41 => (Some("has_sse41"), cpuid(Basic, 19, Always)),
            Feature::Sse42 => (Some("has_sse42"), cpuid(Basic, 20, Always)),
            Feature::Popcnt => (Some("has_popcnt"), cpuid(Basic, 23, Always)),
            Feature::Avx => (Some("has_avx"), cpuid(Basic, 28, Ymm)),
            Feature::Avx2 => (Some("has_avx2"), cpuid(ExtendedB, 5, Ymm)),
            Feature::Bmi1 => (Some("has_bmi1"), cpuid(ExtendedB, 3, Always)),
            Feature::Bmi2 => (Some("has_bmi2"), cpuid(ExtendedB, 8, Always)),
            Feature::Lzcnt => (Some("has_lzcnt"), cpuid(Amd, 5, Always)),
            Feature::Fma => (Some("has_fma"), cpuid(Basic, 12, Ymm)),
            Feature::F16c => (None, cpuid(Basic, 29, Ymm)),
            Feature::Avxvnni => (Some("has_avx_vnni"), cpuid(Extended1A, 4, Ymm)),
            Feature::Avx512f => (Some("has_avx512f"), cpuid(ExtendedB, 16, Zmm)),
            Feature::Avx512bw => (None, cpuid(ExtendedB, 30, Zmm)),
            Feature::Avx512cd => (None, cpuid(ExtendedB, 28, Zmm)),
            Feature::Avx512dq => (Some("has_avx512dq"), cpuid(ExtendedB, 17, Zmm)),
            Feature::Avx512vl => (Some("has_avx512vl"), cpuid(ExtendedB, 31, Zmm)),
            Feature::Avx512vbmi => (Some("has_avx512vbmi"), cpuid(ExtendedC, 1, Zmm)),
            Feature::Avx512vnni => (Some("has_avx512vnni"), cpuid(ExtendedC, 11, Zmm)),
            Feature::Neon => (None, Sign::Architecture),
            Feature::Dotprod => (Some("has_dotprod"), Sign::Hwcap(20)),
            Feature::I8mm => (Some("has_i8mm"), Sign::Hwcap2(13)),
            Feature::Simd128 | Feature::RelaxedSimd => (None, Sign::Compiled),
        }
    }

    /// Cranelift's setting for it; `None` if it takes it for granted or has no instructions of it.
    pub const fn cranelift(self) -> Option<&'static str> {
        self.row().0
    }

    /// Where a CPU says that it has it.
    pub const fn sign(self) -> Sign {
        self.row().1
    }
}
