use crate::Feature::{self, *};
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
    /// These and `usdot`.
    I8mm,
    /// WebAssembly's vectors of 128 bits.
    Simd128,
    /// These and the products of relaxed SIMD.
    RelaxedSimd,
    /// SSE4.1 in 128-bit vectors.
    Sse41,
    /// AVX2 in 256-bit vectors.
    Avx2,
    /// AVX2 with dot products in 256-bit vectors.
    AvxVnni,
    /// AVX-512 F, BW, CD, DQ, VL.
    Avx512,
    /// AVX-512 with VNNI's dot products.
    Avx512Vnni,
    /// These with VBMI's byte permutations too.
    Avx512Vbmi,
}

named!(Isa, "instruction set", {
    Portable => "portable", Neon => "neon", Dotprod => "dotprod", I8mm => "i8mm",
    Simd128 => "simd128", RelaxedSimd => "relaxed-simd", Sse41 => "sse4.1", Avx2 => "avx2",
    AvxVnni => "avxvnni", Avx512 => "avx512f", Avx512Vnni => "avx512vnni", Avx512Vbmi => "avx512vbmi",
});

/// What there is to know of an instruction set, but for its name.
struct Row {
    tier: Tier,
    /// The one whose features it has too.
    extends: Option<Isa>,
    /// The features that it has beyond those.
    adds: &'static [Feature],
    /// Features by which rustc turns on all that its code uses.
    enables: &'static [Feature],
    /// Vector registers; of other machines as few as are usual.
    registers: usize,
    /// Whether an instruction adds four products of bytes to an i32.
    has_dot: bool,
    /// Whether it multiplies unsigned bytes, up to 255, by signed ones.
    has_unsigned_dot: bool,
    /// Whether an instruction looks bytes up among 128.
    has_byte_table: bool,
    /// What an assembler has to be told to take its code; nothing where it takes all, or there is none.
    arch: Option<&'static str>,
}

impl Isa {
    /// The table. rustc's `avx512f` implies `fma` and `f16c`; machine code made at load counts
    /// bits where there are `bmi1`, `bmi2` and `lzcnt`.
    const fn row(self) -> Row {
        match self {
            Isa::Portable => Row {
                tier: Tier::Portable,
                extends: None,
                adds: &[],
                enables: &[],
                registers: 16,
                has_dot: false,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: None,
            },
            Isa::Neon => Row {
                tier: Tier::Neon,
                extends: None,
                adds: &[Neon],
                enables: &[Neon],
                registers: 32,
                has_dot: false,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: Some("armv8-a"),
            },
            Isa::Dotprod => Row {
                tier: Tier::Neon,
                extends: Some(Isa::Neon),
                adds: &[Dotprod],
                enables: &[Neon, Dotprod],
                registers: 32,
                has_dot: true,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: Some("armv8.2-a+fp16+dotprod"),
            },
            Isa::I8mm => Row {
                tier: Tier::Neon,
                extends: Some(Isa::Dotprod),
                adds: &[I8mm],
                enables: &[Neon, Dotprod, I8mm],
                registers: 32,
                has_dot: true,
                has_unsigned_dot: true,
                has_byte_table: false,
                arch: Some("armv8.2-a+fp16+dotprod+i8mm"),
            },
            // Its registers are those of the machine that an engine compiles for.
            Isa::Simd128 => Row {
                tier: Tier::Wasm,
                extends: None,
                adds: &[Simd128],
                enables: &[Simd128],
                registers: 16,
                has_dot: false,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: None,
            },
            Isa::RelaxedSimd => Row {
                tier: Tier::Wasm,
                extends: Some(Isa::Simd128),
                adds: &[RelaxedSimd],
                enables: &[Simd128, RelaxedSimd],
                registers: 16,
                has_dot: true,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: None,
            },
            Isa::Sse41 => Row {
                tier: Tier::X86_64V2,
                extends: None,
                adds: &[Sse3, Ssse3, Sse41, Sse42, Popcnt],
                enables: &[Sse41],
                registers: 16,
                has_dot: false,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: None,
            },
            Isa::Avx2 => Row {
                tier: Tier::X86_64V3,
                extends: Some(Isa::Sse41),
                adds: &[Avx, Avx2, Bmi1, Bmi2, Lzcnt],
                enables: &[Avx2],
                registers: 16,
                has_dot: false,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: None,
            },
            Isa::AvxVnni => Row {
                tier: Tier::X86_64V3,
                extends: Some(Isa::Avx2),
                adds: &[Avxvnni],
                enables: &[Avx2, Avxvnni],
                registers: 16,
                has_dot: true,
                has_unsigned_dot: true,
                has_byte_table: false,
                arch: None,
            },
            Isa::Avx512 => Row {
                tier: Tier::X86_64V4,
                extends: Some(Isa::Avx2),
                adds: &[Fma, F16c, Avx512f, Avx512bw, Avx512cd, Avx512dq, Avx512vl],
                enables: &[Avx512f, Avx512bw, Avx512cd, Avx512dq, Avx512vl],
                registers: 32,
                has_dot: false,
                has_unsigned_dot: false,
                has_byte_table: false,
                arch: None,
            },
            Isa::Avx512Vnni => Row {
                tier: Tier::X86_64V4,
                extends: Some(Isa::Avx512),
                adds: &[Avx512vnni],
                enables: &[Avx512f, Avx512bw, Avx512cd, Avx512dq, Avx512vl, Avx512vnni],
                registers: 32,
                has_dot: true,
                has_unsigned_dot: true,
                has_byte_table: false,
                arch: None,
            },
            Isa::Avx512Vbmi => Row {
                tier: Tier::X86_64V4,
                extends: Some(Isa::Avx512Vnni),
                adds: &[Avx512vbmi],
                enables: &[
                    Avx512f, Avx512bw, Avx512cd, Avx512dq, Avx512vl, Avx512vnni, Avx512vbmi,
                ],
                registers: 32,
                has_dot: true,
                has_unsigned_dot: true,
                has_byte_table: true,
                arch: None,
            },
        }
    }

