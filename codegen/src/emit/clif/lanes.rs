//! Lane-wise instructions: one part of a vector, or a scalar, at a time.

use super::emitter::{Emitter, Key, PART_LANES, Repr, part_type, scalar_type};
use crate::ir::{BinaryOp, Compare, Elem, Inst, ShiftOp, Size, UnaryOp, Value, VectorOp};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

const SIGN_BIT: u32 = 1 << 31;

impl Emitter<'_> {
    /// Part `part` of the result of a lane-wise instruction.
    pub(super) fn lane_wise(&mut self, inst: &Inst, part: usize) -> clif::Value {
        match inst {
            Inst::Unary(op, x) => self.unary(*op, *x, part),
            Inst::Binary(op, x, y) => self.binary(*op, *x, *y, part),
            Inst::Shift(op, x, bits) => {
                let x = self.part(*x, part);
                self.shift(*op, x, *bits)
            }
            Inst::Compare(compare, x, y) => self.compare(*compare, *x, *y, part),
            Inst::Select { mask, on, off } => {
                let ty = self.type_like(*on, self.elem(*on));
                let bits = self.type_like(*on, Elem::I32);
                let mask = self.part(*mask, part);
                let (on, off) = (self.part(*on, part), self.part(*off, part));
                let (on, off) = (self.cast(bits, on), self.cast(bits, off));
                let chosen = self.cur.ins().bitselect(mask, on, off);
                self.cast(ty, chosen)
            }
            Inst::Keep(x, n) => self.keep(*x, n, part),
            Inst::TritSelect { codes, bit, x } => self.trit_select(*codes, *bit, *x, part),
            Inst::Vector(inst) => match inst.op {
                VectorOp::Dot4 => {
                    let small = self.small_bytes.contains(inst.operands()[1]);
                    let [acc, codes, x, _] = inst.all();
                    let [acc, codes, x] = [acc, codes, x].map(|v| self.part(v, part));
                    self.dot4(acc, codes, x, small)
                }
                VectorOp::Base3(kind) => {
                    let x = self.part(inst.operands()[0], part);
                    self.base3(kind, x)
                }
                VectorOp::Packed(op) => {
                    let operands = inst.operands().iter().map(|v| self.part(*v, part));
                    let operands: Vec<clif::Value> = operands.collect();
                    let small = self.small_bytes.contains(inst.operands()[0]);
                    self.packed(op, &operands, small)
                }
                VectorOp::Narrow | VectorOp::Lookup | VectorOp::Spread | VectorOp::Shuffle16 => {
                    unreachable!("`is_lane_wise` lists the instructions that come here")
                }
            },
            _ => unreachable!("`is_lane_wise` lists the instructions that come here"),
        }
    }

    /// The CLIF type with elements `elem` and the width of `like`.
    fn type_like(&self, like: Value, elem: Elem) -> clif::Type {
        match self.is_vector(like) {
            true => part_type(elem),
            false => scalar_type(elem),
        }
    }

    fn unary(&mut self, op: UnaryOp, x: Value, part: usize) -> clif::Value {
        let vector = self.is_vector(x);
        let float = self.type_like(x, Elem::F32);
        let bits = self.type_like(x, Elem::I32);
        let x = self.part(x, part);
        match op {
            UnaryOp::Sqrt => self.cur.ins().sqrt(x),
            UnaryOp::ToFloat => self.cur.ins().fcvt_from_sint(float, x),
            UnaryOp::ToBits => self.cast(bits, x),
            UnaryOp::FromBits => self.cast(float, x),
            UnaryOp::Neg if !vector => self.cur.ins().fneg(x),
            UnaryOp::Abs if !vector => self.cur.ins().fabs(x),
            // For vectors x86-64 would build the mask anew each time.
            UnaryOp::Neg => {
                let sign = self.splat_const(Elem::F32, SIGN_BIT);
                self.cur.ins().bxor(x, sign)
            }
            UnaryOp::Abs => {
                let magnitude = self.splat_const(Elem::F32, !SIGN_BIT);
                self.cur.ins().band(x, magnitude)
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, x: Value, y: Value, part: usize) -> clif::Value {
        let elem = self.elem(x);
        let (x, y) = (self.part(x, part), self.part(y, part));
        let ins = self.cur.ins();
        match (op, elem) {
            (BinaryOp::Add, Elem::F32) => ins.fadd(x, y),
            (BinaryOp::Add, Elem::I32) => ins.iadd(x, y),
            (BinaryOp::Sub, Elem::F32) => ins.fsub(x, y),
            (BinaryOp::Sub, Elem::I32) => ins.isub(x, y),
            (BinaryOp::Mul, Elem::F32) => ins.fmul(x, y),
            (BinaryOp::Mul, Elem::I32) => ins.imul(x, y),
            (BinaryOp::Div, _) => ins.fdiv(x, y),
            (BinaryOp::Max, _) => self.maximum(x, y),
            (BinaryOp::Min, _) => self.choose(x, y, x, y),
            (BinaryOp::And, _) => ins.band(x, y),
            (BinaryOp::Or, _) => ins.bor(x, y),
            (BinaryOp::Xor, _) => ins.bxor(x, y),
        }
    }

    /// `if x > y { x } else { y }`, of parts or scalars.
    pub(super) fn maximum(&mut self, x: clif::Value, y: clif::Value) -> clif::Value {
        self.choose(y, x, x, y)
    }

    /// `if less < more { on } else { off }` in the form that x86-64 folds to one instruction.
    fn choose(
        &mut self,
        less: clif::Value,
        more: clif::Value,
        on: clif::Value,
        off: clif::Value,
    ) -> clif::Value {
        let mask = self.cur.ins().fcmp(FloatCC::LessThan, less, more);
        if self.cur.func.dfg.value_type(on).is_vector() {
            let mask = self.cast(types::F32X4, mask);
            self.cur.ins().bitselect(mask, on, off)
        } else {
            self.cur.ins().select(mask, on, off)
        }
    }

    pub(super) fn shift(&mut self, op: ShiftOp, x: clif::Value, bits: u8) -> clif::Value {
        if bits == 0 {
            return x;
        }
        // One constant for both widths: the amount's type is free, its value is encoded.
        let amount = self.scalar_const(Elem::I32, u32::from(bits));
        match op {
            ShiftOp::Left => self.cur.ins().ishl(x, amount),
            ShiftOp::Right => self.cur.ins().ushr(x, amount),
            ShiftOp::RightSigned => self.cur.ins().sshr(x, amount),
        }
    }

    fn compare(&mut self, compare: Compare, x: Value, y: Value, part: usize) -> clif::Value {
        let vector = self.is_vector(x);
        let elem = self.elem(x);
        let (x, y) = (self.part(x, part), self.part(y, part));
        let mask = match elem {
            Elem::F32 => {
                let condition = match compare {
                    Compare::Lt => FloatCC::LessThan,
                    Compare::Le => FloatCC::LessThanOrEqual,
                    Compare::Eq => FloatCC::Equal,
                };
                self.cur.ins().fcmp(condition, x, y)
            }
            Elem::I32 => {
                let condition = match compare {
                    Compare::Lt => IntCC::SignedLessThan,
                    Compare::Le => IntCC::SignedLessThanOrEqual,
                    Compare::Eq => IntCC::Equal,
                };
                self.cur.ins().icmp(condition, x, y)
            }
        };
        match vector {
            true => mask,
            false => self.cur.ins().bmask(types::I32, mask),
        }
    }

    fn keep(&mut self, x: Value, n: &Size, part: usize) -> clif::Value {
        let elem = self.elem(x);
        let x = self.part(x, part);
        let first = part * PART_LANES;
        let mask = match n.as_const() {
            Some(n) => match usize::try_from(n)
                .unwrap_or(usize::MAX)
                .saturating_sub(first)
            {
                0 => return self.splat_const(elem, 0),
                kept @ 1..PART_LANES => {
                    let lanes = std::array::from_fn(|l| if l < kept { u32::MAX } else { 0 });
                    self.lanes_const(Elem::I32, lanes)
                }
                _ => return x,
            },
            None => self.once(0, Key::Keep(n.clone(), part), |e| {
                let n = e.at_most_lanes(n);
                let n = e.cur.ins().ireduce(types::I32, n);
                let n = e.cur.ins().splat(types::I32X4, n);
                let lanes = e.iota(part);
                e.cur.ins().icmp(IntCC::SignedGreaterThan, n, lanes)
            }),
        };
        let bits = self.cast(types::I32X4, x);
        let kept = self.cur.ins().band(bits, mask);
        self.cast(part_type(elem), kept)
    }

    /// Part `part` of 0, 1, .. 15.
    pub(super) fn iota(&mut self, part: usize) -> clif::Value {
        let first = (part * PART_LANES) as u32;
        self.lanes_const(Elem::I32, std::array::from_fn(|l| first + l as u32))
    }

    /// With a code's bits shifted to the sign, the high bit chooses between `x` and `-x` and
    /// the low bit, if set, zero in place of both.
    fn trit_select(&mut self, codes: Value, bit: u8, x: Value, part: usize) -> clif::Value {
        let negated = self.negated_splat(x);
        let codes = self.part(codes, part);
        let high = self.shift(ShiftOp::Left, codes, 30 - bit);
        // For the low bit, `high + high`: a sum runs on more units than a shift. It comes last,
        // so that two-operand instructions need no copy of `high`.
        let chosen = if self.blends_by_sign() {
            let x = self.splat(x);
            let x = self.cast(types::I32X4, x);
            let zero = self.splat_const(Elem::I32, 0);
            let signed = self.cur.ins().blendv(high, x, negated);
            let low = self.cur.ins().iadd(high, high);
            self.cur.ins().blendv(low, zero, signed)
        } else {
            let sign = self.splat_const(Elem::I32, SIGN_BIT);
            let flip = self.cur.ins().band(high, sign);
            let signed = self.cur.ins().bxor(negated, flip);
            let low = self.cur.ins().iadd(high, high);
            let clear = self.shift(ShiftOp::RightSigned, low, 31);
            self.cur.ins().band_not(signed, clear)
        };
        self.cast(types::F32X4, chosen)
    }

    /// The bits of `-x` in all lanes.
    fn negated_splat(&mut self, x: Value) -> clif::Value {
        self.once(self.scope_of(x), Key::Negated(x), |e| {
            let all = e.splat(x);
            let all = e.cast(types::I32X4, all);
            let sign = e.splat_const(Elem::I32, SIGN_BIT);
            e.cur.ins().bxor(all, sign)
        })
    }

    /// A scalar in all lanes.
    pub(super) fn splat(&mut self, x: Value) -> clif::Value {
        let elem = self.elem(x);
        match self.repr(x) {
            Repr::Const(bits) => self.splat_const(elem, bits),
            _ => {
                let scalar = self.part(x, 0);
                self.once(self.scope_of(x), Key::Splat(scalar), |e| {
                    e.cur.ins().splat(part_type(elem), scalar)
                })
            }
        }
    }
}
