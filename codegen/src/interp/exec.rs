//! Running a program.

use super::call::{Bound, SCRATCH};
use super::op::{LaneOp, Op, Place, Slot};
use super::{Memory, Part, Program, Registers, Trap, lanes};
use atome_spec::LANES;
use std::ops::Range;

type Vector = [u32; LANES];

const IOTA: Vector = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Bytes of an element.
pub(super) const ELEM_BYTES: usize = 4;

/// A call under way.
pub(super) struct Run<'a, 'm> {
    pub(super) program: &'a Program,
    pub(super) registers: &'a mut Registers,
    pub(super) memory: Memory<'m>,
}

impl Run<'_, '_> {
    /// Runs every operation. `params` are the scalar arguments.
    pub(super) fn ops(&mut self, params: &[f32]) -> Result<(), Trap> {
        let program = self.program;
        let mut at = 0;
        while let Some(op) = program.ops.get(at) {
            at += 1;
            match *op {
                Op::Scalar(dst, op) => lane_op(&mut self.registers.scalars, dst, op),
                Op::Vector(dst, op) => lane_op(&mut self.registers.vectors, dst, op),
                Op::Enter {
                    counter,
                    trip,
                    exit,
                } => {
                    self.registers.indices[counter as usize] = 0;
                    if self.size(trip) == 0 {
                        at = exit as usize;
                    }
                }
                Op::Unless { condition, exit } => {
                    if self.registers.scalars[condition as usize] == [0] {
                        at = exit as usize;
                    }
                }
                Op::Next {
                    counter,
                    trip,
                    start,
                } => {
                    let next = self.registers.indices[counter as usize] + 1;
                    self.registers.indices[counter as usize] = next;
                    if next < self.size(trip) {
                        at = start as usize;
                    }
                }
                Op::LoadScalar(..) | Op::LoadVector(..) | Op::LoadFirst(..) => self.load(op)?,
                Op::StoreScalar(..) | Op::StoreVector(..) | Op::StoreFirst(..) => self.store(op)?,
                _ => self.other(op, params)?,
            }
        }
        Ok(())
    }

    /// Everything but loops, memory and lane-wise arithmetic.
    #[inline(always)]
    fn other(&mut self, op: &Op, params: &[f32]) -> Result<(), Trap> {
        let sizes = &self.registers.sizes;
        let scalars = &mut self.registers.scalars;
        let vectors = &mut self.registers.vectors;
        let indices = &mut self.registers.indices;
        match *op {
            Op::Const(dst, bits) => scalars[dst as usize] = [bits],
            Op::SizeF32(dst, size) => {
                scalars[dst as usize] = [(sizes[size as usize] as f32).to_bits()];
            }
            Op::Param(dst, n) => scalars[dst as usize] = [params[n as usize].to_bits()],
            Op::Splat(dst, x) => vectors[dst as usize] = [scalars[x as usize][0]; LANES],
            Op::Iota(dst) => vectors[dst as usize] = IOTA,
            Op::Reduce(dst, op, x) => {
                scalars[dst as usize] = [lanes::reduce(op, &vectors[x as usize])];
            }
            Op::Extract(dst, x, lane) => {
                scalars[dst as usize] = [vectors[x as usize][lane as usize]];
            }
            Op::Keep(dst, x, n) => {
                vectors[dst as usize] = lanes::keep(&vectors[x as usize], sizes[n as usize]);
            }
            Op::TritSelect(dst, codes, bit, x) => {
                let x = scalars[x as usize][0];
                vectors[dst as usize] = lanes::trit_select(&vectors[codes as usize], bit, x);
            }
            Op::OfVectors(dst, op, operands, bit) => {
                let operands = operands.map(|slot| &vectors[slot as usize]);
                vectors[dst as usize] = op.apply(operands, bit);
            }
            Op::SumI32(dst, x) => {
                scalars[dst as usize] = [lanes::sum(&vectors[x as usize])];
            }
            Op::ToIndex(dst, x) => {
                let x = scalars[x as usize][0] as i32;
                let index = u64::try_from(x).map_err(|_| Trap::NegativeIndex(x))?;
                indices[dst as usize] = index;
            }
            Op::FromIndex(dst, x) => {
                let index = indices[x as usize];
                let x = i32::try_from(index).map_err(|_| Trap::IndexTooGreat(index))?;
                scalars[dst as usize] = [x as u32];
            }
            Op::CopyIndex(dst, x) => indices[dst as usize] = indices[x as usize],
            Op::Scalar(..)
            | Op::Vector(..)
            | Op::LoadScalar(..)
            | Op::LoadVector(..)
            | Op::LoadFirst(..)
            | Op::StoreScalar(..)
            | Op::StoreVector(..)
            | Op::StoreFirst(..)
            | Op::Enter { .. }
            | Op::Unless { .. }
            | Op::Next { .. } => unreachable!("`ops` runs these itself"),
        }
        Ok(())
    }

    fn size(&self, slot: Slot) -> u64 {
        self.registers.sizes[slot as usize]
    }

