//! Calls: registers, and arguments checked against parameters.

use super::exec::{ELEM_BYTES, Run};
use super::{Program, Trap};
use atome_spec::LANES;
use std::ops::Range;

/// What a run works with besides memory. One value serves many programs: it grows to the
/// needs of the greatest and then stays.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    pub(super) indices: Vec<u64>,
    pub(super) scalars: Vec<[u32; 1]>,
    pub(super) vectors: Vec<[u32; LANES]>,
    pub(super) sizes: Vec<u64>,
    pub(super) buffers: Vec<Bound>,
    pub(super) scratch: Vec<u8>,
}

/// The number that stands for the part of the memory that is the call's own.
pub(super) const SCRATCH: usize = usize::MAX;

/// What scratch memory begins with.
const UNWRITTEN: u8 = 0xa5;

/// A buffer of the current call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    /// The part of the memory it lies in.
    pub(super) part: usize,
    /// First byte.
    pub(super) start: usize,
    /// Length in elements.
    pub(super) len: u64,
}

/// A part of the memory of a call.
#[derive(Debug)]
pub enum Part<'a> {
    /// Only read; others may read it at the same time.
    Shared(&'a [u8]),
    /// Read and written by this call alone.
    Own(&'a mut [u8]),
}

impl Part<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Part::Shared(bytes) => bytes,
            Part::Own(bytes) => bytes,
        }
    }
}

/// The memory of a call, in parts of its own numbering.
#[derive(Debug)]
pub struct Memory<'a> {
    /// The parts, none overlapping another.
    pub parts: &'a mut [Part<'a>],
}

/// A buffer's bytes in a [`Memory`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Number of the part.
    pub part: usize,
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
        grow(
            &mut self.buffers,
            program.buffers.len() + program.scratch.len(),
        );
        grow(&mut self.scratch, program.scratch_bytes());
    }
}

impl Program {
    /// Registers for this program.
    pub fn registers(&self) -> Registers {
        let mut registers = Registers::default();
        registers.fit(self);
        registers
    }

    /// The name of a buffer, or of scratch memory, by number.
    pub(super) fn name(&self, number: u32) -> String {
        let buffers = self.buffers.iter().map(|(name, _)| name);
        let names = buffers.chain(self.scratch.iter().map(|(name, _)| name));
        let mut from = names.skip(number as usize);
        from.next().cloned().unwrap_or_default()
    }

    /// Bytes of all scratch memory.
    fn scratch_bytes(&self) -> usize {
        let elements: u64 = self.scratch.iter().map(|(_, len)| len).sum();
        elements as usize * ELEM_BYTES
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
        let parts = &mut [Part::Own(memory)];
        self.call(
            registers,
            Memory { parts },
            buffers.len(),
            |i| (0, &buffers[i]),
            dims,
            scalars,
        )
    }

    /// Like [`Program::run`], over a memory of several parts.
    ///
    /// # Errors
    /// As [`Program::run`]; also if the program stores into a shared part.
    pub fn run_split(
        &self,
        registers: &mut Registers,
        memory: Memory<'_>,
        buffers: &[Span],
        dims: &[u64],
        scalars: &[f32],
    ) -> Result<(), Trap> {
        let span = |i: usize| (buffers[i].part, &buffers[i].bytes);
        self.call(registers, memory, buffers.len(), span, dims, scalars)
    }

    fn call<'b>(
        &self,
        registers: &mut Registers,
        memory: Memory<'_>,
        buffers: usize,
        span: impl Fn(usize) -> (usize, &'b Range<usize>),
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
            let (part, range) = span(i);
            let bytes = memory.parts.get(part).map(|part| part.bytes().len());
            let (start, len) = self.bind(i, range, registers, bytes)?;
            registers.buffers[i] = Bound { part, start, len };
        }
        // What a function reads before it writes it must not pass for zeros.
        registers.scratch.fill(UNWRITTEN);
        let mut start = 0;
        for ((_, len), bound) in self.scratch.iter().zip(&mut registers.buffers[buffers..]) {
            *bound = Bound {
                part: SCRATCH,
                start,
                len: *len,
            };
            start += *len as usize * ELEM_BYTES;
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
        memory: Option<usize>,
    ) -> Result<(usize, u64), Trap> {
        let (name, len) = &self.buffers[buffer];
        let len = registers.sizes[*len as usize];
        let expected = len.saturating_mul(ELEM_BYTES as u64);
        let inside = memory.is_some_and(|memory| range.end <= memory);
        if inside && range.start <= range.end && expected <= range.len() as u64 {
            return Ok((range.start, len));
        }
        Err(Trap::Range {
            buffer: name.clone(),
            expected,
            start: range.start,
            end: range.end,
            memory: memory.unwrap_or(0),
        })
    }
}
