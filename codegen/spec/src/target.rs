use crate::Isa;
use crate::name::named;

/// The machine a kernel is generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// x86-64 with SSE4.2: vectors of 128 bits.
    X86_64V2,
    /// x86-64 with AVX2: vectors of 256 bits.
    X86_64V3,
    /// x86-64 with AVX-512 F, BW, CD, DQ, VL: vectors of 512 bits.
    X86_64V4,
    /// The machine that compiles.
    Native,
    /// Arm Cortex-A76: AArch64 with NEON and the dot-product extension.
    CortexA76,
    /// AArch64 with NEON, the architecture's baseline.
    Aarch64,
    /// RISC-V 64 with the vector extension, as the profile RVA23 has it.
    Riscv64Gcv,
    /// No machine: the interpreter, and portable Rust for any other.
    Interp,
}

named!(Target, "target", {
    X86_64V2 => "x86-64-v2", X86_64V3 => "x86-64-v3", X86_64V4 => "x86-64-v4",
    Native => "native", CortexA76 => "cortex-a76", Aarch64 => "aarch64",
    Riscv64Gcv => "riscv64gcv", Interp => "interp",
});

impl Target {
    /// The tier whose ahead-of-time kernels run on this target, portable ones where no other does; `None` for
    /// [`Target::Native`], which has to be detected.
    pub const fn tier(self) -> Option<Tier> {
        match self {
            Target::X86_64V2 => Some(Tier::X86_64V2),
            Target::X86_64V3 => Some(Tier::X86_64V3),
            Target::X86_64V4 => Some(Tier::X86_64V4),
            Target::CortexA76 | Target::Aarch64 => Some(Tier::Neon),
            Target::Riscv64Gcv | Target::Interp => Some(Tier::Portable),
            Target::Native => None,
        }
    }

    /// The instructions that every CPU of this target has; `None` for [`Target::Native`].
    pub const fn isa(self) -> Option<Isa> {
        match (self, self.tier()) {
            (Target::CortexA76, _) => Some(Isa::Dotprod),
            (_, Some(tier)) => Some(tier.baseline()),
            (_, None) => None,
        }
    }
}

/// A class of CPU that one ahead-of-time kernel is compiled for, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Plain Rust, for any CPU.
    Portable,
    /// AArch64 NEON.
    Neon,
    /// WebAssembly with SIMD128.
    Wasm,
    /// SSE4.1 in 128-bit vectors.
    X86_64V2,
    /// AVX2 in 256-bit vectors.
    X86_64V3,
    /// AVX-512 in 512-bit vectors.
    X86_64V4,
}

named!(Tier, "CPU tier", {
    Portable => "portable", Neon => "neon", Wasm => "wasm-simd128",
    X86_64V2 => "x86-64-v2", X86_64V3 => "x86-64-v3", X86_64V4 => "x86-64-v4",
});

impl Tier {
    /// The instruction set in kernel names, as rustc spells its features.
    pub const fn isa(self) -> &'static str {
        self.baseline().name()
    }

    /// Width of the tier's vector registers in bits.
    pub const fn vector_bits(self) -> usize {
        match self {
            Tier::Portable | Tier::Neon | Tier::Wasm | Tier::X86_64V2 => 128,
            Tier::X86_64V3 => 256,
            Tier::X86_64V4 => 512,
        }
    }
}
