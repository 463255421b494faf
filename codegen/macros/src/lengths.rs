//! Sizes as Rust expressions that notice overflow.

use crate::expand::Kernel;
use atome_codegen::ir::Size;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// A literal.
fn literal(n: u64) -> TokenStream {
    let n = Literal::u64_unsuffixed(n);
    quote!(#n)
}

/// A `u64` literal.
pub(crate) fn wide(n: u64) -> Literal {
    Literal::u64_suffixed(n)
}

/// A dimension, bound or open.
pub(crate) fn dim(kernel: &Kernel<'_>, name: &str) -> TokenStream {
    match kernel.spec.shape.get(name) {
        Some(&n) => literal(n),
        None => {
            let name = kernel.open_dim(name);
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
    let size = option(kernel, size);
    quote! {
        match (|| #size)() {
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
    let size = option(kernel, size);
    quote!((|| #size)().expect("dimensions are small"))
}

/// An expression of an option, in a function that returns one.
fn option(kernel: &Kernel<'_>, size: &Size) -> TokenStream {
    match size {
        Size::Add(a, b) => {
            let (a, b) = (plain(kernel, a), plain(kernel, b));
            quote!(usize::checked_add(#a, #b))
        }
        Size::Mul(a, b) => {
            let (a, b) = (plain(kernel, a), plain(kernel, b));
            quote!(usize::checked_mul(#a, #b))
        }
        size => {
            let size = plain(kernel, size);
            quote!(::core::option::Option::Some(#size))
        }
    }
}

/// An expression in a function that returns an option.
fn plain(kernel: &Kernel<'_>, size: &Size) -> TokenStream {
    let inner = |size| plain(kernel, size);
    match size {
        Size::Const(n) if u16::try_from(*n).is_ok() => literal(*n),
        // A `usize` may have as few as 16 bits.
        Size::Const(n) => {
            let n = wide(*n);
            quote! {
                ::core::result::Result::ok(
                    <usize as ::core::convert::TryFrom<u64>>::try_from(#n),
                )?
            }
        }
        Size::Dim(dim) => {
            let dim = kernel.open_dim(&kernel.signature.dims[dim.0 as usize].name);
            quote!(#dim)
        }
        Size::Add(..) | Size::Mul(..) => {
            let size = option(kernel, size);
            quote!(#size?)
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
