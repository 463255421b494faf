//! Trit selects: a table of `-x`, 0, `x` and 0, looked up by codes of two bits.

use super::emitter::{Emitter, Key};
use super::inst::{Reg, Rm, Vector};
use super::op;
use crate::ir::{ShiftOp, Value};

const SIGN_BIT: u32 = 1 << 31;

impl Emitter<'_> {
    pub(super) fn trit_select(&mut self, codes: Value, bit: u8, x: Value, part: usize) -> Reg {
        let kind = self.kind();
        // A lookup among sixteen entries reads two codes, so tables go by the first or the second of
        // them, and a shift serves two selects; one among four entries reads one.
        let (shift, second) = match self.masks() {
            true => (bit & !3, !bit.is_multiple_of(4)),
            false => (bit, false),
        };
        let table = self.trit_table(x, second);
        match self.masks() {
            true => {
                let index = self.low_bits_from(codes, shift, part);
                self.rvm(&op::PERMUTE, kind, index, table)
            }
            false => {
                let index = self.low_two_bits_from(codes, shift, part);
                self.rvm(&op::PERMUTE_QUARTER, kind, table, index)
            }
        }
    }

    /// A part of a value whose low two bits are those from a bit on. Shifts start on the units that add on Zen 3 and 4, products
    /// of halves elsewhere, and on other machines both start on the same: the high part of a product by a power of two is
    /// the low half moved down, and the products of the halves with 0 and 1 are the high one.
    fn low_two_bits_from(&mut self, value: Value, bit: u8, part: usize) -> Reg {
        /// Bits of a half.
        const HALF: u8 = 16;
        let (kind, scope) = (self.kind(), self.scope_of(value));
        let codes = self.part(value, part);
        let half = match bit < HALF {
            true => codes,
            false => self.once(scope, Key::Moved(codes, HALF), |e| {
                let high = e.lanes(kind, &[0x0001_0000]);
                e.rvm(&op::MADD_W, kind, codes, high)
            }),
        };
        match bit % HALF {
            0 => half,
            // They are of both halves.
            15 => self.low_bits_from(value, bit, part),
            down => self.once(scope, Key::Moved(codes, bit), |e| {
                let power = e.lanes(kind, &[0x0001_0001 << (HALF - down)]);
                e.rvm(&op::MUL_HIGH_W, kind, half, power)
            }),
        }
    }

    /// A part of a value whose low four bits are those from a bit on, which is 28 at most. The others are whatever is quicker: with
    /// AVX-512 they turn, for which Zen 4 and 5 have other units than those that add.
    pub(super) fn low_bits_from(&mut self, value: Value, bit: u8, part: usize) -> Reg {
        let (kind, scope) = (self.kind(), self.scope_of(value));
        let codes = self.part(value, part);
        match bit {
            0 => codes,
            _ => self.once(scope, Key::Moved(codes, bit), |e| match e.masks() {
                true => e.rm_imm(&op::ROTATE_RIGHT_D, kind, codes, bit),
                false => e.shift(ShiftOp::Right, codes, bit, kind),
            }),
        }
    }

    /// The entries of a table, by the first or the second code of four bits.
    fn trit_table(&mut self, x: Value, second: bool) -> Reg {
        let kind = self.kind();
        let entries = self.part_lanes();
        let code = |entry: usize| if second { entry >> 2 & 3 } else { entry & 3 };
        let lanes = |lane: &dyn Fn(usize) -> u32| (0..entries).map(lane).collect::<Vec<u32>>();
        let signs = lanes(&|entry| if code(entry) == 0 { SIGN_BIT } else { 0 });
        let kept = lanes(&|entry| if code(entry) % 2 == 0 { u32::MAX } else { 0 });
        let scope = self.scope_of(x);
        let splat = self.splat(x);
        self.once(scope, Key::Table(splat, second.into()), |e| {
            let signs = e.lanes(kind, &signs);
            let kept = e.lanes(kind, &kept);
            if e.masks() {
                /// Where the third operand's bit is set, the first's and the second's that differ.
                const DIFFERING: u8 = 0x28;
                let flip = Vector {
                    a: Some(signs),
                    b: Some(Rm::Reg(kept)),
                    imm: Some(DIFFERING),
                    ..Vector::new(&op::TERNARY, kind)
                };
                return e.onto(splat, kind, flip);
            }
            let signed = e.rvm(&op::XOR_PS, kind, splat, signs);
            e.rvm(&op::AND_PS, kind, signed, kept)
        })
    }
}
