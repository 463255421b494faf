//! The stack of a function: its scratch memory, and the vectors that find no register.

use super::function::elem_type;
use super::isa::Isa;
use super::names::Names;
use super::size;
use crate::ir::{Block, Buffer, Function, Stmt, Type};
use proc_macro2::TokenStream;
use quote::quote;

/// The type of what begins with a cache line.
pub(super) const LINES: &str = "Lines";

/// Results of vector instructions, counted in registers, that a compiler finds registers for.
const FEW: usize = 40;

/// Statements that lay the stack out.
///
/// LLVM aligns a frame to vectors of over 128 bits only where something that it knows from the start asks for it: the vectors
/// that it finds no registers for later lie 16 bytes apart otherwise, and a loop that stores and loads one across the end
/// of a page takes more than twice as long.
pub(super) fn frame(function: &Function, isa: &dyn Isa, names: &Names) -> TokenStream {
    let scratch = scratch(function, names);
    let may_spill = results(function, &function.body) * isa.registers() > FEW;
    let wide = isa.set().vector_bits() > 128 && may_spill;
    let frame = match (scratch.is_empty(), wide) {
        (false, _) => scratch,
        (true, false) => return scratch,
        (true, true) => quote! {
            {
                let line = Lines(::core::mem::MaybeUninit::<u8>::uninit());
                // SAFETY: there is no instruction: somebody may know where the line is, so it has to be one.
                unsafe {
                    ::core::arch::asm!(
                        "/* {} */",
                        in(reg) line.0.as_ptr(),
                        options(nomem, nostack, preserves_flags)
                    )
                };
            }
        },
    };
    quote! {
        /// Begins with a cache line.
        #[repr(align(64))]
        struct Lines<T>(T);
        #frame
    }
}

/// Scratch memory, not written yet.
fn scratch(function: &Function, names: &Names) -> TokenStream {
    let first = function.buffers.len() as u32;
    let memories = function.scratch.iter().zip(first..);
    let memories = memories.map(|(memory, number)| {
        let name = names.buffer(Buffer(number));
        let elem = elem_type(memory.elem);
        let len = size::number(memory.len.as_const().unwrap_or(0));
        quote! {
            let mut #name = Lines(::core::mem::MaybeUninit::<[#elem; #len]>::uninit());
            let #name = #name.0.as_mut_ptr().cast::<#elem>();
        }
    });
    memories.collect()
}

/// Instructions that give vectors.
fn results(function: &Function, block: &Block) -> usize {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Let(value, _) => usize::from(matches!(function.type_of(*value), Type::Vector(_))),
        Stmt::Store { .. } | Stmt::Prefetch(..) => 0,
        Stmt::For(l) => results(function, &l.body),
    };
    block.iter().map(of).sum()
}
