//! Running a program.

use super::op::{LaneOp, Op, Place, Slot};
use super::{Program, Trap, lanes};
use atome_spec::LANES;
use std::ops::Range;

type Vector = [u32; LANES];

const IOTA: Vector = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const ELEM_BYTES: usize = 4;

/// What a run works with besides memory. One value serves many programs: it grows to the
/// needs of the greatest and then stays.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    indices: Vec<u64>,
    scalars: Vec<[u32; 1]>,
    vectors: Vec<Vector>,
    sizes: Vec<u64>,
    buffers: Vec<Bound>,
}

/// A buffer of the call at hand.
#[derive(Clone, Copy, Debug, Default)]
struct Bound {
    /// Whether it lies in the shared part of the memory.
    shared: bool,
    /// First byte.
    start: usize,
    /// Length in elements.
    len: u64,
}

/// The memory of a call, in two parts: one that others may read at the same time, and one
/// that this call may write.
#[derive(Debug)]
pub struct Memory<'a> {
    /// Only read.
    pub shared: &'a [u8],
    /// Read and written.
    pub own: &'a mut [u8],
}

/// A buffer's bytes in a [`Memory`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whether they lie in the shared part.
    pub shared: bool,
    /// Which bytes of that part.
    pub bytes: Range<usize>,
}

impl Registers {
    /// Makes room for a program, so that running it does not allocate.
    pub fn fit(&mut self, program: &Program) {
        fn grow<T: Clone + Default>(file: &mut Vec<T>, len: usize) {
            if file.len() < len {
                file.resize(len, T::default());
            }
        }
        let counts = program.registers;
        grow(&mut self.indices, counts.indices as usize);
        grow(&mut self.scalars, counts.scalars as usize);
        grow(&mut self.vectors, counts.vectors as usize);
        grow(&mut self.sizes, program.sizes.len());
        grow(&mut self.buffers, program.buffers.len());
    }
}

impl Program {
    /// Registers for this program.
    pub fn registers(&self) -> Registers {
        let mut registers = Registers::default();
        registers.fit(self);
        registers
    }

    /// Runs the program. Allocates only to report a trap, and where `registers` were never
    /// made to [fit](Registers::fit).
    ///
    /// `buffers` are byte ranges of `memory`, at least as long as the parameters say; `dims`
    /// and `scalars` are the arguments, each in the order of the function's parameters. Where
    /// buffers overlap, statements take effect in order.
    ///
    /// # Errors
    /// If the arguments do not fit the parameters, a size overflows, an access leaves its
    /// buffer or an index is negative. What was stored before the trap stays.
    pub fn run(
        &self,
        registers: &mut Registers,
        memory: &mut [u8],
        buffers: &[Range<usize>],
        dims: &[u64],
        scalars: &[f32],
    ) -> Result<(), Trap> {
        let memory = Memory {
            shared: &[],
            own: memory,
        };
        self.call(
            registers,
            memory,
            buffers.len(),
            |i| (false, &buffers[i]),
            dims,
            scalars,
        )
    }

    /// Like [`Program::run`], over a memory of two parts.
    ///
    /// # Errors
    /// As [`Program::run`]; also if the program stores into a shared buffer.
    pub fn run_split(
        &self,
        registers: &mut Registers,
        memory: Memory<'_>,
        buffers: &[Span],
        dims: &[u64],
        scalars: &[f32],
    ) -> Result<(), Trap> {
        let span = |i: usize| (buffers[i].shared, &buffers[i].bytes);
        self.call(registers, memory, buffers.len(), span, dims, scalars)
    }

