//! Bytes and halves of lanes, dot products of bytes, and what makes bytes of wider numbers.

use super::emitter::Emitter;
use super::inst::{Masked, Reg, Rm, Vector};
use super::op::{self, FIRST_QUARTER, Op};
use crate::ir::{PackedOp, Value};

impl Emitter<'_> {
    /// An instruction that adds to, or looks up with, what its destination held.
    pub(super) fn onto_of(&mut self, op: &'static Op, first: Reg, a: Reg, b: Reg) -> Reg {
        let vector = Vector {
            a: Some(a),
            b: Some(Rm::Reg(b)),
            ..Vector::new(op, self.kind())
        };
        self.onto(first, self.kind(), vector)
    }

    /// `acc` plus the products of four unsigned bytes of `codes` with four signed ones of `x`. `small`
    /// says that no code is above 127.
    pub(super) fn dot4(&mut self, [acc, codes, x]: [Reg; 3], small: bool) -> Reg {
        let kind = self.kind();
        if self.isa.has_dot() {
            return self.onto_of(&op::DOT, acc, codes, x);
        }
        let sums = if small {
            // Sums of two products do not saturate.
            let pairs = self.rvm(&op::PAIRS, kind, codes, x);
            let ones = self.lanes(kind, &[0x0001_0001]);
            self.rvm(&op::MADD_W, kind, pairs, ones)
        } else {
            let low_bytes = self.lanes(kind, &[0x00ff_00ff]);
            let even = self.rvm(&op::AND_D, kind, codes, low_bytes);
            let odd = self.rm_imm(&op::SHIFT_RIGHT_W, kind, codes, 8);
            let up = self.rm_imm(&op::SHIFT_LEFT_W, kind, x, 8);
            let x_even = self.rm_imm(&op::SHIFT_SIGNED_W, kind, up, 8);
            let x_odd = self.rm_imm(&op::SHIFT_SIGNED_W, kind, x, 8);
            let even = self.rvm(&op::MADD_W, kind, even, x_even);
            let odd = self.rvm(&op::MADD_W, kind, odd, x_odd);
            self.rvm(&op::ADD_D, kind, even, odd)
        };
        self.rvm(&op::ADD_D, kind, acc, sums)
    }

    /// One register of the result, from the same of the operands.
    pub(super) fn packed(&mut self, op: PackedOp, operands: &[Reg]) -> Reg {
        let kind = self.kind();
        let (x, y) = (operands[0], operands[1]);
        match op {
            PackedOp::Pairs => self.rvm(&op::PAIRS, kind, x, y),
            PackedOp::Dot2 => {
                let products = self.rvm(&op::MADD_W, kind, y, operands[2]);
                self.rvm(&op::ADD_D, kind, x, products)
            }
            PackedOp::Add16 => self.rvm(&op::ADD_W, kind, x, y),
            PackedOp::Add8 => self.rvm(&op::ADD_B, kind, x, y),
            PackedOp::Sub8 => self.rvm(&op::SUB_B, kind, x, y),
            PackedOp::Shuffle8 => self.rvm(&op::SHUFFLE_B, kind, x, y),
            PackedOp::Less8 if self.masks() => {
                const LESS: u8 = 1;
                self.writes_mask(&op::CMP_B_MASK, kind, Some(x), y, LESS);
                self.of_mask(&op::BYTES_OF_MASK, kind)
            }
            PackedOp::Less8 => self.rvm(&op::GREATER_B, kind, y, x),
            PackedOp::Sign8 if self.masks() => {
                self.writes_mask(&op::SIGNS_B_MASK, kind, None, y, None);
                let zero = self.lanes(kind, &[0]);
                let negated = Vector {
                    a: Some(zero),
                    b: Some(Rm::Reg(x)),
                    masked: Masked::Kept,
                    ..Vector::new(&op::SUB_B, kind)
                };
                let signed = self.onto(x, kind, negated);
                self.writes_mask(&op::TEST_B_MASK, kind, Some(y), y, None);
                let dst = self.registers.add(kind);
                self.vector(Vector {
                    dst: Some(dst),
                    a: Some(signed),
                    b: Some(Rm::Reg(zero)),
                    masked: Masked::Zeroed,
                    ..Vector::new(&op::ADD_B, kind)
                });
                dst
            }
            PackedOp::Sign8 => self.rvm(&op::SIGN_B, kind, x, y),
        }
    }

    /// Four vectors of i32 as one of bytes. Packing stays inside quarters, so lanes are put in order.
    pub(super) fn narrow(&mut self, vectors: [Value; 4]) -> Vec<Reg> {
        if self.masks() {
            let [a, b, c, d] = vectors.map(|v| self.part(v, 0));
            let order: Vec<u32> = (0..16).map(|lane| lane % 4 * 4 + lane / 4).collect();
            return vec![self.pack_bytes([a, b, c, d], &order)];
        }
        let order: Vec<u32> = (0..8).map(|lane| lane % 2 * 4 + lane / 2).collect();
        let halves = [0, 2].map(|first| {
            let [a, b] = [vectors[first], vectors[first + 1]];
            let [a0, a1, b0, b1] = [(a, 0), (a, 1), (b, 0), (b, 1)].map(|(v, p)| self.part(v, p));
            self.pack_bytes([a0, a1, b0, b1], &order)
        });
        halves.into()
    }

    fn pack_bytes(&mut self, [a, b, c, d]: [Reg; 4], order: &[u32]) -> Reg {
        let kind = self.kind();
        let low = self.rvm(&op::PACK_D, kind, a, b);
        let high = self.rvm(&op::PACK_D, kind, c, d);
        let bytes = self.rvm(&op::PACK_W, kind, low, high);
        let order = self.lanes(kind, order);
        self.rvm(&op::PERMUTE_D, kind, order, bytes)
    }

    /// Halves of two tables that six bits of each half name.
    pub(super) fn shuffle16(&mut self, tables: [Value; 2], index: Value) -> Vec<Reg> {
        let kind = self.kind();
        if self.masks() {
            let index = self.part(index, 0);
            let [low, high] = tables.map(|table| self.part(table, 0));
            return vec![match low == high {
                true => self.rvm(&op::PERMUTE_W, kind, index, low),
                false => self.onto_of(&op::PERMUTE2_W, low, index, high),
            }];
        }
        // Quarter by quarter of the tables: bytes are looked up where their number is below 16, and are
        // 0 elsewhere.
        let quarters: Vec<Reg> = tables
            .into_iter()
            .flat_map(|table| {
                [
                    (table, 0, 0x44),
                    (table, 0, 0xee),
                    (table, 1, 0x44),
                    (table, 1, 0xee),
                ]
            })
            .map(|(table, part, pick)| {
                let part = self.part(table, part);
                self.rm_imm(&op::PICK_WIDE, kind, part, pick)
            })
            .collect();
        let [number, second, quarter, beyond] =
            [0x003f_003f, 0x0100_0100, 0x1010_1010, 0x7070_7070]
                .map(|word| self.lanes(kind, &[word]));
        (0..self.parts())
            .map(|part| {
                let index = self.part(index, part);
                let index = self.rvm(&op::AND_D, kind, index, number);
                let low = self.rm_imm(&op::SHIFT_LEFT_D, kind, index, 1);
                let high = self.rm_imm(&op::SHIFT_LEFT_D, kind, index, 9);
                let bytes = self.rvm(&op::OR_D, kind, low, high);
                let mut byte = self.rvm(&op::OR_D, kind, bytes, second);
                let mut found = None;
                for table in &quarters {
                    let limited = self.rvm(&op::ADD_SATURATED_B, kind, byte, beyond);
                    let more = self.rvm(&op::SHUFFLE_B, kind, *table, limited);
                    found = Some(match found {
                        None => more,
                        Some(found) => self.rvm(&op::OR_D, kind, found, more),
                    });
                    byte = self.rvm(&op::SUB_B, kind, byte, quarter);
                }
                found.expect("there are eight quarters")
            })
            .collect()
    }

    /// Lanes of a table that four bits of each lane name.
    pub(super) fn lookup(&mut self, table: Value, index: Value, bit: u8) -> Vec<Reg> {
        use crate::ir::ShiftOp::{Left, Right};
        let kind = self.kind();
        (0..self.parts())
            .map(|part| {
                let entry = match bit {
                    // Those beyond bit 31 are 0.
                    29.. => {
                        let index = self.part(index, part);
                        self.shift(Right, index, bit, kind)
                    }
                    _ => self.low_bits_from(index, bit, part),
                };
                let halves: Vec<Reg> = (0..self.parts())
                    .map(|half| {
                        let half = self.part(table, half);
                        self.rvm(&op::PERMUTE_D, kind, entry, half)
                    })
                    .collect();
                match halves[..] {
                    [found] => found,
                    [low, high, ..] => {
                        // Bit 3 of the index chooses between the halves of the table.
                        let half = self.shift(Left, entry, 28, kind);
                        self.by_sign(kind, half, [high, low])
                    }
                    [] => unreachable!("a vector has a register"),
                }
            })
            .collect()
    }

    /// The first four lanes in every quarter.
    pub(super) fn spread(&mut self, x: Value) -> Vec<Reg> {
        let kind = self.kind();
        let first = self.part(x, 0);
        let spread = match self.masks() {
            true => self.rvm_imm(&op::QUARTERS, kind, first, first, 0),
            false => self.rm_imm(&op::PICK_WIDE, kind, first, FIRST_QUARTER),
        };
        vec![spread; self.parts()]
    }
}
