//! Instructions that come down to an operand or to a simpler instruction.

use super::{Folder, Simpler};
use crate::ir::{BinaryOp, Compare, Elem, Inst, Lanes, ReduceOp, ShiftOp, Size, UnaryOp, Value};
use atome_spec::LANES;

const ONE_F32: u32 = 0x3f80_0000;
const NEGATIVE_ZERO: u32 = 1 << 31;
const ALL_ONES: u32 = u32::MAX;

const ZEROS: Simpler = Simpler::Constant([0; LANES]);
const ONES: Simpler = Simpler::Constant([ALL_ONES; LANES]);

impl Folder<'_> {
    /// Something simpler than `inst`, if there is.
    pub(super) fn simplify(&self, inst: &Inst) -> Option<Simpler> {
        match *inst {
            Inst::Unary(op, x) => self.unary(op, x),
            Inst::Binary(op, x, y) => match self.elem_of(x)? {
                Elem::F32 => self.binary_f32(op, x, y),
                Elem::I32 => self.binary_i32(op, x, y),
            },
            Inst::Shift(op, x, bits) => self.shift(op, x, bits),
            Inst::Compare(compare, x, y) if x == y => match (compare, self.elem_of(x)?) {
                (Compare::Lt, _) => Some(ZEROS),
                (Compare::Le | Compare::Eq, Elem::I32) => Some(ONES),
                (Compare::Le | Compare::Eq, Elem::F32) => None,
            },
            Inst::Select { mask, on, off } => match self.uniform(mask) {
                Some(ALL_ONES) => Some(Simpler::Value(on)),
                Some(0) => Some(Simpler::Value(off)),
                _ => (on == off).then_some(Simpler::Value(on)),
            },
            Inst::Reduce(ReduceOp::Max, x) => self.splatted(x).map(Simpler::Value),
            Inst::Extract(x, _) => self.splatted(x).map(Simpler::Value),
            Inst::Keep(x, Size::Const(n)) => self.keep(x, n),
            Inst::TritSelect { codes, bit, x } => self.trit_select(codes, bit, x),
            Inst::Load(_, _, Lanes::First(Size::ZERO)) => Some(ZEROS),
            Inst::ToIndex(x) => match self.definition(x)? {
                Inst::FromIndex(index) => Some(Simpler::Value(*index)),
                _ => None,
            },
            Inst::FromIndex(index) => match self.definition(index)? {
                Inst::ToIndex(x) => Some(Simpler::Value(*x)),
                _ => None,
            },
            _ => None,
        }
    }

    fn definition(&self, value: Value) -> Option<&Inst> {
        self.definitions.get(&value)
    }

    /// The scalar that all lanes of a vector are.
    fn splatted(&self, x: Value) -> Option<Value> {
        match self.definition(x)? {
            Inst::Splat(x) => Some(*x),
            _ => None,
        }
    }

    fn unary(&self, op: UnaryOp, x: Value) -> Option<Simpler> {
        match (op, self.definition(x)?) {
            (UnaryOp::Neg, Inst::Unary(UnaryOp::Neg, y))
            | (UnaryOp::ToBits, Inst::Unary(UnaryOp::FromBits, y))
            | (UnaryOp::FromBits, Inst::Unary(UnaryOp::ToBits, y)) => Some(Simpler::Value(*y)),
            (UnaryOp::Abs, Inst::Unary(UnaryOp::Abs, _)) => Some(Simpler::Value(x)),
            (UnaryOp::Abs, Inst::Unary(UnaryOp::Neg, y)) => {
                Some(Simpler::Inst(Inst::Unary(UnaryOp::Abs, *y)))
            }
            _ => None,
        }
    }

    fn binary_f32(&self, op: BinaryOp, x: Value, y: Value) -> Option<Simpler> {
        let (left, right) = (self.uniform(x), self.uniform(y));
        let same = match op {
            BinaryOp::Mul if right == Some(ONE_F32) => x,
            BinaryOp::Mul if left == Some(ONE_F32) => y,
            BinaryOp::Div if right == Some(ONE_F32) => x,
            BinaryOp::Add if right == Some(NEGATIVE_ZERO) => x,
            BinaryOp::Add if left == Some(NEGATIVE_ZERO) => y,
            BinaryOp::Sub if right == Some(0) => x,
            BinaryOp::Max | BinaryOp::Min if x == y => x,
            _ => return None,
        };
        Some(Simpler::Value(same))
    }

    fn binary_i32(&self, op: BinaryOp, x: Value, y: Value) -> Option<Simpler> {
        if x == y {
            return match op {
                BinaryOp::Sub | BinaryOp::Xor => Some(ZEROS),
                BinaryOp::And | BinaryOp::Or => Some(Simpler::Value(x)),
                _ => None,
            };
        }
        if op == BinaryOp::Sub {
            return (self.uniform(y) == Some(0)).then_some(Simpler::Value(x));
        }
        // The others commute.
        let (constant, other) = match (self.uniform(x), self.uniform(y)) {
            (Some(constant), _) => (constant, y),
            (_, Some(constant)) => (constant, x),
            _ => return None,
        };
        Some(match (op, constant) {
            (BinaryOp::Add | BinaryOp::Or | BinaryOp::Xor, 0)
            | (BinaryOp::Mul, 1)
            | (BinaryOp::And, ALL_ONES) => Simpler::Value(other),
            (BinaryOp::Mul | BinaryOp::And, 0) => ZEROS,
            (BinaryOp::Or, ALL_ONES) => ONES,
            _ => return None,
        })
    }

    fn shift(&self, op: ShiftOp, x: Value, bits: u8) -> Option<Simpler> {
        if bits == 0 {
            return Some(Simpler::Value(x));
        }
        let Inst::Shift(inner, y, first) = self.definition(x)? else {
            return None;
        };
        if *inner != op {
            return None;
        }
        Some(match (op, first + bits) {
            (_, bits @ 0..=31) => Simpler::Inst(Inst::Shift(op, *y, bits)),
            (ShiftOp::RightSigned, _) => Simpler::Inst(Inst::Shift(op, *y, 31)),
            (ShiftOp::Left | ShiftOp::Right, _) => ZEROS,
        })
    }

    fn keep(&self, x: Value, lanes: u64) -> Option<Simpler> {
        if lanes == 0 {
            return Some(ZEROS);
        }
        if lanes >= LANES as u64 {
            return Some(Simpler::Value(x));
        }
        match self.definition(x)? {
            // The narrower of two.
            Inst::Keep(_, Size::Const(inner)) if *inner <= lanes => Some(Simpler::Value(x)),
            Inst::Keep(y, Size::Const(_)) => {
                Some(Simpler::Inst(Inst::Keep(*y, Size::Const(lanes))))
            }
            _ => None,
        }
    }

    fn trit_select(&self, codes: Value, bit: u8, x: Value) -> Option<Simpler> {
        let codes = self.constant(codes)?.map(|word| (word >> bit) & 3);
        if codes.iter().all(|code| code & 1 == 1) {
            Some(ZEROS)
        } else if codes == [2; LANES] {
            Some(Simpler::Inst(Inst::Splat(x)))
        } else {
            None
        }
    }
}
