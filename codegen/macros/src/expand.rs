//! The user's function: a wrapper that checks, then calls.

use crate::check::Cpu;
use crate::dims::{OpenDim, Source};
use crate::parse::Item;
use crate::signature::{Argument, Role};
use crate::{call, lengths, reference_test};
use atome_codegen::KernelSpec;
use atome_codegen::op::{Bound, Content, Signature};
use atome_spec::Tier;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use std::borrow::Cow;
use syn::Path;

/// Everything that is known of a use without mistakes.
pub(crate) struct Kernel<'a> {
    pub(crate) item: &'a Item,
    pub(crate) spec: &'a KernelSpec,
    pub(crate) cpu: Cpu,
    pub(crate) krate: &'a Path,
    /// The kernel's parameters.
    pub(crate) signature: &'a Signature,
    pub(crate) arguments: &'a [Argument],
    pub(crate) dims: &'a [OpenDim],
}

impl Kernel<'_> {
    /// The user's argument of a role; every buffer and scalar has one.
    fn argument(&self, role: &Role) -> Option<&Ident> {
        let found = self.arguments.iter().find(|a| a.role == *role);
        found.map(|a| &a.name)
    }

    /// The variable of a buffer.
    pub(crate) fn buffer(&self, number: usize) -> Ident {
        let argument = self.argument(&Role::Buffer(number)).cloned();
        argument.unwrap_or_else(|| variable(&self.signature.buffers[number].name))
    }

    /// The variable of the buffer with a name.
    pub(crate) fn named(&self, name: &str) -> Ident {
        let number = self.signature.buffer(name);
        number.map_or_else(|| variable(name), |number| self.buffer(number))
    }

    /// The variable of a scalar.
    pub(crate) fn scalar(&self, number: usize) -> Ident {
        let argument = self.argument(&Role::Scalar(number)).cloned();
        argument.unwrap_or_else(|| variable(self.signature.scalars[number]))
    }

    /// The variable of an open dimension.
    pub(crate) fn open_dim(&self, name: &str) -> Ident {
        let argument = self.argument(&Role::Dim(name.to_owned())).cloned();
        argument.unwrap_or_else(|| variable(name))
    }
}

/// The wrapper, and the reference with its test if the user's function has a body.
///
/// rustc's lints, `unsafe_code` among them, do not look into what the attribute of another crate
/// wrote. Some of clippy's do.
pub(crate) fn expand(kernel: &Kernel<'_>) -> syn::Result<TokenStream> {
    let Kernel { item, .. } = kernel;
    let (attrs, vis, sig) = (&item.attrs, &item.vis, &item.sig);
    let docs = errors_section(kernel);
    let allow = allow();
    let dims = kernel.dims.iter().map(|d| dim(kernel, d));
    let checks = checks(kernel);
    let call = call::call(kernel)?;
    let reference = reference_test::expand(kernel);
    Ok(quote! {
        #(#attrs)*
        #docs
        #allow
        #vis #sig {
            #(#dims)*
            #checks
            #call
        }

        #reference
    })
}

/// The lints that generated code may break.
pub(crate) fn allow() -> TokenStream {
    quote! {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::absolute_paths,
            clippy::integer_division,
            clippy::integer_division_remainder_used,
            reason = "generated code"
        )]
    }
}

/// The end of the documentation, if there is any and it does not say it already.
fn errors_section(kernel: &Kernel<'_>) -> TokenStream {
    let docs = kernel
        .item
        .attrs
        .iter()
        .filter(|a| a.path().is_ident("doc"));
    let docs: Vec<String> = docs.map(|a| a.to_token_stream().to_string()).collect();
    if docs.is_empty() || docs.iter().any(|line| line.contains("# Errors")) {
        return TokenStream::new();
    }
    let ids = match row_numbers(kernel).next() {
        Some(_) => ", an id is not a row of the table",
        None => "",
    };
    let cpu = match kernel.cpu {
        Cpu::Tier(tier) if tier != Tier::Portable => {
            format!(", this CPU does not run kernels of tier `{tier}`")
        }
        _ => String::new(),
    };
    let text = format!(
        " If the length of a slice does not fit the dimensions, a dimension is out of \
         range{ids}{cpu}. Nothing is written then."
    );
    quote! {
        #[doc = ""]
        #[doc = " # Errors"]
        #[doc = #text]
    }
}

