//! The user's scalar body, kept under another name, and the test that holds the kernel to it.

use crate::dims::Source;
use crate::expand::{Kernel, allow, variable};
use crate::lengths;
use crate::signature::{Role, element};
use atome_codegen::ir::{Access, Elem};
use atome_codegen::op::{Bound, BufferDef, Content, Dim};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

/// Nothing if the user's function has no body.
pub(crate) fn expand(kernel: &Kernel<'_>) -> TokenStream {
    let Some(body) = &kernel.item.body else {
        return TokenStream::new();
    };
    let mut sig = kernel.item.sig.clone();
    let name = sig.ident.clone();
    sig.ident = format_ident!("{name}_reference");
    let doc = format!(" What [`{name}`] computes, in scalar code.");
    let errors = format!(" As [`{name}`].");
    let vis = &kernel.item.vis;
    let reference = sig.ident.clone();
    let test = test(kernel, &reference);
    quote! {
        #[doc = #doc]
        #[doc = ""]
        #[doc = " # Errors"]
        #[doc = #errors]
        #[allow(
            clippy::missing_errors_doc,
            clippy::too_many_arguments,
            reason = "its head is the kernel's"
        )]
        #vis #sig #body

        // Used, so that it is not called dead outside of tests.
        const _: () = {
            let _ = #reference;
        };

        #test
    }
}

fn test(kernel: &Kernel<'_>, reference: &Ident) -> TokenStream {
    let name = &kernel.item.sig.ident;
    let test = format_ident!("{name}_agrees_with_its_reference");
    let krate = kernel.krate;
    let dims = kernel.dims.iter().map(|dim| {
        let variable = kernel.open_dim(&dim.dim.name);
        match &dim.source {
            Source::Constant(value) => quote!(let #variable: usize = #value;),
            _ => {
                let least = least(kernel, &dim.dim);
                quote!(let #variable: usize = #least + random.dim();)
            }
        }
    });
    let scalars = (0..kernel.signature.scalars.len()).map(|i| {
        let scalar = kernel.scalar(i);
        quote!(let #scalar: f32 = random.float();)
    });
    let allow = allow();
    let buffers = buffers(kernel);
    let fill_weights = fill_weights(kernel);
    let (ours, theirs) = (arguments(kernel, "ours"), arguments(kernel, "theirs"));
    let copies = outputs(kernel).map(|(name, _)| {
        let [ours, theirs] = ["ours", "theirs"].map(|whose| copy(&name, whose));
        quote! {
            let mut #ours = #name.clone();
            let mut #theirs = #name.clone();
        }
    });
    let comparisons = outputs(kernel).map(|(name, buffer)| compare(&name, buffer));
    quote! {
        #[cfg(test)]
        #[::core::prelude::v1::test]
        #allow
        fn #test() {
            extern crate std;
            use std::prelude::rust_2021::*;
            for round in 0..#krate::agree::ROUNDS {
                let mut random = #krate::agree::Random::new(round);
                #(#dims)*
                #(#scalars)*
                #buffers
                #fill_weights
                #(#copies)*
                let found = #name(#ours);
                let expected = #reference(#theirs);
                std::assert!(found.is_ok(), "round {round}: {:?}", found.err());
                std::assert!(expected.is_ok(), "round {round}: {:?}", expected.err());
                #(#comparisons)*
            }
        }
    }
}

/// Both outputs of a buffer, bit for bit.
fn compare(name: &Ident, buffer: &BufferDef) -> TokenStream {
    let [ours, theirs] = ["ours", "theirs"].map(|whose| copy(name, whose));
    let text = name.unraw().to_string();
    let bits = match buffer.content.elem() {
        Elem::F32 => quote!(found.to_bits() == expected.to_bits()),
        Elem::I32 => quote!(found == expected),
    };
    quote! {
        for (i, (found, expected)) in #ours.iter().zip(&#theirs).enumerate() {
            std::assert!(
                #bits,
                "round {round}: `{}[{i}]` is {found}, expected {expected}",
                #text,
            );
        }
    }
}