    #[inline(always)]
    fn load(&mut self, op: &Op) -> Result<(), Trap> {
        match *op {
            Op::LoadScalar(dst, place) => {
                let bytes = self.readable(place, 1)?;
                self.registers.scalars[dst as usize] = elements(bytes);
            }
            Op::LoadVector(dst, place) => {
                let bytes = self.readable(place, LANES as u64)?;
                self.registers.vectors[dst as usize] = elements(bytes);
            }
            Op::LoadFirst(dst, place, n) => {
                let bytes = self.readable(place, self.size(n).min(LANES as u64))?;
                self.registers.vectors[dst as usize] = elements(bytes);
            }
            _ => unreachable!("`ops` chose a load"),
        }
        Ok(())
    }

    #[inline(always)]
    fn store(&mut self, op: &Op) -> Result<(), Trap> {
        match *op {
            Op::StoreScalar(x, place) => {
                let x = self.registers.scalars[x as usize];
                put(&x, self.writable(place, 1)?);
            }
            Op::StoreVector(x, place) => {
                let x = self.registers.vectors[x as usize];
                put(&x, self.writable(place, LANES as u64)?);
            }
            Op::StoreFirst(x, place, n) => {
                let x = self.registers.vectors[x as usize];
                let count = self.size(n).min(LANES as u64);
                put(&x, self.writable(place, count)?);
            }
            _ => unreachable!("`ops` chose a store"),
        }
        Ok(())
    }

    /// The bytes of `count` elements to be read.
    #[inline(always)]
    fn readable(&self, place: Place, count: u64) -> Result<&[u8], Trap> {
        let (part, bytes) = self.bytes(place, count)?;
        match part {
            SCRATCH => Ok(&self.registers.scratch[bytes]),
            _ => Ok(&self.memory.parts[part].bytes()[bytes]),
        }
    }

    /// The bytes of `count` elements to be written.
    #[inline(always)]
    fn writable(&mut self, place: Place, count: u64) -> Result<&mut [u8], Trap> {
        let (part, bytes) = self.bytes(place, count)?;
        if part == SCRATCH {
            return Ok(&mut self.registers.scratch[bytes]);
        }
        match &mut self.memory.parts[part] {
            Part::Own(own) => Ok(&mut own[bytes]),
            Part::Shared(_) => {
                let buffer = self.program.addresses[place as usize].buffer;
                let buffer = self.program.buffers[buffer as usize].0.clone();
                Err(Trap::ReadOnly { buffer })
            }
        }
    }

    /// The part of the memory and the bytes of `count` elements at an address.
    #[inline(always)]
    fn bytes(&self, place: Place, count: u64) -> Result<(usize, Range<usize>), Trap> {
        let address = &self.program.addresses[place as usize];
        let mut index = Some(self.size(address.base));
        let first = address.first_term as usize;
        for term in &self.program.terms[first..first + address.terms as usize] {
            let offset =
                self.registers.indices[term.index as usize].checked_mul(self.size(term.stride));
            index = index
                .zip(offset)
                .and_then(|(index, offset)| index.checked_add(offset));
        }
        let Bound { part, start, len } = self.registers.buffers[address.buffer as usize];
        match index {
            Some(index) if count <= len && index <= len - count => {
                let first = start + index as usize * ELEM_BYTES;
                Ok((part, first..first + count as usize * ELEM_BYTES))
            }
            // No element, no access, wherever the address points.
            Some(_) if count == 0 => Ok((part, 0..0)),
            index => Err(self.out_of_bounds(address.buffer, index, len)),
        }
    }

    #[cold]
    fn out_of_bounds(&self, buffer: u32, index: Option<u64>, len: u64) -> Trap {
        let buffer = self.program.name(buffer);
        match index {
            None => Trap::AddressOverflow { buffer },
            Some(index) => Trap::OutOfBounds {
                buffer,
                index: index.max(len),
                len,
            },
        }
    }
}

#[inline(always)]
fn lane_op<const N: usize>(file: &mut [[u32; N]], dst: Slot, op: LaneOp) {
    let at = |slot: Slot| &file[slot as usize];
    let result = match op {
        LaneOp::Copy(x) => *at(x),
        LaneOp::Unary(op, x) => lanes::unary(op, at(x)),
        LaneOp::Binary(op, x, y) => lanes::binary(op, at(x), at(y)),
        LaneOp::Shift(op, x, bits) => lanes::shift(op, at(x), bits),
        LaneOp::Compare(compare, elem, x, y) => lanes::compare(compare, elem, at(x), at(y)),
        LaneOp::Select(mask, on, off) => lanes::select(at(mask), at(on), at(off)),
    };
    file[dst as usize] = result;
}

/// The elements in `bytes`, then zeros.
#[inline(always)]
fn elements<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut out = [0; N];
    for (lane, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *lane = u32::from_le_bytes(*bytes);
    }
    out
}

/// Writes as many elements as `bytes` has room for.
#[inline(always)]
fn put<const N: usize>(x: &[u32; N], bytes: &mut [u8]) {
    for (lane, bytes) in x.iter().zip(bytes.as_chunks_mut().0) {
        *bytes = lane.to_le_bytes();
    }
}