/// The variable of a buffer's or dimension's name.
pub(crate) fn variable(name: &str) -> Ident {
    format_ident!("{name}")
}

/// The statements that find a dimension, if it is no argument, and check its range.
fn dim(kernel: &Kernel<'_>, dim: &OpenDim) -> TokenStream {
    let found = found_dim(kernel, dim);
    let range = dim.dim.range(kernel.spec.activation);
    let (text, name) = (&*dim.dim.name, kernel.open_dim(&dim.dim.name));
    let (min, max) = (lengths::wide(*range.start()), lengths::wide(*range.end()));
    match &dim.source {
        Source::Constant(value) => {
            let message = format!(
                "`{}`: dimension `{text}` is out of range, expected {} to {}",
                kernel.spec.op,
                range.start(),
                range.end(),
            );
            // The fault is shown at the constant.
            let at = value.clone().into_iter().next().map(|token| token.span());
            let at = at
                .unwrap_or_else(Span::call_site)
                .resolved_at(Span::call_site());
            let constant = format_ident!("DIMENSION_{}", text.to_uppercase());
            let assert = quote_spanned! {at=>
                ::core::assert!(#constant as u64 >= #min && #constant as u64 <= #max, #message)
            };
            quote! {
                const #constant: usize = #value;
                const _: () = #assert;
                let #name: usize = #constant;
            }
        }
        Source::SameAs(_) => found,
        Source::Argument | Source::Length { .. } => {
            let krate = kernel.krate;
            quote! {
                #found
                #krate::KernelError::check_dim(#text, #name, #min, #max)?;
            }
        }
    }
}

/// The statement that finds a dimension that is neither an argument nor a constant.
fn found_dim(kernel: &Kernel<'_>, dim: &OpenDim) -> TokenStream {
    let name = kernel.open_dim(&dim.dim.name);
    let krate = kernel.krate;
    match &dim.source {
        Source::Argument | Source::Constant(_) => TokenStream::new(),
        Source::SameAs(other) => {
            let other = lengths::dim(kernel, other);
            quote!(let #name: usize = #other;)
        }
        Source::Length { buffer, unit } => {
            let length = kernel.named(buffer);
            if unit.as_const() == Some(1) {
                return quote!(let #name: usize = #length.len(););
            }
            let unit = lengths::checked(kernel, unit, buffer);
            quote! {
                let #name: usize = {
                    let unit: usize = #unit;
                    if unit == 0 {
                        0
                    } else if #length.len() % unit == 0 {
                        #length.len() / unit
                    } else {
                        return ::core::result::Result::Err(#krate::KernelError::NotMultiple {
                            argument: #buffer,
                            unit,
                            found: #length.len(),
                        });
                    }
                };
            }
        }
    }
}

/// The statements that refuse arguments which do not fit.
fn checks(kernel: &Kernel<'_>) -> TokenStream {
    let krate = kernel.krate;
    let mut checks = TokenStream::new();
    for (i, buffer) in kernel.signature.buffers.iter().enumerate() {
        let (name, text) = (kernel.buffer(i), &*buffer.name);
        let expected = lengths::checked(kernel, &buffer.len, text);
        checks.extend(quote! {{
            let expected: usize = #expected;
            if #name.len() != expected {
                return ::core::result::Result::Err(#krate::KernelError::Length {
                    argument: #text,
                    expected,
                    found: #name.len(),
                });
            }
        }});
    }
    for (ids, limit) in row_numbers(kernel) {
        let (ids, limit) = (kernel.named(&ids), lengths::dim(kernel, limit));
        checks.extend(quote!(#krate::KernelError::check_ids(#ids, #limit)?;));
    }
    for dim in kernel.spec.dims() {
        if let Some(Bound::AtLeast(rows)) = dim.bound {
            let (rows, stride) = (lengths::dim(kernel, rows), lengths::dim(kernel, &dim.name));
            checks.extend(quote!(#krate::KernelError::check_stride(#rows, #stride)?;));
        }
    }
    checks
}

/// The buffers of row numbers, and the dimensions that these are below.
fn row_numbers<'a>(
    kernel: &Kernel<'a>,
) -> impl Iterator<Item = (Cow<'static, str>, &'static str)> + 'a {
    let buffers = kernel.signature.buffers.iter();
    buffers.filter_map(|buffer| match buffer.content {
        Content::Rows(limit) => Some((buffer.name.clone(), limit)),
        _ => None,
    })
}
