//! From a function to the compact form: instructions, addresses and sizes.

use super::ProgramError;
use super::compile::{Compiler, number};
use super::lanes::Arith;
use super::op::{self, LaneOp, Op, Place, Slot};
use crate::ir::{Address, Buffer, Elem, Inst, Lanes, ReduceOp, Size, Type, Value};
use atome_spec::LANES;

fn check(what: &'static str, found: u8, most: u8) -> Result<u8, ProgramError> {
    if found <= most {
        Ok(found)
    } else {
        Err(ProgramError::OutOfRange { what, most, found })
    }
}

impl Compiler<'_> {
    /// The operation that defines `value`, of type `ty`, in the register `dst`.
    pub(super) fn inst(
        &mut self,
        value: Value,
        ty: Type,
        dst: Slot,
        inst: &Inst,
    ) -> Result<Op, ProgramError> {
        let op = match inst {
            Inst::F32(bits) => Op::Const(dst, *bits),
            Inst::I32(x) => Op::Const(dst, *x as u32),
            Inst::SizeF32(size) => Op::SizeF32(dst, self.size(size)?),
            Inst::Param(n) if (*n as usize) < self.function.scalars.len() => Op::Param(dst, *n),
            Inst::Param(n) => return Err(ProgramError::UnknownScalar(*n)),
            Inst::Splat(x) => Op::Splat(dst, self.scalar(*x)?),
            Inst::Iota => Op::Iota(dst),
            Inst::Reduce(op, x) => match (op, self.elem_of(*x)?) {
                (ReduceOp::Add, Elem::I32) => Op::SumI32(dst, self.vector(*x)?),
                _ => Op::Reduce(dst, *op, self.vector(*x)?),
            },
            Inst::Extract(x, lane) => {
                let lane = check("lane", *lane, LANES as u8 - 1)?;
                Op::Extract(dst, self.vector(*x)?, lane)
            }
            Inst::Keep(x, n) => Op::Keep(dst, self.vector(*x)?, self.size(n)?),
            Inst::TritSelect { codes, bit, x } => {
                let bit = check("code bit", *bit, 30)?;
                Op::TritSelect(dst, self.vector(*codes)?, bit, self.scalar(*x)?)
            }
            Inst::Vector(inst) => {
                let most = inst.op.greatest_bit().unwrap_or(0);
                let bit = check("bit of an operation on vectors", inst.bit, most)?;
                let [x, y, z, w] = inst.all().map(|v| self.vector(v));
                Op::OfVectors(dst, inst.op, [x?, y?, z?, w?], bit)
            }
            Inst::Load(buffer, address, lanes) => {
                let place = self.place(*buffer, address)?;
                match (ty, lanes) {
                    (Type::Vector(_), Lanes::All) => Op::LoadVector(dst, place),
                    (Type::Vector(_), Lanes::First(n)) => Op::LoadFirst(dst, place, self.size(n)?),
                    _ => Op::LoadScalar(dst, place),
                }
            }
            Inst::ToIndex(x) => Op::ToIndex(dst, self.scalar(*x)?),
            Inst::FromIndex(x) => Op::FromIndex(dst, self.index(*x)?),
            Inst::Unary(..)
            | Inst::Binary(..)
            | Inst::Shift(..)
            | Inst::Compare(..)
            | Inst::Select { .. } => match ty {
                Type::Vector(_) => Op::Vector(dst, self.lane_op(ty, inst)?),
                _ => Op::Scalar(dst, self.lane_op(ty, inst)?),
            },
        };
        self.check_result(value, ty, &op)?;
        Ok(op)
    }

    /// An operation whose operands all have the width of `ty`.
    fn lane_op(&self, ty: Type, inst: &Inst) -> Result<LaneOp, ProgramError> {
        let slot = |v: &Value| match ty {
            Type::Vector(_) => self.vector(*v),
            _ => self.scalar(*v),
        };
        Ok(match inst {
            Inst::Unary(op, x) => LaneOp::Unary(*op, slot(x)?),
            Inst::Binary(op, x, y) => {
                let elem = self.elem_of(*x)?;
                let arith =
                    Arith::new(*op, elem).ok_or(ProgramError::Operation { op: *op, elem })?;
                LaneOp::Binary(arith, slot(x)?, slot(y)?)
            }
            Inst::Shift(op, x, bits) => LaneOp::Shift(*op, slot(x)?, check("shift", *bits, 31)?),
            Inst::Compare(compare, x, y) => {
                LaneOp::Compare(*compare, self.elem_of(*x)?, slot(x)?, slot(y)?)
            }
            Inst::Select { mask, on, off } => LaneOp::Select(slot(mask)?, slot(on)?, slot(off)?),
            _ => unreachable!("the caller chose an instruction within one register file"),
        })
    }

    fn check_result(&self, value: Value, ty: Type, op: &Op) -> Result<(), ProgramError> {
        let (expected, holds) = match op {
            Op::ToIndex(..) => ("index", ty == Type::Index),
            Op::Vector(..)
            | Op::Splat(..)
            | Op::Iota(..)
            | Op::Keep(..)
            | Op::TritSelect(..)
            | Op::OfVectors(..)
            | Op::LoadVector(..)
            | Op::LoadFirst(..) => ("a vector", ty.is_vector()),
            _ => ("a scalar", matches!(ty, Type::Scalar(_))),
        };
        if holds {
            Ok(())
        } else {
            self.mismatch(value, expected)
        }
    }

    /// An entry for an address.
    pub(super) fn place(
        &mut self,
        buffer: Buffer,
        address: &Address,
    ) -> Result<Place, ProgramError> {
        if self.function.buffer(buffer).is_none() {
            return Err(ProgramError::UnknownBuffer(buffer));
        }
        let first_term = number(self.terms.len(), "address terms")?;
        for (index, stride) in &address.terms {
            let (index, stride) = (self.index(*index)?, self.size(stride)?);
            self.terms.push(op::Term { index, stride });
        }
        let entry = op::Address {
            buffer: buffer.0,
            base: self.size(&address.base)?,
            first_term,
            terms: number(self.terms.len(), "address terms")? - first_term,
        };
        self.addresses.push(entry);
        number(self.addresses.len() - 1, "addresses")
    }

    /// The entry of a size; equal sizes share one.
    pub(super) fn size(&mut self, size: &Size) -> Result<Slot, ProgramError> {
        if let Some(slot) = self.size_slots.get(size) {
            return Ok(*slot);
        }
        let slot = number(self.sizes.len(), "sizes")?;
        self.sizes.push(size.clone());
        self.size_slots.insert(size.clone(), slot);
        Ok(slot)
    }
}
