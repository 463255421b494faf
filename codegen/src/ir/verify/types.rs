//! Invariants 6 to 10: what instructions and stores take and give.

use super::Verifier;
use super::fault::{Expected, Fault};
use crate::ir::{
    Access, Address, BinaryOp, Buffer, BufferParam, Elem, Inst, Lanes, ReduceOp, Type, UnaryOp,
    Value,
};
use atome_spec::LANES;

impl<'a> Verifier<'a> {
    /// Checks an instruction that defines a value of type `declared`.
    pub(super) fn inst(&mut self, inst: &'a Inst, declared: Option<Type>) {
        let expected = match inst {
            Inst::Load(buffer, address, lanes) => self.load(*buffer, address, lanes, declared),
            _ => self.result(inst),
        };
        if let (Some(expected), Some(found)) = (expected, declared)
            && expected != found
        {
            self.report(Fault::Result { expected, found });
        }
    }

    /// The type an instruction gives; `None` if its operands do not tell.
    fn result(&mut self, inst: &'a Inst) -> Option<Type> {
        match inst {
            Inst::F32(_) => Some(Type::F32),
            Inst::I32(_) => Some(Type::I32),
            Inst::SizeF32(size) => {
                self.size(size);
                Some(Type::F32)
            }
            Inst::Param(number) => {
                self.scalar(*number);
                Some(Type::F32)
            }
            Inst::Splat(x) => {
                let elem = self.operand("x", *x, Expected::Scalar)?.elem()?;
                Some(Type::Vector(elem))
            }
            Inst::Iota => Some(Type::I32X16),
            Inst::Unary(op, x) => {
                let (from, to) = unary_elems(*op);
                let x = self.operand("x", *x, Expected::Of(from))?;
                Some(x.with_elem(to))
            }
            Inst::Binary(op, x, y) => self.two_operands(["x", "y"], [*x, *y], binary_takes(*op)),
            Inst::Compare(_, x, y) => {
                let x = self.two_operands(["x", "y"], [*x, *y], Expected::Element)?;
                Some(x.with_elem(Elem::I32))
            }
            Inst::Shift(_, x, bits) => {
                self.require(*bits <= 31, || Fault::ShiftBits { bits: *bits });
                self.operand("x", *x, Expected::Of(Elem::I32))
            }
            Inst::Select { mask, on, off } => self.select(*mask, *on, *off),
            Inst::Reduce(ReduceOp::Add, x) => {
                let elem = self.operand("x", *x, Expected::Vector)?.elem()?;
                Some(Type::Scalar(elem))
            }
            Inst::Reduce(ReduceOp::Max, x) => {
                self.operand("x", *x, Expected::Exactly(Type::F32X16));
                Some(Type::F32)
            }
            Inst::Extract(x, lane) => {
                let exists = usize::from(*lane) < LANES;
                self.require(exists, || Fault::NoSuchLane { lane: *lane });
                let elem = self.operand("x", *x, Expected::Vector)?.elem()?;
                Some(Type::Scalar(elem))
            }
            Inst::Keep(x, count) => {
                self.size(count);
                self.operand("x", *x, Expected::Vector)
            }
            Inst::TritSelect { codes, bit, x } => {
                let in_place = *bit <= 30 && bit % 2 == 0;
                self.require(in_place, || Fault::TritBit { bit: *bit });
                self.operand("codes", *codes, Expected::Exactly(Type::I32X16));
                self.operand("x", *x, Expected::Exactly(Type::F32));
                Some(Type::F32X16)
            }
            Inst::Vector(inst) => {
                let (op, bit) = (inst.op, inst.bit);
                let most = op.greatest_bit().unwrap_or(0);
                self.require(bit <= most, || Fault::VectorBit { op, bit });
                for (name, value) in op.operands().iter().zip(inst.operands()) {
                    self.operand(name, *value, Expected::Exactly(Type::I32X16));
                }
                Some(Type::I32X16)
            }
            Inst::ToIndex(x) => {
                self.operand("x", *x, Expected::Exactly(Type::I32));
                Some(Type::Index)
            }
            Inst::FromIndex(x) => {
                self.operand("x", *x, Expected::Exactly(Type::Index));
                let fits = self.ranges.check_index(*x);
                self.note(fits);
                Some(Type::I32)
            }
            Inst::Load(..) => None,
        }
    }

