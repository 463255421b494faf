//! What an instruction computes where its operands are constants.

use super::Folder;
use crate::interp::lanes::{self, Arith};
use crate::ir::{BinaryOp, Elem, Inst, ReduceOp, Size, Type, UnaryOp, Value};
use atome_spec::LANES;

/// The bits of a constant, lane by lane; a scalar's are in every lane.
pub(super) type Constant = [u32; LANES];

/// The bits, if all lanes have the same.
pub(super) fn uniform(constant: &Constant) -> Option<u32> {
    (*constant == [constant[0]; LANES]).then_some(constant[0])
}

/// The instruction of a scalar constant of type `ty`.
pub(super) fn scalar(ty: Type, bits: u32) -> Inst {
    if ty == Type::F32 {
        Inst::F32(bits)
    } else {
        Inst::I32(bits as i32)
    }
}

/// The result of an operation that makes its NaNs itself: a constant only without them,
/// because their bits are the machine's.
fn numbers(result: Constant) -> Option<Constant> {
    let nan = result.iter().any(|bits| f32::from_bits(*bits).is_nan());
    (!nan).then_some(result)
}

impl Folder<'_> {
    pub(super) fn constant(&self, value: Value) -> Option<&Constant> {
        self.constants.get(&value)
    }

    /// The bits of a value, if it is one constant in all lanes.
    pub(super) fn uniform(&self, value: Value) -> Option<u32> {
        self.constant(value).and_then(uniform)
    }

    /// The result of an instruction on constants.
    pub(super) fn evaluate(&self, inst: &Inst) -> Option<Constant> {
        Some(match inst {
            Inst::F32(bits) => [*bits; LANES],
            Inst::I32(x) => [*x as u32; LANES],
            Inst::SizeF32(size) => [(size.as_const()? as f32).to_bits(); LANES],
            Inst::Iota => std::array::from_fn(|lane| lane as u32),
            Inst::Splat(x) => *self.constant(*x)?,
            Inst::Unary(op, x) => {
                let result = lanes::unary(*op, self.constant(*x)?);
                match op {
                    UnaryOp::Sqrt => numbers(result)?,
                    UnaryOp::Neg
                    | UnaryOp::Abs
                    | UnaryOp::ToFloat
                    | UnaryOp::ToBits
                    | UnaryOp::FromBits => result,
                }
            }
            Inst::Binary(op, x, y) => {
                let elem = self.elem_of(*x)?;
                let (x, y) = (self.constant(*x)?, self.constant(*y)?);
                let result = lanes::binary(Arith::new(*op, elem)?, x, y);
                match (op, elem) {
                    (BinaryOp::Max | BinaryOp::Min, _) | (_, Elem::I32) => result,
                    (_, Elem::F32) => numbers(result)?,
                }
            }
            Inst::Shift(op, x, bits) => lanes::shift(*op, self.constant(*x)?, *bits),
            Inst::Compare(compare, x, y) => {
                let elem = self.elem_of(*x)?;
                lanes::compare(*compare, elem, self.constant(*x)?, self.constant(*y)?)
            }
            Inst::Select { mask, on, off } => {
                let (on, off) = (self.constant(*on)?, self.constant(*off)?);
                lanes::select(self.constant(*mask)?, on, off)
            }
            Inst::Reduce(ReduceOp::Add, x) if self.elem_of(*x) == Some(Elem::I32) => {
                [lanes::sum(self.constant(*x)?); LANES]
            }
            Inst::Reduce(op, x) => {
                let result = [lanes::reduce(*op, self.constant(*x)?); LANES];
                match op {
                    ReduceOp::Add => numbers(result)?,
                    ReduceOp::Max => result,
                }
            }
            Inst::Extract(x, lane) => [self.constant(*x)?[usize::from(*lane)]; LANES],
            Inst::Keep(x, Size::Const(n)) => lanes::keep(self.constant(*x)?, *n),
            Inst::TritSelect { codes, bit, x } => {
                let x = self.uniform(*x)?;
                lanes::trit_select(self.constant(*codes)?, *bit, x)
            }
            Inst::Vector(inst) => {
                let [x, y, z, w] = inst.all().map(|v| self.constant(v));
                inst.op.apply([x?, y?, z?, w?], inst.bit)
            }
            Inst::Keep(..)
            | Inst::Param(_)
            | Inst::Load(..)
            | Inst::ToIndex(_)
            | Inst::FromIndex(_) => return None,
        })
    }

    pub(super) fn elem_of(&self, value: Value) -> Option<Elem> {
        self.function.type_of(value).elem()
    }
}
