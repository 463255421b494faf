use crate::Isa;
use crate::name::named;

/// Something a CPU has or lacks, as rustc names it.
///
/// [`Isa::features`] says which ones the code for an instruction set may use. Detection asks for
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
    Avx512f,
    Avx512bw,
    Avx512cd,
    Avx512dq,
    Avx512vl,
    Avx512vbmi,
    Avx512vnni,
    Neon,
    Dotprod,
}

named!(Feature, "CPU feature", {
    Sse3 => "sse3", Ssse3 => "ssse3", Sse41 => "sse4.1", Sse42 => "sse4.2", Popcnt => "popcnt",
    Avx => "avx", Avx2 => "avx2", Bmi1 => "bmi1", Bmi2 => "bmi2", Lzcnt => "lzcnt",
    Fma => "fma", F16c => "f16c", Avx512f => "avx512f", Avx512bw => "avx512bw",
    Avx512cd => "avx512cd", Avx512dq => "avx512dq", Avx512vl => "avx512vl",
    Avx512vbmi => "avx512vbmi", Avx512vnni => "avx512vnni",
    Neon => "neon", Dotprod => "dotprod",
});

use Feature::*;

impl Isa {
    /// The instruction set whose features this one has too.
    pub const fn extends(self) -> Option<Isa> {
        match self {
            Isa::Portable | Isa::Neon | Isa::Sse41 => None,
            Isa::Dotprod => Some(Isa::Neon),
            Isa::Avx2 => Some(Isa::Sse41),
            Isa::Avx512 => Some(Isa::Avx2),
            Isa::Avx512Vnni => Some(Isa::Avx512),
        }
    }

    /// The features it has beyond those of [`Isa::extends`].
    ///
    /// rustc's `avx512f` implies `fma` and `f16c`; machine code made at load counts bits where
    /// there are `bmi1`, `bmi2` and `lzcnt`.
    pub const fn adds(self) -> &'static [Feature] {
        match self {
            Isa::Portable => &[],
            Isa::Neon => &[Neon],
            Isa::Dotprod => &[Dotprod],
            Isa::Sse41 => &[Sse3, Ssse3, Sse41, Sse42, Popcnt],
            Isa::Avx2 => &[Avx, Avx2, Bmi1, Bmi2, Lzcnt],
            Isa::Avx512 => &[Fma, F16c, Avx512f, Avx512bw, Avx512cd, Avx512dq, Avx512vl],
            Isa::Avx512Vnni => &[Avx512vbmi, Avx512vnni],
        }
    }

    /// All that a CPU must have to run code for it, ahead of time or made at load.
    pub fn features(self) -> impl Iterator<Item = Feature> {
        let lineage = core::iter::successors(Some(self), |isa| isa.extends());
        lineage.flat_map(|isa| isa.adds().iter().copied())
    }
}