    /// Checks that a value is visible and of an expected type, and gives its type if so.
    fn operand(&mut self, operand: &'static str, value: Value, expected: Expected) -> Option<Type> {
        let found = self.used(value)?;
        if expected.admits(found) {
            return Some(found);
        }
        self.report(Fault::Operand {
            operand,
            value,
            expected,
            found,
        });
        None
    }

    /// Two operands of one type: the first of an expected type, the second like the first.
    fn two_operands(
        &mut self,
        names: [&'static str; 2],
        [x, y]: [Value; 2],
        expected: Expected,
    ) -> Option<Type> {
        let ty = self.operand(names[0], x, expected);
        match ty {
            Some(ty) => self.operand(names[1], y, Expected::Exactly(ty)),
            None => self.used(y),
        };
        ty
    }

    fn select(&mut self, mask: Value, on: Value, off: Value) -> Option<Type> {
        let ty = self.two_operands(["on", "off"], [on, off], Expected::Element);
        let expected = match ty {
            Some(ty) => Expected::Exactly(ty.with_elem(Elem::I32)),
            None => Expected::Of(Elem::I32),
        };
        self.operand("mask", mask, expected);
        ty
    }

    /// The type that a load of `declared` width gives.
    fn load(
        &mut self,
        buffer: Buffer,
        address: &'a Address,
        lanes: &'a Lanes,
        declared: Option<Type>,
    ) -> Option<Type> {
        let param = self.place(buffer, address);
        self.lanes(lanes, declared);
        let param = param?;
        self.require(param.access != Access::Out, || Fault::NotReadable {
            buffer: param.name.clone(),
        });
        let ty = match declared? {
            Type::Vector(_) => Type::Vector(param.elem),
            Type::Scalar(_) | Type::Index => Type::Scalar(param.elem),
        };
        let inside = self.ranges.check_access(param, address, lanes, ty);
        self.note(inside);
        Some(ty)
    }

    /// Checks a store.
    pub(super) fn store(
        &mut self,
        buffer: Buffer,
        address: &'a Address,
        value: Value,
        lanes: &'a Lanes,
    ) {
        let param = self.place(buffer, address);
        let expected = param.map_or(Expected::Element, |p| Expected::Of(p.elem));
        let ty = self.operand("value", value, expected);
        self.lanes(lanes, ty);
        let Some(param) = param else { return };
        self.require(param.access != Access::In, || Fault::NotWritable {
            buffer: param.name.clone(),
        });
        if let Some(ty) = ty {
            let inside = self.ranges.check_access(param, address, lanes, ty);
            self.note(inside);
        }
    }

    /// Checks a buffer and an address in it.
    pub(super) fn place(
        &mut self,
        buffer: Buffer,
        address: &'a Address,
    ) -> Option<&'a BufferParam> {
        for (index, stride) in &address.terms {
            self.operand("index", *index, Expected::Exactly(Type::Index));
            self.size(stride);
        }
        self.size(&address.base);
        let param = self.function.buffer(buffer);
        self.require(param.is_some(), || Fault::NoSuchBuffer {
            number: buffer.0,
            count: self.function.memories().count(),
        });
        param
    }

    fn lanes(&mut self, lanes: &'a Lanes, ty: Option<Type>) {
        if let Lanes::First(count) = lanes {
            self.size(count);
            self.require(ty.is_none_or(Type::is_vector), || Fault::ScalarLanes);
        }
    }

    fn scalar(&mut self, number: u32) {
        let count = self.function.scalars.len();
        let exists = (number as usize) < count;
        self.require(exists, || Fault::NoSuchScalar { number, count });
    }
}

/// Element types of the operand and of the result.
const fn unary_elems(op: UnaryOp) -> (Elem, Elem) {
    match op {
        UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Sqrt => (Elem::F32, Elem::F32),
        UnaryOp::ToFloat | UnaryOp::FromBits => (Elem::I32, Elem::F32),
        UnaryOp::ToBits => (Elem::F32, Elem::I32),
    }
}

const fn binary_takes(op: BinaryOp) -> Expected {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => Expected::Element,
        BinaryOp::Div | BinaryOp::Max | BinaryOp::Min => Expected::Of(Elem::F32),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => Expected::Of(Elem::I32),
    }
}
