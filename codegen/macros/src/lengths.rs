//! Sizes as Rust expressions that notice overflow.

use crate::expand::{Kernel, variable};
use atome_codegen::ir::Size;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// A `usize` literal.
pub(crate) fn literal(n: u64) -> TokenStream {
    let n = Literal::u64_unsuffixed(n);
    quote!(#n)
}

/// A dimension, bound or open.
pub(crate) fn dim(kernel: &Kernel<'_>, name: &str) -> TokenStream {
    match kernel.spec.shape.get(name) {
        Some(&n) => literal(n),
        None => {
            let name = variable(name);
            quote!(#name)
        }
    }
}

/// A size; where it does not fit a `usize`, the user's function returns an error that names
/// `argument`.
pub(crate) fn checked(kernel: &Kernel<'_>, size: &Size, argument: &str) -> TokenStream {
    let krate = kernel.krate;
    if let Size::Dim(_) = size {
        return plain(kernel, size);
    }
    let size = plain(kernel, size);
    quote! {
        match (|| ::core::option::Option::Some(#size))() {
            ::core::option::Option::Some(size) => size,
            ::core::option::Option::None => {
                return ::core::result::Result::Err(#krate::KernelError::TooLong {
                    argument: #argument,
                });
            }
        }
    }
}

/// A size of small dimensions; one that does not fit panics.
pub(crate) fn known(kernel: &Kernel<'_>, size: &Size) -> TokenStream {
    let size = plain(kernel, size);
    quote!((|| ::core::option::Option::Some(#size))().expect("dimensions are small"))
}

/// An expression in a function that returns an option.
fn plain(kernel: &Kernel<'_>, size: &Size) -> TokenStream {
    let inner = |size| plain(kernel, size);
    match size {
        Size::Const(n) => {
            let n = Literal::u64_suffixed(*n);
            quote!(usize::try_from(#n).ok()?)
        }
        Size::Dim(dim) => {
            let dim = variable(&kernel.function.dims[dim.0 as usize]);
            quote!(#dim)
        }
        Size::Add(a, b) => {
            let (a, b) = (inner(a), inner(b));
            quote!(usize::checked_add(#a, #b)?)
        }
        Size::Mul(a, b) => {
            let (a, b) = (inner(a), inner(b));
            quote!(usize::checked_mul(#a, #b)?)
        }
        Size::Sub(a, n) => {
            let (a, n) = (inner(a), literal(*n));
            quote!(usize::saturating_sub(#a, #n))
        }
        Size::Div(a, n) => {
            let (a, n) = (inner(a), literal(*n));
            quote!((#a / #n))
        }
        Size::Rem(a, n) => {
            let (a, n) = (inner(a), literal(*n));
            quote!((#a % #n))
        }
    }
}
