//! Machine code of x86-64 with AVX2 or AVX-512: a logical vector is two registers or one, where
//! Cranelift's are 128 bits wide.
//!
//! Loops are structured and what they need is known before, so this is all there is: instructions over
//! registers without number, memory operands where something is read once, and registers given by how
//! much they are used.
//!
//! | file | concept |
//! |---|---|
//! | `emitter` | the state: values, scopes, what is computed once |
//! | `repeat` | short loops do several iterations at once |
//! | `build` | instructions as they are added, and constants |
//! | `uses` | comparisons that selects do themselves |
//! | `block` | statements and their order |
//! | `control` | loops |
//! | `lanes` | lane-wise instructions |
//! | `trits` | trit selects |
//! | `bytes` | dot products of bytes, narrowing, lookups |
//! | `reduce` | folds and single lanes |
//! | `memory` | loads and stores |
//! | `address` | sizes and addresses |
//! | `op`, `inst` | instructions of the machine |
//! | `line` | code in one line: nothing idle, memory operands |
//! | `coalesce` | registers that moves join |
//! | `live`, `allocate` | where registers are live, and which they are |
//! | `encode`, `vector`, `frame` | bytes |
//! | `text` | the same for people |
//!
//! ```
//! use atome_codegen::emit::x86;
//! use atome_codegen::ir::{Access, Address, Builder, Elem, Lanes};
//! use atome_spec::Isa;
//!
//! let mut b = Builder::new("double");
//! let x = b.buffer("x", Access::InOut, Elem::F32, 16);
//! let v = b.load_vector(x, Address::at(0), Lanes::All);
//! let twice = b.add(v, v);
//! b.store(x, Address::at(0), twice, Lanes::All);
//! let function = b.finish();
//!
//! assert_eq!(x86::asm(&function, Isa::Avx2)?.matches("vaddps").count(), 2);
//! assert_eq!(x86::asm(&function, Isa::Avx512)?.matches("vaddps").count(), 1);
//! # Ok::<(), x86::EmitError>(())
//! ```

mod address;
mod allocate;
mod base3;
mod block;
mod build;
mod bytes;
mod coalesce;
mod control;
mod emitter;
mod encode;
mod error;
mod frame;
mod inst;
mod lanes;
mod line;
mod live;
mod memory;
mod op;
mod reduce;
mod repeat;
mod text;
mod trits;
mod uses;
mod vector;

pub use error::EmitError;

use crate::emit::order::InOrder;
use crate::ir::{Function, verify};
use allocate::{Registers, SAVED, allocate};
use atome_spec::{Isa, Tier};
use coalesce::{coalesce, is_idle};
use emitter::Emitter;
use encode::Code;
use inst::{Inst, Role};
use uses::Uses;

/// Bytes that the code's first one is a multiple of in memory.
pub const ALIGN: u64 = 64;

/// Whether there is code for an instruction set: of 256 or 512 bits.
pub const fn serves(isa: Isa) -> bool {
    matches!(isa.tier(), Tier::X86_64V3 | Tier::X86_64V4)
}

/// The machine code of a function, a C function of the System V calling convention; constants follow
/// the instructions. It may lie anywhere.
///
/// # Errors
/// If the verifier rejects the function, or the instruction set is not served.
pub fn machine_code(function: &Function, isa: Isa) -> Result<Vec<u8>, EmitError> {
    let Compiled {
        insts,
        constants,
        frame,
    } = compile(function, isa)?;
    let mut code = Code::with_frame(frame);
    let saved = saved(&insts);
    code.enter(&saved);
    for inst in &insts {
        code.inst(inst);
    }
    code.leave(&saved);
    Ok(code.finish(&constants))
}

/// The instructions of a function between its entry and its exit, as text.
///
/// # Errors
/// As [`machine_code`].
pub fn asm(function: &Function, isa: Isa) -> Result<String, EmitError> {
    Ok(text::text(&compile(function, isa)?.insts))
}

struct Compiled {
    insts: Vec<Inst>,
    constants: Vec<u8>,
    frame: i32,
}

fn compile(function: &Function, isa: Isa) -> Result<Compiled, EmitError> {
    if !serves(isa) {
        return Err(EmitError::NoCode { isa });
    }
    verify(function).map_err(EmitError::Invalid)?;
    let mut function = function.clone();
    repeat::repeat(&mut function);
    let mut emitter = Emitter::new(&function, isa, Uses::of(&function));
    emitter.block(&function.body);
    let mut line = line::line(emitter.take_nodes());
    let Emitter {
        mut registers,
        constants,
        arguments,
        ..
    } = emitter;
    line::tidy(&mut line, &registers.kinds);
    coalesce(&mut line, registers.kinds.len(), |reg| {
        let comes = arguments.iter().any(|(came, _)| *came == reg);
        comes || registers.homes.contains_key(&reg)
    });
    allocate(&mut line, &mut registers, &arguments);
    line.insts.retain(|inst| !is_idle(inst));
    let Registers { frame, .. } = registers;
    Ok(Compiled {
        insts: line.insts,
        constants,
        frame: (frame + 63) / 64 * 64,
    })
}

/// The registers that the code changes and has to leave as they were.
fn saved(insts: &[Inst]) -> Vec<u8> {
    let mut changed = [false; 16];
    for inst in insts.iter().filter(|inst| !inst.writes_vector()) {
        inst.clone().visit(&mut |reg, role| {
            if role != Role::Read {
                changed[reg.0 as usize] = true;
            }
        });
    }
    SAVED
        .into_iter()
        .filter(|reg| changed[usize::from(*reg)])
        .collect()
}
