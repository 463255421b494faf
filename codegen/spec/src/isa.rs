use crate::Tier;
use crate::name::named;

/// The instructions one ahead-of-time kernel is compiled for: those of a tier, or those and an
/// extension that only some CPUs of the tier have.
///
/// A tier's baseline runs every op. An extension has kernels only for the ops that gain from
/// it, and a CPU is asked for it when a kernel is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// AArch64 NEON.
    Neon,
    /// NEON and `sdot`.
    Dotprod,
    /// SSE4.1 in 128-bit vectors.
    Sse41,
    /// AVX2 in 256-bit vectors.
    Avx2,
    /// AVX-512 F, BW, CD, DQ, VL.
    Avx512,
    /// AVX-512 with VBMI's byte permutations and VNNI's dot products.
    Avx512Vnni,
}

named!(Isa, "instruction set", {
    Portable => "portable", Neon => "neon", Dotprod => "dotprod", Sse41 => "sse4.1",
    Avx2 => "avx2", Avx512 => "avx512f", Avx512Vnni => "avx512vnni",
});

impl Isa {
    /// The tier whose CPUs may have these instructions.
    pub const fn tier(self) -> Tier {
        match self {
            Isa::Portable => Tier::Portable,
            Isa::Neon | Isa::Dotprod => Tier::Neon,
            Isa::Sse41 => Tier::X86_64V2,
            Isa::Avx2 => Tier::X86_64V3,
            Isa::Avx512 | Isa::Avx512Vnni => Tier::X86_64V4,
        }
    }

    /// Width of the vector registers in bits.
    pub const fn vector_bits(self) -> usize {
        self.tier().vector_bits()
    }

    /// Vector registers; of other machines as few as are usual.
    pub const fn registers(self) -> usize {
        match self {
            Isa::Portable | Isa::Sse41 | Isa::Avx2 => 16,
            Isa::Neon | Isa::Dotprod | Isa::Avx512 | Isa::Avx512Vnni => 32,
        }
    }

    /// The instruction set whose schedules suit code in vectors of 128 bits, as Cranelift makes it,
    /// for a machine that has this one.
    pub const fn in_128_bits(self) -> Isa {
        match self {
            Isa::Avx2 | Isa::Avx512 | Isa::Avx512Vnni => Isa::Sse41,
            Isa::Portable | Isa::Neon | Isa::Dotprod | Isa::Sse41 => self,
        }
    }

    /// Whether some CPUs of the tier lack these instructions.
    pub const fn is_extension(self) -> bool {
        matches!(self, Isa::Dotprod | Isa::Avx512Vnni)
    }

    /// Whether there is an instruction that adds four products of bytes to an i32.
    pub const fn has_dot(self) -> bool {
        matches!(self, Isa::Dotprod | Isa::Avx512Vnni)
    }
}

impl Tier {
    /// The instruction sets of the tier's kernels, the best first; the last is what every CPU
    /// of the tier has.
    pub const fn isas(self) -> &'static [Isa] {
        match self {
            Tier::Portable => &[Isa::Portable],
            Tier::Neon => &[Isa::Dotprod, Isa::Neon],
            Tier::X86_64V2 => &[Isa::Sse41],
            Tier::X86_64V3 => &[Isa::Avx2],
            Tier::X86_64V4 => &[Isa::Avx512Vnni, Isa::Avx512],
        }
    }

    /// What every CPU of the tier has.
    pub const fn baseline(self) -> Isa {
        match self {
            Tier::Portable => Isa::Portable,
            Tier::Neon => Isa::Neon,
            Tier::X86_64V2 => Isa::Sse41,
            Tier::X86_64V3 => Isa::Avx2,
            Tier::X86_64V4 => Isa::Avx512,
        }
    }
}

impl From<Tier> for Isa {
    fn from(tier: Tier) -> Isa {
        tier.baseline()
    }
}
