//! Bytes and halves of lanes.

use super::emitter::{Dot, Emitter};
use crate::ir::PackedOp;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

impl Emitter<'_> {
    /// A part of the result, from the same part of the operands. `small` says that no byte of the first
    /// is above 127.
    pub(super) fn packed(
        &mut self,
        op: PackedOp,
        operands: &[clif::Value],
        small: bool,
    ) -> clif::Value {
        let result = match (op, operands) {
            (PackedOp::Pairs, &[codes, x]) => self.pairs(codes, x, small),
            (PackedOp::Dot2, &[acc, x, y]) => self.dot2(acc, x, y),
            (PackedOp::Add16, _) => {
                let [x, y] = self.as_type(types::I16X8, operands);
                self.cur.ins().iadd(x, y)
            }
            _ => {
                let [x, y] = self.as_type(types::I8X16, operands);
                self.of_bytes(op, x, y)
            }
        };
        self.cast(types::I32X4, result)
    }

    /// The first two operands as vectors of another type.
    fn as_type(&mut self, ty: clif::Type, operands: &[clif::Value]) -> [clif::Value; 2] {
        [0, 1].map(|i| self.cast(ty, operands[i]))
    }

    fn of_bytes(&mut self, op: PackedOp, x: clif::Value, y: clif::Value) -> clif::Value {
        let zero = self.cast_splat(0);
        match op {
            PackedOp::Add8 => self.cur.ins().iadd(x, y),
            PackedOp::Sub8 => self.cur.ins().isub(x, y),
            PackedOp::Less8 => self.cur.ins().icmp(IntCC::SignedLessThan, x, y),
            PackedOp::Sign8 => {
                let negative = self.cur.ins().icmp(IntCC::SignedLessThan, y, zero);
                let none = self.cur.ins().icmp(IntCC::Equal, y, zero);
                let flipped = self.cur.ins().bxor(x, negative);
                let signed = self.cur.ins().isub(flipped, negative);
                self.cur.ins().band_not(signed, none)
            }
            PackedOp::Shuffle8 => {
                let bits = self.cast_splat(0x8f8f_8f8f);
                let index = self.cur.ins().band(y, bits);
                self.cur.ins().swizzle(x, index)
            }
            PackedOp::Pairs | PackedOp::Dot2 | PackedOp::Add16 => {
                unreachable!("`packed` takes what has no bytes")
            }
        }
    }

    /// Four equal bytes a word, as bytes.
    fn cast_splat(&mut self, word: u32) -> clif::Value {
        let word = self.splat_const(crate::ir::Elem::I32, word);
        self.cast(types::I8X16, word)
    }

    /// `pmaddubsw`, or what it means.
    fn pairs(&mut self, codes: clif::Value, x: clif::Value, small: bool) -> clif::Value {
        let [codes, x] = self.as_type(types::I8X16, &[codes, x]);
        if self.has_pmaddubsw() {
            return self.cur.ins().x86_pmaddubsw(x, codes);
        }
        if small {
            let [code_low, x_low] = [codes, x].map(|v| self.cur.ins().swiden_low(v));
            let low = self.cur.ins().imul(code_low, x_low);
            let [code_high, x_high] = [codes, x].map(|v| self.cur.ins().swiden_high(v));
            let high = self.cur.ins().imul(code_high, x_high);
            return self.cur.ins().iadd_pairwise(low, high);
        }
        let code_low = self.cur.ins().uwiden_low(codes);
        let x_low = self.cur.ins().swiden_low(x);
        let low = self.cur.ins().imul(x_low, code_low);
        let code_high = self.cur.ins().uwiden_high(codes);
        let x_high = self.cur.ins().swiden_high(x);
        let high = self.cur.ins().imul(x_high, code_high);
        let [low, high] = [low, high].map(|products| self.sums_of_pairs(products));
        self.cur.ins().snarrow(low, high)
    }

    fn has_pmaddubsw(&self) -> bool {
        matches!(self.dot(), Dot::Pairs | Dot::UnsignedBySigned)
    }

    /// `pmaddwd` where Cranelift finds it.
    fn dot2(&mut self, acc: clif::Value, x: clif::Value, y: clif::Value) -> clif::Value {
        let [x, y] = self.as_type(types::I16X8, &[x, y]);
        let (x_low, y_low) = (self.cur.ins().swiden_low(x), self.cur.ins().swiden_low(y));
        let low = self.cur.ins().imul(x_low, y_low);
        let (x_high, y_high) = (self.cur.ins().swiden_high(x), self.cur.ins().swiden_high(y));
        let high = self.cur.ins().imul(x_high, y_high);
        let sums = self.cur.ins().iadd_pairwise(low, high);
        self.cur.ins().iadd(sums, acc)
    }
}