/// The least value of a dimension that makes sense.
fn least(kernel: &Kernel<'_>, dim: &Dim) -> TokenStream {
    let is_table = |b: &BufferDef| matches!(b.content, Content::Rows(limit) if limit == dim.name);
    match dim.bound {
        Some(Bound::AtLeast(other)) => lengths::dim(kernel, other),
        _ if kernel.signature.buffers.iter().any(is_table) => quote!(1),
        _ => {
            let least = lengths::wide(*dim.range(kernel.spec.activation).start());
            quote!(#least as usize)
        }
    }
}

fn outputs<'a>(kernel: &'a Kernel<'_>) -> impl Iterator<Item = (Ident, &'a BufferDef)> {
    let buffers = kernel.signature.buffers.iter().enumerate();
    let written = buffers.filter(|(_, b)| b.access != Access::In);
    written.map(|(i, b)| (kernel.buffer(i), b))
}

fn copy(buffer: &Ident, whose: &str) -> Ident {
    format_ident!("{buffer}_{whose}")
}

fn buffers(kernel: &Kernel<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (i, buffer) in kernel.signature.buffers.iter().enumerate() {
        let name = kernel.buffer(i);
        let len = lengths::known(kernel, &buffer.len);
        let (zero, element) = (Literal::u8_unsuffixed(0), variable(element(buffer.content)));
        let zero = quote!(#zero as #element);
        tokens.extend(quote!(let mut #name = std::vec![#zero; #len];));
        if buffer.content == Content::F32 {
            tokens.extend(quote!(random.floats(&mut #name);));
        }
    }
    tokens
}

/// Weights, ids and activations that there may be.
fn fill_weights(kernel: &Kernel<'_>) -> TokenStream {
    let inputs = kernel.signature.buffers.iter().enumerate();
    let inputs = inputs.filter(|(_, buffer)| buffer.access == Access::In);
    inputs
        .map(|(i, buffer)| fill(kernel, &kernel.buffer(i), buffer.content))
        .collect()
}

fn fill(kernel: &Kernel<'_>, buffer: &Ident, content: Content) -> TokenStream {
    let dim = |name| lengths::dim(kernel, name);
    match content {
        Content::F32 | Content::I32 | Content::F16 => TokenStream::new(),
        Content::Rows(limit) => {
            let limit = dim(limit);
            quote!(random.ids(#limit, &mut #buffer);)
        }
        Content::I8 => {
            let (cols, sums) = (dim("cols"), kernel.named("x_sum"));
            quote!(random.quantized(#cols, &mut #buffer, &mut #sums);)
        }
        Content::Table(packing) => {
            let (krate, packing) = (kernel.krate, variable(&format!("{packing:?}")));
            quote!(random.table(#krate::Packing::#packing, &mut #buffer);)
        }
        Content::Matrix(packing) => {
            let (rows, cols) = (dim("rows"), dim("cols"));
            let (krate, packing) = (kernel.krate, variable(&format!("{packing:?}")));
            quote!(random.matrix(#krate::Packing::#packing, #rows, #cols, &mut #buffer);)
        }
        Content::Taps(_) => {
            let (channels, taps) = (dim("channels"), dim("taps"));
            quote!(random.filters(#channels, #taps, &mut #buffer);)
        }
    }
}

/// The arguments in the user's order, with one caller's copies of the outputs.
fn arguments(kernel: &Kernel<'_>, whose: &str) -> TokenStream {
    let mut tokens = TokenStream::new();
    for argument in kernel.arguments {
        let name = &argument.name;
        tokens.extend(match &argument.role {
            Role::Dim(_) | Role::Scalar(_) => quote!(#name,),
            Role::Buffer(i) if kernel.signature.buffers[*i].access == Access::In => {
                quote!(&#name,)
            }
            Role::Buffer(_) => {
                let copy = copy(name, whose);
                quote!(&mut #copy,)
            }
        });
    }
    tokens
}
