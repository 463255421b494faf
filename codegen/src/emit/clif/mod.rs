//! The Cranelift emitter: a function of the IR as CLIF, for the JIT and for objects.
//!
//! Cranelift's vectors are 128 bits wide on every machine, so a logical vector becomes four
//! values, its parts. The code is compiled without Cranelift's optimiser: the emitter puts
//! every constant and size into the entry block once, computes addresses in the outermost
//! loop they depend on, and orders lane-wise statements so that few registers are live.
//!
//! | file | concept |
//! |---|---|
//! | `isa` | targets and settings |
//! | `emitter` | the state: values, scopes, what is computed once |
//! | `block` | statements and their order |
//! | `control` | loops |
//! | `lanes` | lane-wise instructions |
//! | `dot` | dot products of bytes, narrowing, lookups |
//! | `base3` | codes of base-3 bytes |
//! | `memory` | loads and stores |
//! | `address` | sizes and pointers |
//! | `object` | object files (feature `object`) |
//!
//! ```
//! use atome_codegen::emit::clif;
//! use atome_codegen::ir::{Access, Address, Builder, Elem, Lanes};
//! use atome_spec::Target;
//!
//! let mut b = Builder::new("double");
//! let x = b.buffer("x", Access::InOut, Elem::F32, 16);
//! let v = b.load_vector(x, Address::at(0), Lanes::All);
//! let twice = b.add(v, v);
//! b.store(x, Address::at(0), twice, Lanes::All);
//!
//! let isa = clif::isa(Target::X86_64V2)?;
//! let function = clif::emit(&b.finish(), &*isa)?;
//! assert_eq!(clif::text(&function).matches("fadd").count(), 4);
//! # Ok::<(), clif::EmitError>(())
//! ```

mod address;
mod base3;
mod block;
mod control;
mod dot;
mod emitter;
mod error;
mod isa;
mod lanes;
mod memory;
#[cfg(feature = "object")]
mod object;
mod packed;

pub use error::EmitError;
pub use isa::{isa, isa_with};
#[cfg(feature = "object")]
pub use object::object;

use crate::ir::{Function, verify};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self as clif, Signature};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CompiledCode, Context};

/// The C signature of a function: buffer addresses, then dimensions as 64-bit integers, then
/// scalars as f32.
pub fn signature(function: &Function, isa: &dyn TargetIsa) -> Signature {
    emitter::signature(function, isa)
}

/// CLIF for a function.
///
/// # Errors
/// If the verifier rejects the function: its code would go wherever it was told to.
pub fn emit(function: &Function, isa: &dyn TargetIsa) -> Result<clif::Function, EmitError> {
    verify(function).map_err(EmitError::Invalid)?;
    Ok(emitter::translate(function, isa))
}

/// The text form of CLIF.
pub fn text(function: &clif::Function) -> String {
    function.display().to_string()
}

/// The machine code of a function, in Cranelift's assembler-like notation.
///
/// # Errors
/// If the function is not valid, or Cranelift cannot compile it.
pub fn asm(function: &Function, isa: &dyn TargetIsa) -> Result<String, EmitError> {
    let code = compile(function, isa, true)?;
    Ok(apart(&code.vcode.unwrap_or_default()))
}

/// A line for each instruction: those of an address that is too far from the stack's pointer for one follow each other
/// in Cranelift's text with nothing between.
fn apart(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let second = line
            .find("add x")
            .filter(|at| line[..*at].ends_with(|c: char| c.is_ascii_digit()));
        let (first, rest) = line.split_at(second.unwrap_or(line.len()));
        lines.push_str(first);
        lines.push('\n');
        if !rest.is_empty() {
            lines.push_str(&line[..indent]);
            lines.push_str(rest);
            lines.push('\n');
        }
    }
    lines
}

/// The machine code of a function; constants follow the instructions.
///
/// # Errors
/// If the function is not valid, or Cranelift cannot compile it.
pub fn machine_code(function: &Function, isa: &dyn TargetIsa) -> Result<Vec<u8>, EmitError> {
    Ok(compile(function, isa, false)?.code_buffer().to_vec())
}

fn compile(
    function: &Function,
    isa: &dyn TargetIsa,
    disasm: bool,
) -> Result<CompiledCode, EmitError> {
    let mut context = Context::for_function(emit(function, isa)?);
    context.set_disasm(disasm);
    context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| EmitError::Compile {
            function: function.name.clone(),
            source: Box::new(error.inner),
        })?;
    Ok(context.take_compiled_code().expect("compiled above"))
}