    /// The tier whose CPUs may have these instructions.
    pub const fn tier(self) -> Tier {
        self.row().tier
    }

    /// The instruction set whose features this one has too.
    pub const fn extends(self) -> Option<Isa> {
        self.row().extends
    }

    /// The features it has beyond those of [`Isa::extends`].
    pub const fn adds(self) -> &'static [Feature] {
        self.row().adds
    }

    /// All that a CPU must have to run code for it, ahead of time or made at load.
    pub fn features(self) -> impl Iterator<Item = Feature> {
        let lineage = core::iter::successors(Some(self), |isa| isa.extends());
        lineage.flat_map(|isa| isa.adds().iter().copied())
    }

    /// Features that generated Rust names in `#[target_feature]`; they imply the others that it
    /// uses.
    pub const fn enables(self) -> &'static [Feature] {
        self.row().enables
    }

    /// Width of the vector registers in bits.
    pub const fn vector_bits(self) -> usize {
        self.tier().vector_bits()
    }

    /// Vector registers; of other machines as few as are usual.
    pub const fn registers(self) -> usize {
        self.row().registers
    }

    /// The instruction set whose schedules suit code in vectors of 128 bits, as Cranelift makes it,
    /// for a machine that has this one.
    pub fn in_128_bits(self) -> Isa {
        let lineage = core::iter::successors(Some(self), |isa| isa.extends());
        let mut narrow = lineage.filter(|isa| isa.vector_bits() <= 128);
        narrow.next().unwrap_or(self)
    }

    /// Whether some CPUs of the tier lack these instructions.
    pub const fn is_extension(self) -> bool {
        self as u8 != self.tier().baseline() as u8
    }

    /// What the GNU assembler's `.arch` has to say for its code; `None` where it takes all that there is, or
    /// knows nothing of it.
    pub const fn arch(self) -> Option<&'static str> {
        self.row().arch
    }

    /// Whether there is an instruction that looks bytes up among 128.
    pub const fn has_byte_table(self) -> bool {
        self.row().has_byte_table
    }

    /// Whether there is an instruction that adds four products of bytes to an i32.
    pub const fn has_dot(self) -> bool {
        self.row().has_dot
    }

    /// Whether that instruction multiplies unsigned bytes, up to 255, by signed ones.
    pub const fn has_unsigned_dot(self) -> bool {
        self.row().has_unsigned_dot
    }
}

impl Tier {
    /// The instruction sets of the tier's kernels, the best first; the last is what every CPU
    /// of the tier has.
    pub fn isas(self) -> impl Iterator<Item = Isa> + Clone {
        let best_first = Isa::ALL.iter().rev().copied();
        best_first.filter(move |isa| isa.tier() == self)
    }

    /// What every CPU of the tier has.
    pub const fn baseline(self) -> Isa {
        match self {
            Tier::Portable => Isa::Portable,
            Tier::Neon => Isa::Neon,
            Tier::Wasm => Isa::Simd128,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_itself() {
        for &isa in Isa::ALL {
            let known = |feature: &Feature| isa.features().any(|f| f == *feature);
            assert!(isa.enables().iter().all(known), "{isa}");
            assert!(isa.in_128_bits().vector_bits() == 128, "{isa}");
            if let Some(other) = isa.extends() {
                assert!(other.features().all(|f| known(&f)), "{isa}");
                assert!(other < isa, "{isa}");
            }
        }
        for &tier in Tier::ALL {
            assert_eq!(tier.isas().last(), Some(tier.baseline()));
            assert_eq!(tier.baseline().tier(), tier);
        }
    }
}
