//! Blocks of trits with one f16 scale.

use super::half as half_of;
use crate::TypeId;

/// The most weights of a block.
const MAX_GROUP: usize = 256;

/// How trits are stored, and for how many there is one scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ternary {
    /// 256 trits by five a byte in base 3, the last 16 by four: 1.69 bits a weight.
    Tq1_0,
    /// 256 trits of 2 bits: 2.06 bits a weight.
    Tq2_0,
    /// 64 trits of 2 bits: 2.25 bits a weight.
    Q2_0G64,
    /// 128 trits of 2 bits, under the same number as those of 64: 2.13 bits a weight.
    Q2_0G128,
    /// 128 trits of 2 bits: 2.13 bits a weight.
    Pq2_0,
    /// 128 trits by five a byte in base 3, the last 8 by four: 1.75 bits a weight.
    Ptq1_0,
}

/// A code that is not that of a trit: 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATrit {
    /// The weight's index among those that were decoded.
    pub index: usize,
}

/// The codes of a block, in the order of bytes: each byte's digits are so many weights apart.
enum Codes {
    /// Four codes of 2 bits a byte, for `[chunk, digit, byte]`.
    Bits { chunk_bytes: usize },
    /// Base-3 bytes: groups of so many bytes with so many digits, for `[group, digit, byte]`.
    Base3(&'static [(usize, usize)]),
}

impl Ternary {
    pub(super) const fn type_id(self) -> TypeId {
        match self {
            Self::Tq1_0 => TypeId::TQ1_0,
            Self::Tq2_0 => TypeId::TQ2_0,
            Self::Q2_0G64 | Self::Q2_0G128 => TypeId::Q2_0,
            Self::Pq2_0 => TypeId::PQ2_0,
            Self::Ptq1_0 => TypeId::PTQ1_0,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tq1_0 => "TQ1_0",
            Self::Tq2_0 => "TQ2_0",
            Self::Q2_0G64 => "Q2_0 (groups of 64)",
            Self::Q2_0G128 => "Q2_0 (groups of 128)",
            Self::Pq2_0 => "PQ2_0",
            Self::Ptq1_0 => "PTQ1_0",
        }
    }

    /// Consecutive weights of a row that have one scale: a block.
    #[must_use]
    pub const fn group(self) -> usize {
        match self {
            Self::Tq1_0 | Self::Tq2_0 => 256,
            Self::Q2_0G64 => 64,
            Self::Q2_0G128 | Self::Pq2_0 | Self::Ptq1_0 => 128,
        }
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Tq1_0 => 54,
            Self::Tq2_0 => 66,
            Self::Q2_0G64 => 18,
            Self::Q2_0G128 | Self::Pq2_0 => 34,
            Self::Ptq1_0 => 28,
        }
    }

    const fn codes(self) -> Codes {
        match self {
            Self::Tq1_0 => Codes::Base3(&[(32, 5), (16, 5), (4, 4)]),
            Self::Ptq1_0 => Codes::Base3(&[(16, 5), (8, 5), (2, 4)]),
            Self::Tq2_0 => Codes::Bits { chunk_bytes: 32 },
            Self::Q2_0G64 | Self::Q2_0G128 | Self::Pq2_0 => Codes::Bits { chunk_bytes: 1 },
        }
    }

    /// The scale of a block and the bytes of its codes.
    fn parts(self, block: &[u8]) -> (f32, &[u8]) {
        match self {
            Self::Q2_0G64 | Self::Q2_0G128 | Self::Pq2_0 => (half_of(block), &block[2..]),
            Self::Tq1_0 | Self::Tq2_0 | Self::Ptq1_0 => {
                let (codes, scale) = block.split_at(self.bytes() - 2);
                (half_of(scale), codes)
            }
        }
    }

    /// Codes less one: -1, 0, 1, and 2 for code 3.
    fn unpack(self, codes: &[u8], trits: &mut [i8]) {
        match self.codes() {
            Codes::Bits { chunk_bytes: 1 } => {
                for (byte, trits) in codes.iter().zip(trits.as_chunks_mut::<4>().0) {
                    *trits = [0, 2, 4, 6].map(|bit| (byte >> bit & 3).cast_signed() - 1);
                }
            }
            Codes::Bits { chunk_bytes } => {
                let rows = trits.chunks_exact_mut(chunk_bytes).enumerate();
                for (at, trits) in rows {
                    let (chunk, bit) = (at / 4, 2 * (at % 4));
                    let codes = &codes[chunk * chunk_bytes..];
                    for (trit, byte) in trits.iter_mut().zip(codes) {
                        *trit = (byte >> bit & 3).cast_signed() - 1;
                    }
                }
            }
            Codes::Base3(groups) => base3(groups, codes, trits),
        }
    }

    /// The scale of a block.
    ///
    /// # Panics
    /// If `block` is shorter than one.
    #[must_use]
    pub fn scale(self, block: &[u8]) -> f32 {
        self.parts(&block[..self.bytes()]).0
    }

