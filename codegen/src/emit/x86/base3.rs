//! Codes of base-3 bytes: by a table of 128 bytes, or by tables of sixteen, see `emit::ninths`.

use super::emitter::Emitter;
use super::inst::{Masked, Reg, Rm, Vector};
use super::op;
use crate::emit::ninths;
use crate::interp::lanes::base3_byte;
use crate::ir::{Base3Part, ShiftOp};

/// What the magnitudes of a register were split into.
#[derive(Clone, Copy)]
pub(super) struct Split {
    packed: Reg,
    a: Reg,
    b: Reg,
}

impl Emitter<'_> {
    /// Codes of base-3 bytes.
    pub(super) fn base3(&mut self, part: Base3Part, x: Reg) -> Reg {
        match self.isa.has_byte_table() {
            true => self.base3_of_128(part, x),
            false => self.base3_of_ninths(part, x),
        }
    }

    /// By a table of 128, those of negative bytes mirrored.
    fn base3_of_128(&mut self, part: Base3Part, x: Reg) -> Reg {
        let kind = self.kind();
        let table: Vec<u8> = (0..128).map(|byte| base3_byte(part, byte)).collect();
        let words: Vec<u32> = table
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let (low, high) = words.split_at(words.len() / 2);
        let [low, high] = [low, high].map(|lanes| self.lanes(kind, lanes));
        let twos = match part {
            Base3Part::Fields => 0xaaaa_aaaa,
            Base3Part::Fifth => 0x0202_0202,
        };
        let twos = self.lanes(kind, &[twos]);
        let codes = self.onto_of(&op::PERMUTE2_B, low, x, high);
        self.writes_mask(&op::SIGNS_B_MASK, kind, None, x, None);
        let mirrored = Vector {
            a: Some(twos),
            b: Some(Rm::Reg(codes)),
            masked: Masked::Kept,
            ..Vector::new(&op::SUB_B, kind)
        };
        self.onto(codes, kind, mirrored)
    }

    /// By ninths.
    fn base3_of_ninths(&mut self, part: Base3Part, x: Reg) -> Reg {
        let kind = self.kind();
        let Split { a, b, .. } = self.split(x);
        let (trits, zeros) = match part {
            Base3Part::Fields => {
                let first = self.look_up(ninths::of_a, a);
                let fourth = self.look_up(ninths::of_b, b);
                let trits = self.rvm(&op::ADD_B, kind, first, fourth);
                (trits, ninths::FIELDS)
            }
            Base3Part::Fifth => (self.look_up(ninths::fifth, b), ninths::FIFTH),
        };
        let signed = match self.masks() {
            true => {
                self.writes_mask(&op::SIGNS_B_MASK, kind, None, x, None);
                let zero = self.lanes(kind, &[0]);
                let negated = Vector {
                    a: Some(zero),
                    b: Some(Rm::Reg(trits)),
                    masked: Masked::Kept,
                    ..Vector::new(&op::SUB_B, kind)
                };
                self.onto(trits, kind, negated)
            }
            false => self.rvm(&op::SIGN_B, kind, trits, x),
        };
        let zeros = self.byte(zeros);
        self.rvm(&op::ADD_B, kind, signed, zeros)
    }

    /// The split of a register, which both parts begin with.
    fn split(&mut self, packed: Reg) -> Split {
        if let Some(split) = self.last_split.filter(|split| split.packed == packed) {
            return split;
        }
        let kind = self.kind();
        let [magnitudes, nibble] = [0x7f, 0x0f].map(|byte| self.byte(byte));
        let magnitude = self.rvm(&op::AND_D, kind, packed, magnitudes);
        let high = self.shift(ShiftOp::Right, packed, 3, kind);
        let high = self.rvm(&op::AND_D, kind, high, nibble);
        let first = self.look_up(ninths::first, high);
        let last = self.look_up(ninths::last, high);
        let a = match self.masks() {
            true => {
                const LESS: u8 = 1;
                self.writes_mask(&op::CMP_B_MASK, kind, Some(last), magnitude, LESS);
                let one = self.byte(1);
                let next = Vector {
                    a: Some(first),
                    b: Some(Rm::Reg(one)),
                    masked: Masked::Kept,
                    ..Vector::new(&op::ADD_B, kind)
                };
                self.onto(first, kind, next)
            }
            false => {
                let beyond = self.rvm(&op::GREATER_B, kind, magnitude, last);
                self.rvm(&op::SUB_B, kind, first, beyond)
            }
        };
        let below = self.look_up(ninths::below, a);
        let b = self.rvm(&op::SUB_B, kind, magnitude, below);
        *self.last_split.insert(Split { packed, a, b })
    }

    fn look_up(&mut self, entry: impl Fn(u8) -> u8, index: Reg) -> Reg {
        let kind = self.kind();
        let table = self.lanes(kind, &ninths::words(entry));
        self.rvm(&op::SHUFFLE_B, kind, table, index)
    }

    fn byte(&mut self, byte: u8) -> Reg {
        let kind = self.kind();
        self.lanes(kind, &[u32::from_le_bytes([byte; 4])])
    }
}
