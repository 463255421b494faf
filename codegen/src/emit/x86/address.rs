//! Sizes and addresses.
//!
//! A size is computed once, before all else, or where what is run once at most begins, if it is used there
//! alone. An address is built up term by term, each term in the outermost scope that knows its index; a loop
//! counts in the strides of its accesses, so that the last term is a register of the loop, and the constant
//! part is the instruction's offset.

use super::emitter::{Emitter, Key, Repr};
use super::inst::{Alu, If, Inst, Kind, Mem, Operand, Reg, Rm, Signed};
use super::memory::bytes;
use super::op;
use crate::emit::order::split;
use crate::ir::{Address, Buffer, Size, Value};
use atome_spec::LANES;

/// Most offset of an access, with what it spans.
const MOST_OFFSET: i64 = i32::MAX as i64 - 4096;

/// An address and an offset in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    base: Reg,
    index: Option<(Reg, u8)>,
    offset: i32,
}

impl At {
    pub(super) const fn mem(self) -> Mem {
        Mem::At {
            base: self.base,
            index: self.index,
            offset: self.offset,
        }
    }

    pub(super) const fn moved(self, bytes: i32) -> At {
        At {
            offset: self.offset + bytes,
            ..self
        }
    }
}

impl Emitter<'_> {
    /// A size as an integer; sizes beyond 64 bits wrap.
    pub(super) fn size(&mut self, size: &Size) -> Reg {
        if let Some(n) = size.as_const() {
            return self.int(n.cast_signed());
        }
        if let Size::Dim(d) = size {
            return self.dim(d.0);
        }
        self.once_sizes(Key::Size(size.clone()), |e| match size {
            Size::Const(n) => e.int(n.cast_signed()),
            Size::Dim(d) => e.dim(d.0),
            Size::Add(a, b) => {
                let a = e.size(a);
                let b = e.size_operand(b);
                let dst = e.copy(a, Kind::Int);
                e.push(Inst::Alu(Alu::Add, dst, b));
                dst
            }
            Size::Mul(a, b) => match (&**a, &**b) {
                (Size::Const(n), x) | (x, Size::Const(n)) => e.times(x, *n),
                (a, b) => {
                    let (a, b) = (e.size(a), e.size(b));
                    let dst = e.copy(a, Kind::Int);
                    e.push(Inst::Mul(dst, Rm::Reg(b)));
                    dst
                }
            },
            Size::Sub(a, n) => {
                let (a, n) = (e.size(a), e.operand(n.cast_signed()));
                let least = e.imm(0);
                let dst = e.copy(a, Kind::Int);
                e.push(Inst::Alu(Alu::Sub, dst, n));
                e.push(Inst::MoveIf(If::Below, dst, least));
                dst
            }
            Size::Div(a, n) if n.is_power_of_two() => {
                let a = e.size(a);
                let dst = e.copy(a, Kind::Int);
                e.push(Inst::ShiftRight(dst, n.trailing_zeros() as u8));
                dst
            }
            Size::Rem(a, n) if n.is_power_of_two() => {
                let (a, mask) = (e.size(a), e.operand((*n - 1).cast_signed()));
                let dst = e.copy(a, Kind::Int);
                e.push(Inst::Alu(Alu::And, dst, mask));
                dst
            }
            Size::Div(a, n) => e.divide(a, *n, false),
            Size::Rem(a, n) => e.divide(a, *n, true),
        })
    }

    /// A size as an operand.
    pub(super) fn size_operand(&mut self, size: &Size) -> Operand {
        match size.as_const() {
            Some(n) => self.operand(n.cast_signed()),
            None => Operand::Rm(Rm::Reg(self.size(size))),
        }
    }

    fn divide(&mut self, x: &Size, by: u64, remainder: bool) -> Reg {
        let x = self.size(x);
        let words = vec![by as u32, (by >> 32) as u32];
        let by = Mem::Constant(self.constant(words));
        let dst = self.registers.add(Kind::Int);
        let aside = self.registers.slot(3 * 8);
        self.push(Inst::Divide {
            dst,
            x,
            by,
            remainder,
            aside,
        });
        dst
    }

    /// A size times a number.
    fn times(&mut self, size: &Size, n: u64) -> Reg {
        if let Some(size) = size.as_const() {
            return self.int(size.wrapping_mul(n).cast_signed());
        }
        self.once_sizes(Key::Times(size.clone(), n), |e| {
            let x = e.size(size);
            e.product(x, n)
        })
    }

    /// A register times a number, anew.
    fn product(&mut self, x: Reg, n: u64) -> Reg {
        if n.is_power_of_two() {
            let dst = self.copy(x, Kind::Int);
            if n > 1 {
                self.push(Inst::ShiftLeft(dst, n.trailing_zeros() as u8));
            }
            return dst;
        }
        match i32::try_from(n) {
            Ok(n) => {
                let dst = self.registers.add(Kind::Int);
                self.push(Inst::MulImm(dst, Rm::Reg(x), n));
                dst
            }
            Err(_) => {
                let n = self.int(n.cast_signed());
                let dst = self.copy(x, Kind::Int);
                self.push(Inst::Mul(dst, Rm::Reg(n)));
                dst
            }
        }
    }

    /// The lesser of a size and 16.
    pub(super) fn at_most_lanes(&mut self, size: &Size) -> Reg {
        self.once_sizes(Key::AtMostLanes(size.clone()), |e| {
            let (n, lanes) = (e.size(size), e.imm(LANES as i64));
            let dst = e.copy(n, Kind::Int);
            e.push(Inst::Alu(Alu::Cmp, dst, Operand::Imm(LANES as i32)));
            e.push(Inst::MoveIf(If::Above, dst, lanes));
            dst
        })
    }

    /// A size as the nearest f32.
    pub(super) fn size_f32(&mut self, size: &Size) -> Reg {
        self.once_sizes(Key::SizeF32(size.clone()), |e| {
            let n = e.size(size);
            match e.masks() {
                true => e.float(n, Signed::No),
                false => e.float_unsigned(n),
            }
        })
    }

    fn float(&mut self, n: Reg, signed: Signed) -> Reg {
        let dst = self.registers.add(Kind::Quarter);
        self.push(Inst::FloatOfInt(dst, n, signed));
        dst
    }

    /// From 2^63 on it is twice its half, whose lowest bit says whether anything was lost.
    fn float_unsigned(&mut self, n: Reg) -> Reg {
        let half = self.copy(n, Kind::Int);
        self.push(Inst::ShiftRight(half, 1));
        let lost = self.copy(n, Kind::Int);
        self.push(Inst::Alu(Alu::And, lost, Operand::Imm(1)));
        self.push(Inst::Alu(Alu::Or, half, Operand::Rm(Rm::Reg(lost))));
        let half = self.float(half, Signed::Yes);
        let great = self.rvm(&op::ADD_SS, Kind::Quarter, half, half);
        let small = self.float(n, Signed::Yes);
        let high = self.copy(n, Kind::Int);
        self.push(Inst::ShiftRight(high, 32));
        let sign = self.registers.add(Kind::Quarter);
        self.push(Inst::LaneOfInt(sign, high));
        self.by_sign(Kind::Quarter, sign, [great, small])
    }

    /// A stride in bytes, as a register.
    pub(super) fn stride(&mut self, stride: &Size) -> Reg {
        self.times(stride, bytes(1))
    }

    /// Where an access starts.
    pub(super) fn address(&mut self, buffer: Buffer, address: &Address) -> At {
        let (symbolic, constant) = split(&address.base);
        let mut offset = bytes(constant).cast_signed();
        let mut terms: Vec<(usize, Value, &Size)> = Vec::new();
        for (index, stride) in &address.terms {
            match (self.repr(*index), stride.as_const()) {
                (_, Some(0)) | (Repr::Const(0), _) => {}
                (Repr::Const(n), Some(stride)) => {
                    let moved = bytes(u64::from(*n).wrapping_mul(stride));
                    offset = offset.wrapping_add(moved.cast_signed());
                }
                _ => terms.push((self.scope_of(*index), *index, stride)),
            }
        }
        terms.sort_by_key(|(scope, ..)| *scope);
        let first = terms.first().map_or(self.depth(), |(scope, ..)| *scope);
        let first = first.min(self.sizes);
        let mut base = self.buffer(buffer.0);
        if symbolic != Size::ZERO {
            base = self.once(first, Key::Base(buffer.0, symbolic.clone()), |e| {
                let moved = e.times(&symbolic, bytes(1));
                e.sum(base, (moved, 1))
            });
        }
        let last = terms.pop();
        for (scope, index, stride) in terms {
            base = self.once(scope, Key::Step(base, index, stride.clone()), |e| {
                let scaled = e.scaled(index, stride);
                e.sum(base, scaled)
            });
        }
        let scope = last.map_or(first, |(scope, ..)| scope);
        if !(-MOST_OFFSET..=MOST_OFFSET).contains(&offset) {
            base = self.once(scope, Key::Far(base, offset), |e| {
                let moved = e.int(offset);
                e.sum(base, (moved, 1))
            });
            offset = 0;
        }
        At {
            base,
            index: last.map(|(_, index, stride)| self.scaled(index, stride)),
            offset: offset as i32,
        }
    }

    /// An index times a stride, in bytes: a register and what an address multiplies it by.
    fn scaled(&mut self, index: Value, stride: &Size) -> (Reg, u8) {
        if let Repr::Counter(which) = self.repr(index)
            && let Some(scaled) = self.counted[*which].scaled.get(stride)
        {
            return *scaled;
        }
        let scope = self.scope_of(index);
        let reg = self.once(scope, Key::Scaled(index, stride.clone()), |e| {
            let index = e.part(index, 0);
            match stride.as_const() {
                Some(stride) => e.product(index, bytes(stride)),
                None => {
                    let stride = e.stride(stride);
                    let dst = e.copy(index, Kind::Int);
                    e.push(Inst::Mul(dst, Rm::Reg(stride)));
                    dst
                }
            }
        });
        (reg, 1)
    }

    /// An address moved by a register.
    fn sum(&mut self, base: Reg, index: (Reg, u8)) -> Reg {
        let dst = self.registers.add(Kind::Int);
        let mem = Mem::At {
            base,
            index: Some(index),
            offset: 0,
        };
        self.push(Inst::Address(dst, mem));
        dst
    }
}