    /// Writes whole blocks of these trits, all with one scale, which becomes the nearest f16.
    ///
    /// # Panics
    /// If `trits` are not whole blocks, or one is none, or `bytes` not as many as the blocks take.
    pub fn pack_into(self, trits: &[i8], scale: f32, bytes: &mut [u8]) {
        assert!(trits.iter().all(|trit| (-1..=1).contains(trit)), "trits");
        let blocks = trits.len() / self.group();
        assert_eq!(trits.len(), blocks * self.group(), "whole blocks");
        assert_eq!(bytes.len(), blocks * self.bytes(), "room for the blocks");
        let scale = half::f16::from_f32(scale).to_le_bytes();
        let places = bytes.chunks_exact_mut(self.bytes());
        for (trits, block) in trits.chunks_exact(self.group()).zip(places) {
            let (at, codes) = match self {
                Self::Q2_0G64 | Self::Q2_0G128 | Self::Pq2_0 => (0, 2..self.bytes()),
                Self::Tq1_0 | Self::Tq2_0 | Self::Ptq1_0 => (self.bytes() - 2, 0..self.bytes() - 2),
            };
            block[at..at + 2].copy_from_slice(&scale);
            self.pack(trits, &mut block[codes]);
        }
    }

    /// The inverse of `unpack`.
    fn pack(self, trits: &[i8], codes: &mut [u8]) {
        codes.fill(0);
        match self.codes() {
            Codes::Bits { chunk_bytes } => {
                for (at, trits) in trits.chunks_exact(chunk_bytes).enumerate() {
                    let (chunk, bit) = (at / 4, 2 * (at % 4));
                    let codes = &mut codes[chunk * chunk_bytes..];
                    for (trit, byte) in trits.iter().zip(codes) {
                        *byte |= (trit + 1).cast_unsigned() << bit;
                    }
                }
            }
            Codes::Base3(groups) => {
                let (mut codes, mut trits) = (codes, trits);
                for &(bytes, digits) in groups {
                    let (group, rest) = codes.split_at_mut(bytes);
                    codes = rest;
                    let (rows, rest) = trits.split_at(bytes * digits);
                    trits = rest;
                    for (m, byte) in group.iter_mut().enumerate() {
                        let digit = |n: usize| {
                            u16::from(rows[n * bytes + m].cast_unsigned().wrapping_add(1))
                        };
                        let number = (0..5)
                            .fold(0, |all, n| 3 * all + if n < digits { digit(n) } else { 0 });
                        *byte = (number * 256).div_ceil(243) as u8;
                    }
                }
            }
        }
    }

    /// Writes the trits and scales of whole blocks; a weight is the product of its trit and its block's scale.
    ///
    /// # Errors
    /// The first code that is not that of a trit. Base 3 has none such.
    ///
    /// # Panics
    /// If `bytes` are not whole blocks, or `trits` or `scales` not as many as they hold.
    pub fn trits_into(
        self,
        bytes: &[u8],
        trits: &mut [i8],
        scales: &mut [f32],
    ) -> Result<(), NotATrit> {
        let blocks = bytes.len() / self.bytes();
        assert_eq!(bytes.len(), blocks * self.bytes(), "whole blocks");
        assert_eq!(trits.len(), blocks * self.group(), "room for the trits");
        assert_eq!(scales.len(), blocks, "room for the scales");
        let places = trits.chunks_exact_mut(self.group()).zip(scales);
        for (block, (trits, scale)) in bytes.chunks_exact(self.bytes()).zip(places) {
            let codes;
            (*scale, codes) = self.parts(block);
            self.unpack(codes, trits);
        }
        // Without branches, so that it vectorises.
        if trits.iter().fold(true, |all, trit| all & (*trit < 2)) {
            return Ok(());
        }
        let index = trits.iter().position(|trit| *trit == 2);
        index.map_or(Ok(()), |index| Err(NotATrit { index }))
    }

    pub(super) fn dequantize_into(self, bytes: &[u8], weights: &mut [f32]) {
        let mut trits = [0; MAX_GROUP];
        let trits = &mut trits[..self.group()];
        let places = weights.chunks_exact_mut(self.group());
        for (block, weights) in bytes.chunks_exact(self.bytes()).zip(places) {
            let (scale, codes) = self.parts(block);
            self.unpack(codes, trits);
            for (weight, trit) in weights.iter_mut().zip(&*trits) {
                *weight = scale * f32::from(*trit);
            }
        }
    }
}

/// A byte is a fraction of 256: times a power of 3 its fraction's first digit in base 3 is the trit.
fn base3(groups: &[(usize, usize)], mut codes: &[u8], mut trits: &mut [i8]) {
    for &(bytes, digits) in groups {
        let (group, rest) = codes.split_at(bytes);
        codes = rest;
        let mut power = 1u8;
        for _ in 0..digits {
            let (row, rest) = trits.split_at_mut(bytes);
            trits = rest;
            for (trit, byte) in row.iter_mut().zip(group) {
                let fraction = byte.wrapping_mul(power);
                *trit = ((u16::from(fraction) * 3) >> 8) as i8 - 1;
            }
            power = power.wrapping_mul(3);
        }
    }
}
