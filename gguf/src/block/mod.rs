//! Types of elements that are read, and what is in their blocks.
//!
//! The bytes are drawn in `docs/formats.md`. A row of a tensor has whole blocks; a block has consecutive weights.

mod float;
mod ternary;

pub use ternary::{NotATrit, Ternary};

use crate::TypeId;

/// How the weights of a tensor that is read are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// f32.
    F32,
    /// f16.
    F16,
    /// The upper halves of f32.
    Bf16,
    /// Blocks of 32: an f16 scale and int8.
    Q8_0,
    /// Blocks of 256: numbers of 6 bits, an int8 scale for 16, an f16 scale of these.
    Q6K,
    /// Trits, an f16 scale a block.
    Ternary(Ternary),
}

impl Layout {
    /// The types that are read, for messages.
    pub(crate) const NAMES: &'static str =
        "F32, F16, BF16, Q8_0, Q6_K, TQ1_0, TQ2_0, Q2_0, PQ2_0, PTQ1_0";

    /// Every layout.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q8_0,
        Self::Q6K,
        Self::Ternary(Ternary::Tq1_0),
        Self::Ternary(Ternary::Tq2_0),
        Self::Ternary(Ternary::Q2_0G64),
        Self::Ternary(Ternary::Q2_0G128),
        Self::Ternary(Ternary::Pq2_0),
        Self::Ternary(Ternary::Ptq1_0),
    ];

    /// The number that stands for it in files.
    #[must_use]
    pub const fn type_id(self) -> TypeId {
        match self {
            Self::F32 => TypeId::F32,
            Self::F16 => TypeId::F16,
            Self::Bf16 => TypeId::BF16,
            Self::Q8_0 => TypeId::Q8_0,
            Self::Q6K => TypeId::Q6_K,
            Self::Ternary(ternary) => ternary.type_id(),
        }
    }

    /// Its name; the two layouts of one type have their group in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q6K => "Q6_K",
            Self::Ternary(ternary) => ternary.name(),
        }
    }

    /// Weights of a block.
    #[must_use]
    pub const fn weights(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q8_0 => 32,
            Self::Q6K => 256,
            Self::Ternary(ternary) => ternary.group(),
        }
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q8_0 => 34,
            Self::Q6K => 210,
            Self::Ternary(ternary) => ternary.bytes(),
        }
    }

    /// The layout that a type has in every file.
    pub(crate) fn of(id: TypeId) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|layout| layout.type_id() == id && id.block().is_some())
    }

    /// Writes the weights of whole blocks. Code 3 of a type of 2 bits is twice the scale here, as the types' authors have it.
    ///
    /// # Panics
    /// If `bytes` are not whole blocks, or `weights` not as many as they hold.
    pub fn dequantize_into(self, bytes: &[u8], weights: &mut [f32]) {
        let blocks = bytes.len() / self.bytes();
        assert_eq!(bytes.len(), blocks * self.bytes(), "whole blocks");
        assert_eq!(
            weights.len(),
            blocks * self.weights(),
            "room for the weights"
        );
        match self {
            Self::F32 => float::f32(bytes, weights),
            Self::F16 => float::f16(bytes, weights),
            Self::Bf16 => float::bf16(bytes, weights),
            Self::Q8_0 => float::q8_0(bytes, weights),
            Self::Q6K => float::q6_k(bytes, weights),
            Self::Ternary(ternary) => ternary.dequantize_into(bytes, weights),
        }
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The f16 at the start of `bytes`.
fn half(bytes: &[u8]) -> f32 {
    let word = *bytes.first_chunk().expect("two bytes");
    half::f16::from_le_bytes(word).to_f32()
}
