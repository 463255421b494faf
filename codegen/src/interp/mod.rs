//! A plain interpreter: the meaning of the IR, and a backend.
//!
//! A [`Function`] is compiled once to a [`Program`], flat operations over numbered registers,
//! and run any number of times without allocating. Buffers are byte ranges of one memory;
//! elements are four little-endian bytes at any alignment. Every access is checked against
//! its buffer's length.
//!
//! Arithmetic is IEEE binary32 to nearest, ties to even, without contraction. The payload and
//! sign of a NaN that an operation makes are the machine's; NaNs that are only moved, chosen,
//! negated or stripped of their sign keep their bits.
//!
//! | file | concept |
//! |---|---|
//! | `lanes` | the arithmetic, on bits |
//! | `op` | the compact form |
//! | `compile`, `inst`, `operands`, `slots` | from a function to the compact form; register allocation |
//! | `call`, `exec` | running it |
//!
//! ```
//! use atome_codegen::interp;
//! use atome_codegen::ir::{Access, Address, Builder, Elem, Lanes};
//!
//! let mut b = Builder::new("double");
//! let x = b.buffer("x", Access::InOut, Elem::F32, 3);
//! let v = b.load_vector(x, Address::at(0), Lanes::First(3.into()));
//! let twice = b.add(v, v);
//! b.store(x, Address::at(0), twice, Lanes::First(3.into()));
//!
//! let mut memory: Vec<u8> = [1.0f32, 2.0, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
//! interp::run(&b.finish(), &mut memory, &[0..12], &[], &[])?;
//! assert_eq!(memory[8..], 8.0f32.to_le_bytes());
//! # Ok::<(), interp::Trap>(())
//! ```

mod call;
mod compile;
mod error;
mod exec;
mod inst;
pub(crate) mod lanes;
mod op;
mod operands;
mod slots;
#[cfg(test)]
mod tests;

pub use call::{Memory, Part, Registers, Span};
pub use error::{ProgramError, Trap};

use crate::ir::{Function, Size};
use std::ops::Range;

/// A function in the form that is run.
#[derive(Clone, Debug)]
pub struct Program {
    ops: Vec<op::Op>,
    addresses: Vec<op::Address>,
    terms: Vec<op::Term>,
    /// Every size that occurs, evaluated when a call starts.
    sizes: Vec<Size>,
    /// Each buffer's name and the slot of its length.
    buffers: Vec<(String, op::Slot)>,
    /// Scratch memory: each one's name and its length in elements.
    scratch: Vec<(String, u64)>,
    dims: usize,
    scalars: usize,
    registers: slots::Counts,
}

/// Runs a function once.
///
/// `buffers` are byte ranges of `memory`, `dims` and `scalars` the arguments, each in the
/// order of the function's parameters. To run a function often, keep a [`Program`] and its
/// [`Registers`].
///
/// # Errors
/// If the function is malformed or [`Program::run`] traps.
pub fn run(
    function: &Function,
    memory: &mut [u8],
    buffers: &[Range<usize>],
    dims: &[u64],
    scalars: &[f32],
) -> Result<(), Trap> {
    let program = Program::new(function)?;
    program.run(&mut program.registers(), memory, buffers, dims, scalars)
}
