//! Lane-wise instructions: one register of a vector, or a scalar, at a time.

use super::emitter::{Emitter, Key, Repr};
use super::inst::{Inst as Code, Kind, Masked, Reg, Rm, Vector};
use super::op::{self, Op};
use crate::ir::{BinaryOp, Compare, Elem, Inst, ShiftOp, Size, UnaryOp, Value, VectorOp};

const SIGN_BIT: u32 = 1 << 31;

/// Comparisons of floats, false where one is not a number and quiet then.
const fn float_condition(compare: Compare) -> u8 {
    match compare {
        Compare::Eq => 0x00,
        Compare::Lt => 0x11,
        Compare::Le => 0x12,
    }
}

const fn int_condition(compare: Compare) -> u8 {
    match compare {
        Compare::Eq => 0,
        Compare::Lt => 1,
        Compare::Le => 2,
    }
}

impl Emitter<'_> {
    /// Part `part` of `value`, the result of a lane-wise instruction.
    pub(super) fn lane_wise(&mut self, inst: &Inst, value: Value, part: usize) -> Reg {
        let kind = self.kind_of(value);
        match inst {
            Inst::Unary(op, x) => self.unary(*op, *x, part, kind),
            Inst::Binary(op, x, y) => {
                let operands = [*x, *y].map(|v| self.part(v, part));
                self.binary(*op, self.elem(*x), operands, kind)
            }
            Inst::Shift(op, x, bits) => {
                let x = self.part(*x, part);
                self.shift(*op, x, *bits, kind)
            }
            Inst::Compare(compare, x, y) => self.compare(*compare, [*x, *y], part, kind),
            Inst::Select { mask, on, off } => self.select(*mask, [*on, *off], part, kind),
            Inst::Keep(x, n) => {
                let x = self.part(*x, part);
                self.keep(x, n, part)
            }
            Inst::TritSelect { codes, bit, x } => self.trit_select(*codes, *bit, *x, part),
            Inst::Vector(inst) => match inst.op {
                VectorOp::Dot4 => {
                    let small = self.small_bytes.contains(inst.operands()[1]);
                    let [acc, codes, x, _] = inst.all();
                    let operands = [acc, codes, x].map(|v| self.part(v, part));
                    self.dot4(operands, small)
                }
                VectorOp::Base3(kind) => {
                    let x = self.part(inst.operands()[0], part);
                    self.base3(kind, x)
                }
                VectorOp::Packed(op) => {
                    let operands = inst.operands().iter().map(|v| self.part(*v, part));
                    let operands: Vec<Reg> = operands.collect();
                    self.packed(op, &operands)
                }
                VectorOp::Narrow | VectorOp::Lookup | VectorOp::Spread | VectorOp::Shuffle16 => {
                    unreachable!("`is_lane_wise` lists the instructions that come here")
                }
            },
            _ => unreachable!("`is_lane_wise` lists the instructions that come here"),
        }
    }

    fn unary(&mut self, op: UnaryOp, x: Value, part: usize, kind: Kind) -> Reg {
        let x = self.part(x, part);
        match op {
            UnaryOp::Sqrt if kind == Kind::Quarter => self.rvm(&op::SQRT_SS, kind, x, x),
            UnaryOp::Sqrt => self.rm(&op::SQRT_PS, kind, x),
            UnaryOp::ToFloat => self.rm(&op::TO_FLOAT, kind, x),
            UnaryOp::ToBits | UnaryOp::FromBits => x,
            UnaryOp::Neg => {
                let sign = self.lanes(kind, &[SIGN_BIT]);
                self.rvm(&op::XOR_PS, kind, x, sign)
            }
            UnaryOp::Abs => {
                let magnitude = self.lanes(kind, &[!SIGN_BIT]);
                self.rvm(&op::AND_PS, kind, x, magnitude)
            }
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, elem: Elem, [x, y]: [Reg; 2], kind: Kind) -> Reg {
        let scalar = kind == Kind::Quarter;
        let op: &'static Op = match (op, elem) {
            (BinaryOp::Add, Elem::I32) => &op::ADD_D,
            (BinaryOp::Sub, Elem::I32) => &op::SUB_D,
            (BinaryOp::Mul, Elem::I32) => &op::MUL_D,
            (BinaryOp::And, _) => &op::AND_D,
            (BinaryOp::Or, _) => &op::OR_D,
            (BinaryOp::Xor, _) => &op::XOR_D,
            (BinaryOp::Add, Elem::F32) if scalar => &op::ADD_SS,
            (BinaryOp::Sub, Elem::F32) if scalar => &op::SUB_SS,
            (BinaryOp::Mul, Elem::F32) if scalar => &op::MUL_SS,
            (BinaryOp::Div, _) if scalar => &op::DIV_SS,
            (BinaryOp::Max, _) if scalar => &op::MAX_SS,
            (BinaryOp::Min, _) if scalar => &op::MIN_SS,
            (BinaryOp::Add, Elem::F32) => &op::ADD_PS,
            (BinaryOp::Sub, Elem::F32) => &op::SUB_PS,
            (BinaryOp::Mul, Elem::F32) => &op::MUL_PS,
            (BinaryOp::Div, _) => &op::DIV_PS,
            // They give their second operand where the operands are equal or not ordered.
            (BinaryOp::Max, _) => &op::MAX_PS,
            (BinaryOp::Min, _) => &op::MIN_PS,
        };
        self.rvm(op, kind, x, y)
    }

    pub(super) fn shift(&mut self, op: ShiftOp, x: Reg, bits: u8, kind: Kind) -> Reg {
        if bits == 0 {
            return x;
        }
        let op = match op {
            ShiftOp::Left => &op::SHIFT_LEFT_D,
            ShiftOp::Right => &op::SHIFT_RIGHT_D,
            ShiftOp::RightSigned => &op::SHIFT_SIGNED_D,
        };
        self.rm_imm(op, kind, x, bits)
    }

    /// A comparison that gives the mask register.
    fn compare_to_mask(&mut self, compare: Compare, [x, y]: [Value; 2], part: usize, kind: Kind) {
        let elem = self.elem(x);
        let [x, y] = [x, y].map(|v| self.part(v, part));
        let (op, imm) = match elem {
            Elem::F32 => (&op::CMP_PS_MASK, float_condition(compare)),
            Elem::I32 => (&op::CMP_D_MASK, int_condition(compare)),
        };
        self.writes_mask(op, kind, Some(x), y, imm);
    }

    fn compare(&mut self, compare: Compare, operands: [Value; 2], part: usize, kind: Kind) -> Reg {
        if self.masks() {
            self.compare_to_mask(compare, operands, part, kind);
            return self.of_mask(&op::LANES_OF_MASK, kind);
        }
        let elem = self.elem(operands[0]);
        let [x, y] = operands.map(|v| self.part(v, part));
        match (elem, compare) {
            (Elem::F32, _) => self.rvm_imm(&op::CMP_PS, kind, x, y, float_condition(compare)),
            (Elem::I32, Compare::Lt) => self.rvm(&op::GREATER_D, kind, y, x),
            (Elem::I32, Compare::Eq) => self.rvm(&op::EQUAL_D, kind, x, y),
            (Elem::I32, Compare::Le) => {
                let greater = self.rvm(&op::GREATER_D, kind, x, y);
                let ones = self.lanes(kind, &[u32::MAX]);
                self.rvm(&op::XOR_D, kind, greater, ones)
            }
        }
    }

    fn select(&mut self, mask: Value, [on, off]: [Value; 2], part: usize, kind: Kind) -> Reg {
        let fused = matches!(self.repr(mask), Repr::Compare);
        let compared = self.uses.compares.get(&mask).cloned();
        if let (true, Some(Inst::Compare(compare, x, y))) = (fused, compared) {
            let chosen = [on, off].map(|v| self.part(v, part));
            if self.masks() {
                self.compare_to_mask(compare, [x, y], part, kind);
                return self.blend(kind, chosen[1], chosen[0]);
            }
            let mask = self.compare(compare, [x, y], part, kind);
            return self.by_sign(kind, mask, chosen);
        }
        let [mask, on, off] = [mask, on, off].map(|v| self.part(v, part));
        if self.masks() {
            /// The first operand's bits choose between the second's and the third's.
            const CHOOSE: u8 = 0xca;
            let choose = Vector {
                a: Some(on),
                b: Some(Rm::Reg(off)),
                imm: Some(CHOOSE),
                ..Vector::new(&op::TERNARY, kind)
            };
            return self.onto(mask, kind, choose);
        }
        let on = self.rvm(&op::AND_D, kind, mask, on);
        let off = self.rvm(&op::AND_NOT_D, kind, mask, off);
        self.rvm(&op::OR_D, kind, on, off)
    }

    /// Lanes of `on` where a mask's are negative, of `off` elsewhere.
    pub(super) fn by_sign(&mut self, kind: Kind, mask: Reg, [on, off]: [Reg; 2]) -> Reg {
        let dst = self.registers.add(kind);
        self.vector(Vector {
            dst: Some(dst),
            a: Some(off),
            b: Some(Rm::Reg(on)),
            c: Some(mask),
            ..Vector::new(&op::BLEND_BY_SIGN, kind)
        });
        dst
    }

    /// The lanes of a part before `n`; the others zero.
    fn keep(&mut self, x: Reg, n: &Size, part: usize) -> Reg {
        let (kind, lanes) = (self.kind(), self.part_lanes());
        match n.as_const() {
            Some(n) => {
                let n = usize::try_from(n).unwrap_or(usize::MAX);
                match n.saturating_sub(part * lanes) {
                    0 => self.lanes(kind, &[0]),
                    kept if kept >= lanes => x,
                    kept => {
                        let mask: Vec<u32> = (0..lanes)
                            .map(|l| if l < kept { u32::MAX } else { 0 })
                            .collect();
                        let mask = self.lanes(kind, &mask);
                        self.rvm(&op::AND_PS, kind, x, mask)
                    }
                }
            }
            None if self.masks() => {
                let bits = self.bits(n);
                self.push(Code::SetMask(bits));
                let dst = self.registers.add(kind);
                self.vector(Vector {
                    dst: Some(dst),
                    b: Some(Rm::Reg(x)),
                    masked: Masked::Zeroed,
                    ..Vector::new(&op::MOV, kind)
                });
                dst
            }
            None => {
                let before = self.before(n, part);
                self.rvm(&op::AND_PS, kind, x, before)
            }
        }
    }

    /// A scalar in all lanes.
    pub(super) fn splat(&mut self, x: Value) -> Reg {
        let kind = self.kind();
        if let Repr::Const(bits) = *self.repr(x) {
            return self.lanes(kind, &[bits]);
        }
        let scope = self.scope_of(x);
        let x = self.part(x, 0);
        self.once(scope, Key::Splat(x), |e| e.rm(&op::BROADCAST, kind, x))
    }
}
