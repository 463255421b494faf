use super::EmitError;
use super::function::elem_type;
use super::names::parameter;
use crate::ir::{Access, Function};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// An `unsafe fn(&[u64])` called `name` that calls the emitted function with the arguments
/// the words stand for: addresses with exposed provenance, dimensions, bits of scalars.
///
/// It panics if the number of words is not the number of parameters.
///
/// # Errors
/// If a name is not an identifier.
pub fn caller(function: &Function, name: &str) -> Result<TokenStream, EmitError> {
    let symbol = parameter(&function.name)?;
    let name = parameter(name)?;
    let mut words: Vec<Ident> = Vec::new();
    let mut arguments: Vec<TokenStream> = Vec::new();
    let mut next = || {
        let word = format_ident!("a{}", words.len());
        words.push(word.clone());
        word
    };
    for buffer in &function.buffers {
        let (word, elem) = (next(), elem_type(buffer.elem));
        arguments.push(match buffer.access {
            Access::In => quote!(::core::ptr::with_exposed_provenance::<#elem>(#word as usize)),
            Access::Out | Access::InOut => {
                quote!(::core::ptr::with_exposed_provenance_mut::<#elem>(#word as usize))
            }
        });
    }
    for _ in &function.dims {
        let word = next();
        arguments.push(quote!(#word));
    }
    for _ in &function.scalars {
        let word = next();
        arguments.push(quote!(f32::from_bits(#word as u32)));
    }
    let expected = words.len();
    Ok(quote! {
        /// Unpacks the arguments of the function before it.
        ///
        /// # Safety
        /// As that function.
        #[allow(
            clippy::undocumented_unsafe_blocks,
            reason = "generated code: the caller's promise, passed on"
        )]
        unsafe fn #name(args: &[u64]) {
            let &[#(#words),*] = args else {
                ::core::panic!("a kernel of {} arguments was called with {}", #expected, args.len())
            };
            // SAFETY: the caller's promise, passed on; there are as many arguments.
            unsafe { #symbol(#(#arguments),*) }
        }
    })
}
