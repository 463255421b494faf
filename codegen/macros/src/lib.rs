//! `#[ternary_kernel]`: specialised ternary kernels from one attribute.
#![forbid(unsafe_code)]

mod aot;

use proc_macro::TokenStream;

/// The kernels of one tier with every dimension open, for `atome-kernels` itself.
#[doc(hidden)]
#[proc_macro]
pub fn aot_kernels(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as aot::Input);
    aot::expand(&input)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}