    fn call<'b>(
        &self,
        registers: &mut Registers,
        memory: Memory<'_>,
        buffers: usize,
        span: impl Fn(usize) -> (bool, &'b Range<usize>),
        dims: &[u64],
        scalars: &[f32],
    ) -> Result<(), Trap> {
        let count = |what, expected, found| {
            if expected == found {
                Ok(())
            } else {
                Err(Trap::Arguments {
                    what,
                    expected,
                    found,
                })
            }
        };
        count("buffers", self.buffers.len(), buffers)?;
        count("dimensions", self.dims, dims.len())?;
        count("scalars", self.scalars, scalars.len())?;
        registers.fit(self);
        for (slot, size) in registers.sizes.iter_mut().zip(&self.sizes) {
            *slot = size.eval(dims).ok_or_else(|| Trap::SizeOverflow {
                size: format!("{size:?}"),
            })?;
        }
        for i in 0..buffers {
            let (shared, range) = span(i);
            let part = if shared {
                memory.shared.len()
            } else {
                memory.own.len()
            };
            let (start, len) = self.bind(i, range, registers, part)?;
            registers.buffers[i] = Bound { shared, start, len };
        }
        let mut run = Run {
            program: self,
            registers,
            memory,
        };
        run.ops(scalars)
    }

    /// A buffer's first byte and its length in elements.
    fn bind(
        &self,
        buffer: usize,
        range: &Range<usize>,
        registers: &Registers,
        memory: usize,
    ) -> Result<(usize, u64), Trap> {
        let (name, len) = &self.buffers[buffer];
        let len = registers.sizes[*len as usize];
        let expected = len.saturating_mul(ELEM_BYTES as u64);
        if range.end <= memory && expected <= range.len() as u64 {
            return Ok((range.start, len));
        }
        Err(Trap::Range {
            buffer: name.clone(),
            expected,
            start: range.start,
            end: range.end,
            memory,
        })
    }
}

struct Run<'a> {
    program: &'a Program,
    registers: &'a mut Registers,
    memory: Memory<'a>,
}

impl Run<'_> {
    fn ops(&mut self, params: &[f32]) -> Result<(), Trap> {
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
                let bytes = self.writable(place, 1)?;
                put(
                    &self.registers.scalars[x as usize],
                    &mut self.memory.own[bytes],
                );
            }
            Op::StoreVector(x, place) => {
                let bytes = self.writable(place, LANES as u64)?;
                put(
                    &self.registers.vectors[x as usize],
                    &mut self.memory.own[bytes],
                );
            }
            Op::StoreFirst(x, place, n) => {
                let bytes = self.writable(place, self.size(n).min(LANES as u64))?;
                put(
                    &self.registers.vectors[x as usize],
                    &mut self.memory.own[bytes],
                );
            }
            _ => unreachable!("`ops` chose a store"),
        }
        Ok(())
    }

    /// The bytes of `count` elements to be read.
    #[inline(always)]
    fn readable(&self, place: Place, count: u64) -> Result<&[u8], Trap> {
        let (shared, bytes) = self.bytes(place, count)?;
        Ok(if shared {
            &self.memory.shared[bytes]
        } else {
            &self.memory.own[bytes]
        })
    }

    /// Where `count` elements to be written lie.
    #[inline(always)]
    fn writable(&self, place: Place, count: u64) -> Result<Range<usize>, Trap> {
        match self.bytes(place, count)? {
            (false, bytes) => Ok(bytes),
            (true, _) => {
                let buffer = self.program.addresses[place as usize].buffer;
                let buffer = self.program.buffers[buffer as usize].0.clone();
                Err(Trap::ReadOnly { buffer })
            }
        }
    }

    /// The part of the memory and the bytes of `count` elements at an address.
    #[inline(always)]
    fn bytes(&self, place: Place, count: u64) -> Result<(bool, Range<usize>), Trap> {
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
        let Bound { shared, start, len } = self.registers.buffers[address.buffer as usize];
        match index {
            Some(index) if count <= len && index <= len - count => {
                let first = start + index as usize * ELEM_BYTES;
                Ok((shared, first..first + count as usize * ELEM_BYTES))
            }
            // No element, no access, wherever the address points.
            Some(_) if count == 0 => Ok((false, 0..0)),
            index => Err(self.out_of_bounds(address.buffer, index, len)),
        }
    }

    #[cold]
    fn out_of_bounds(&self, buffer: u32, index: Option<u64>, len: u64) -> Trap {
        let buffer = self.program.buffers[buffer as usize].0.clone();
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
