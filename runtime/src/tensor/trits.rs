//! Trits in the bytes of a file, which no kernel reads: a tensor is one run of `rows * cols` trits, and only its last byte is
//! padded, with zero trits.

use crate::error::{Contents, FileError, TensorFault};

/// How many trits a byte has, and how. Both fill it from its low end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TritBytes {
    /// 4 trits a byte; trit `k` in bits `2k` and `2k + 1`: 00 is 0, 01 is +1, 11 is -1 (two's complement).
    Fours,
    /// 5 trits a byte; the byte is the sum of `(t_k + 1) * 3^k`, 0 to 242.
    Fives,
}

/// Values of a base-3 byte.
const BASE3_VALUES: u8 = 243;

/// Why a byte is not packed trits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The byte at this index stands for no trits.
    Code { index: usize },
    /// The last byte's unused places, this many, are not zero trits.
    Padding { index: usize, unused: usize },
}

impl From<atome_spec::Packing> for TritBytes {
    fn from(packing: atome_spec::Packing) -> Self {
        match packing {
            atome_spec::Packing::Int2 | atome_spec::Packing::Sorted => Self::Fours,
            atome_spec::Packing::Base3 => Self::Fives,
        }
    }
}

impl TritBytes {
    /// Trits in a full byte.
    pub(crate) const fn per_byte(self) -> usize {
        match self {
            Self::Fours => 4,
            Self::Fives => 5,
        }
    }

    /// Bytes that `trits` trits take.
    pub(crate) const fn bytes(self, trits: u64) -> u64 {
        trits.div_ceil(self.per_byte() as u64)
    }

    /// Whether a byte stands for trits.
    const fn is_code(self, byte: u8) -> bool {
        match self {
            // None of the four codes is 10.
            Self::Fours => (byte >> 1) & !byte & 0x55 == 0,
            Self::Fives => byte < BASE3_VALUES,
        }
    }

    /// Unpacks `count` trits; `bytes` holds exactly [`TritBytes::bytes`] of them.
    pub(crate) fn unpack(self, bytes: &[u8], count: usize) -> Result<Vec<i8>, Fault> {
        // Without branches, which vectorises; the byte is looked for only on failure.
        let all = bytes.iter().fold(true, |all, b| all & self.is_code(*b));
        if !all && let Some(index) = bytes.iter().position(|b| !self.is_code(*b)) {
            return Err(Fault::Code { index });
        }
        let mut trits = vec![0; bytes.len() * self.per_byte()];
        match self {
            Self::Fours => look_up(bytes, &INT2_TRITS, &mut trits),
            Self::Fives => look_up(bytes, &BASE3_TRITS, &mut trits),
        }
        let unused = trits.len().saturating_sub(count);
        if trits.drain(trits.len() - unused..).any(|trit| trit != 0) {
            return Err(Fault::Padding {
                index: bytes.len() - 1,
                unused,
            });
        }
        Ok(trits)
    }

    /// Like [`TritBytes::unpack`], of a tensor whose bytes stand at `start` of a file.
    pub(crate) fn unpack_at(
        self,
        tensor: &str,
        bytes: &[u8],
        start: u64,
        count: usize,
    ) -> Result<Vec<i8>, FileError> {
        self.unpack(bytes, count).map_err(|fault| {
            let (Fault::Code { index } | Fault::Padding { index, .. }) = fault;
            let (offset, byte) = (start + index as u64, bytes[index]);
            let tensor = tensor.to_owned();
            match (fault, self) {
                (Fault::Padding { unused, .. }, _) => FileError::tensor(
                    tensor,
                    TensorFault::Byte {
                        expected: Contents::ZeroTrits(unused),
                        offset,
                        byte,
                    },
                ),
                (Fault::Code { .. }, TritBytes::Fours) => FileError::tensor(
                    tensor,
                    TensorFault::Byte {
                        expected: Contents::Int2,
                        offset,
                        byte,
                    },
                ),
                (Fault::Code { .. }, TritBytes::Fives) => FileError::tensor(
                    tensor,
                    TensorFault::Byte {
                        expected: Contents::Base3,
                        offset,
                        byte,
                    },
                ),
            }
        })
    }

