//! Facts about the machine code of hot loops: which instructions touch memory, that nothing is
//! spilled, that a `select` or `lut` kernel multiplies by its scale alone, and that products of
//! bytes are the dot products that the machine has.
//!
//! | file | concept |
//! |---|---|
//! | `code` | machine code as a list of instructions |
//! | `float` | f32 activations and `embed`, through Cranelift |
//! | `int8` | int8 activations, through Cranelift |
//! | `wide` | code of 256 and 512 bits, made at load |
//! | `neon` | int8 activations on AArch64, ahead of time, by a cross compiler |
//! | `aot` | int8 activations, ahead of time, in this program |

mod aot;
mod code;
mod float;
mod int8;
mod neon;
mod wide;

use atome_codegen::emit::clif;
use atome_codegen::ir::Function;
use atome_codegen::{KernelSpec, Schedule, lower, passes, schedule};
use atome_spec::{Isa, Target};
use code::Inst;

/// The function of a specification on the schedule for an instruction set.
fn compiled(spec: &KernelSpec, isa: Isa) -> Function {
    laid_out(spec, &schedule::select(spec, isa))
}

/// The function of a specification on a schedule.
fn laid_out(spec: &KernelSpec, schedule: &Schedule) -> Function {
    let mut function = lower::lower(spec, schedule);
    passes::optimise(&mut function);
    function
}

/// What Cranelift makes of a function for a target.
fn code_for(function: &Function, target: Target) -> Vec<Inst> {
    let isa = clif::isa(target).expect("both back ends are built in");
    code::cranelift(function, &*isa)
}
