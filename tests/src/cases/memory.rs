use super::argument::BLANK;
use super::{Argument, Case};
use atome_codegen::ir::Elem;
use std::fmt;
use std::ops::Range;

/// What lies between the buffers.
const GUARD: u8 = 0xA5;
/// Guard bytes at least, between two buffers: more than a vector.
const GUARD_BYTES: usize = 68;
/// Buffers start 4 bytes after a multiple of this.
const ALIGNED: usize = 64;

/// A case's arguments in one memory, apart from each other.
///
/// A buffer starts at an address that is a multiple of 4 and of no more, as no kernel may
/// assume more. The bytes between the buffers are guards.
#[derive(Debug)]
pub struct Memory {
    bytes: Vec<u8>,
    buffers: Vec<Range<usize>>,
}

/// What a call left in memory and should not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// An element of a buffer.
    Element {
        /// The parameter's name.
        buffer: &'static str,
        /// Number of the element.
        index: usize,
        /// Its bits by the reference.
        expected: u32,
        /// Its bits.
        found: u32,
        /// Its type.
        elem: Elem,
    },
    /// A byte outside of every buffer was written.
    Guard {
        /// The buffer before it, if there is one.
        after: Option<&'static str>,
        /// The bytes from that buffer's end, or from the start of memory.
        distance: usize,
    },
}

impl Memory {
    /// The arguments before the call.
    pub fn new(case: &Case) -> Memory {
        let spare = GUARD_BYTES + ALIGNED + 4;
        let needed = |a: &Argument| 4 * a.before.len() + spare;
        let total = case.arguments.iter().map(needed).sum::<usize>() + spare;
        let mut bytes = vec![GUARD; total];
        // The allocation stays where it is when the vector moves.
        let aligned = bytes.as_ptr().align_offset(ALIGNED);
        let mut end = aligned;
        let mut buffers = Vec::new();
        for argument in &case.arguments {
            let start = aligned + (end - aligned + GUARD_BYTES).next_multiple_of(ALIGNED) + 4;
            for (to, word) in bytes[start..]
                .as_chunks_mut()
                .0
                .iter_mut()
                .zip(&argument.before)
            {
                *to = word.to_le_bytes();
            }
            end = start + 4 * argument.before.len();
            buffers.push(start..end);
        }
        Memory { bytes, buffers }
    }

    /// Each buffer's bytes, in the order of the kernel's parameters.
    pub fn buffers(&self) -> &[Range<usize>] {
        &self.buffers
    }

    /// The memory and the buffers in it.
    pub fn bytes_mut(&mut self) -> (&mut [u8], &[Range<usize>]) {
        (&mut self.bytes, &self.buffers)
    }

    /// The addresses of the buffers, for a compiled kernel.
    pub fn addresses(&mut self) -> Vec<*mut u8> {
        let base = self.bytes.as_mut_ptr();
        let starts = self.buffers.iter().map(|range| range.start);
        starts.map(|start| base.wrapping_add(start)).collect()
    }

    /// Compares everything with what the reference leaves.
    ///
    /// # Errors
    /// The first difference.
    pub fn verify(&self, case: &Case) -> Result<(), Mismatch> {
        let mut end = 0;
        let mut before = None;
        for (argument, range) in case.arguments.iter().zip(&self.buffers) {
            self.verify_guard(end..range.start, before)?;
            let words = self.bytes[range.clone()].as_chunks().0;
            for (index, word) in words.iter().enumerate() {
                let (expected, found) = (argument.after[index], u32::from_le_bytes(*word));
                if argument.unspecified.contains(&index) || same(case, argument, expected, found) {
                    continue;
                }
                return Err(Mismatch::Element {
                    buffer: argument.name,
                    index,
                    expected,
                    found,
                    elem: argument.elem,
                });
            }
            (end, before) = (range.end, Some(argument.name));
        }
        self.verify_guard(end..self.bytes.len(), before)
    }

    fn verify_guard(
        &self,
        range: Range<usize>,
        after: Option<&'static str>,
    ) -> Result<(), Mismatch> {
        match self.bytes[range].iter().position(|byte| *byte != GUARD) {
            Some(distance) => Err(Mismatch::Guard { after, distance }),
            None => Ok(()),
        }
    }
}

fn same(case: &Case, argument: &Argument, expected: u32, found: u32) -> bool {
    let is_nan = |bits| f32::from_bits(bits).is_nan();
    // An element that is not written keeps its bits.
    let any_nan = argument.elem == Elem::F32 && !case.exact_nan && expected != BLANK;
    expected == found || (any_nan && is_nan(expected) && is_nan(found) && found != BLANK)
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Element {
                buffer,
                index,
                expected,
                found,
                elem,
            } => {
                write!(
                    f,
                    "{buffer}[{index}] is {found:#010x}, expected {expected:#010x}"
                )?;
                match elem {
                    Elem::F32 => {
                        let [found, expected] = [*found, *expected].map(f32::from_bits);
                        write!(f, " ({found:e}, expected {expected:e})")
                    }
                    Elem::I32 => Ok(()),
                }
            }
            Mismatch::Guard {
                after: Some(buffer),
                distance,
            } => write!(f, "byte {distance} after {buffer} was written"),
            Mismatch::Guard {
                after: None,
                distance,
            } => write!(
                f,
                "byte {distance} of memory, before any buffer, was written"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::of;
    use super::*;
    use atome_spec::Op;

    fn case() -> Case {
        let fits = |case: &Case| case.dims.iter().all(|(_, n)| *n > 1);
        of(Op::Gemv).into_iter().find(fits).expect("a case")
    }

    #[test]
    fn buffers_are_aligned_to_4_bytes_and_no_more() {
        let mut memory = Memory::new(&case());
        assert!(memory.addresses().iter().all(|a| a.addr() % 64 == 4));
        for pair in memory.buffers().windows(2) {
            assert!(pair[1].start >= pair[0].end + GUARD_BYTES);
        }
    }

    #[test]
    fn every_difference_is_seen() {
        let case = case();
        let mut memory = Memory::new(&case);
        assert!(memory.verify(&case).is_err(), "the output is not written");
        let range = memory.buffers()[2].clone();
        for (to, word) in memory.bytes[range.clone()]
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip(&case.arguments[2].after)
        {
            *to = word.to_le_bytes();
        }
        assert_eq!(memory.verify(&case), Ok(()));
        for at in 0..memory.bytes.len() {
            memory.bytes[at] ^= 1;
            assert!(memory.verify(&case).is_err(), "byte {at}");
            memory.bytes[at] ^= 1;
        }
    }
}