    /// Appends `trits`, each -1, 0 or 1, to `out`.
    pub(crate) fn pack_into(self, trits: &[i8], out: &mut Vec<u8>) {
        out.extend(trits.chunks(self.per_byte()).map(|group| {
            match self {
                Self::Fours => group
                    .iter()
                    .rev()
                    .fold(0, |byte, &trit| byte << 2 | (trit & 3) as u8),
                Self::Fives => {
                    let digit = |k: usize| (group.get(k).copied().unwrap_or(0) + 1) as u8;
                    (0..5).rev().fold(0, |byte, k| byte * 3 + digit(k))
                }
            }
        }));
    }
}

/// The trits of each byte, which the table has.
fn look_up<const N: usize>(bytes: &[u8], table: &[[i8; N]; 256], trits: &mut [i8]) {
    for (trits, &byte) in trits.as_chunks_mut().0.iter_mut().zip(bytes) {
        *trits = table[usize::from(byte)];
    }
}

/// The four trits of each int2 byte; of one without a code, no matter what.
const INT2_TRITS: [[i8; 4]; 256] = {
    let mut table = [[0; 4]; 256];
    let mut byte = 0;
    while byte < table.len() {
        let b = byte as i8;
        // The two bits of a code are a two's complement number: shift them up to the sign, then back down.
        table[byte] = [b << 6 >> 6, b << 4 >> 6, b << 2 >> 6, b >> 6];
        byte += 1;
    }
    table
};

/// The five trits of each base-3 byte; of one without a value, no matter what.
const BASE3_TRITS: [[i8; 5]; 256] = {
    let mut table = [[0; 5]; 256];
    let mut byte = 0;
    while byte < table.len() {
        let (mut rest, mut k) = (byte, 0);
        while k < 5 {
            table[byte][k] = (rest % 3) as i8 - 1;
            rest /= 3;
            k += 1;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_refused_or_survives_a_round_trip() {
        for (packing, valid) in [(TritBytes::Fours, 81), (TritBytes::Fives, 243)] {
            let mut accepted = 0;
            for byte in 0..=255u8 {
                let Ok(trits) = packing.unpack(&[byte], packing.per_byte()) else {
                    continue;
                };
                assert!(trits.iter().all(|t| (-1..=1).contains(t)));
                let mut out = Vec::new();
                packing.pack_into(&trits, &mut out);
                assert_eq!(out, [byte]);
                accepted += 1;
            }
            assert_eq!(accepted, valid);
        }
    }

    #[test]
    fn codes_are_those_of_the_format() {
        // 0b11_00_01_11 from its low end: -1, +1, 0, -1.
        assert_eq!(
            TritBytes::Fours.unpack(&[0b1100_0111], 4).unwrap(),
            [-1, 1, 0, -1]
        );
        assert_eq!(
            TritBytes::Fours.unpack(&[0b0000_1000], 4),
            Err(Fault::Code { index: 0 })
        );
        // 2 + 0 * 3 + 1 * 9 + 1 * 27 + 1 * 81 = 119.
        assert_eq!(
            TritBytes::Fives.unpack(&[119], 5).unwrap(),
            [1, -1, 0, 0, 0]
        );
        assert_eq!(
            TritBytes::Fives.unpack(&[121, 243], 10),
            Err(Fault::Code { index: 1 })
        );
    }

    #[test]
    fn padding_is_zero_trits() {
        assert_eq!(
            TritBytes::Fours.unpack(&[0b01, 0b0100], 5),
            Err(Fault::Padding {
                index: 1,
                unused: 3
            })
        );
        assert_eq!(
            TritBytes::Fours.unpack(&[0b01, 0b01], 5).unwrap(),
            [1, 0, 0, 0, 1]
        );
        // The digit 0 is the trit -1, so a byte of padding is 121, not 0.
        assert_eq!(
            TritBytes::Fives.unpack(&[0], 1),
            Err(Fault::Padding {
                index: 0,
                unused: 4
            })
        );
        assert_eq!(TritBytes::Fives.unpack(&[120], 1).unwrap(), [-1]);
        assert!(TritBytes::Fives.unpack(&[], 0).unwrap().is_empty());
    }

    #[test]
    fn every_length_survives_a_round_trip() {
        for packing in [TritBytes::Fours, TritBytes::Fives] {
            for count in 0..=23usize {
                let trits: Vec<i8> = (0..count).map(|i| (i * 7 % 3) as i8 - 1).collect();
                let mut out = vec![9];
                packing.pack_into(&trits, &mut out);
                assert_eq!(out.len() as u64, 1 + packing.bytes(count as u64));
                assert_eq!(packing.unpack(&out[1..], count).unwrap(), trits);
            }
        }
    }
}
