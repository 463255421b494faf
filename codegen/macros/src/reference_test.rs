//! The user's scalar body, kept under another name, and the test that holds the kernel to it.

use crate::dims::Source;
use crate::expand::{Kernel, allow, variable};
use crate::lengths;
use crate::signature::{Role, is_number};
use atome_codegen::ir::{Access, BufferParam, Elem};
use atome_spec::{Activation, Op, Packing};
use proc_macro2::{Ident, TokenStream};
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
        let variable = kernel.open_dim(&dim.name);
        match &dim.source {
            Source::Constant(value) => quote!(let #variable: usize = #value;),
            _ => {
                let least = least(kernel, &dim.name);
                quote!(let #variable: usize = #least + random.dim();)
            }
        }
    });
    let scalars = (0..kernel.function.scalars.len()).map(|i| {
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
fn compare(name: &Ident, buffer: &BufferParam) -> TokenStream {
    let [ours, theirs] = ["ours", "theirs"].map(|whose| copy(name, whose));
    let text = name.unraw().to_string();
    let bits = match buffer.elem {
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
fn least(kernel: &Kernel<'_>, dim: &str) -> TokenStream {
    match dim {
        "taps" | "vocab" => quote!(1),
        "out_stride" => lengths::dim(kernel, "rows"),
        _ => quote!(0),
    }
}

fn outputs<'a>(kernel: &'a Kernel<'_>) -> impl Iterator<Item = (Ident, &'a BufferParam)> {
    let buffers = kernel.function.buffers.iter().enumerate();
    let written = buffers.filter(|(_, b)| b.access != Access::In);
    written.map(|(i, b)| (kernel.buffer(i), b))
}

fn copy(buffer: &Ident, whose: &str) -> Ident {
    format_ident!("{buffer}_{whose}")
}

fn buffers(kernel: &Kernel<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (i, buffer) in kernel.function.buffers.iter().enumerate() {
        let name = kernel.buffer(i);
        let len = lengths::known(kernel, &buffer.len);
        let zero = match (buffer.elem, buffer.access) {
            (Elem::F32, _) => quote!(0f32),
            (Elem::I32, _) if is_number(buffer) => quote!(0i32),
            (Elem::I32, _) => quote!(0u32),
        };
        tokens.extend(quote!(let mut #name = std::vec![#zero; #len];));
        if buffer.elem == Elem::F32 {
            tokens.extend(quote!(random.floats(&mut #name);));
        }
    }
    tokens
}

fn fill_weights(kernel: &Kernel<'_>) -> TokenStream {
    let dim = |name| lengths::dim(kernel, name);
    let [table, ids, w, x, x_sum] =
        ["table", "ids", "w", "x", "x_sum"].map(|name| kernel.named(name));
    match (kernel.spec.op, kernel.spec.packing) {
        (Op::Embed, packing) => {
            let vocab = dim("vocab");
            let fill = match packing {
                Some(Packing::Base3) => quote!(random.base3(&mut #table);),
                _ => quote!(random.int2(&mut #table);),
            };
            quote! {
                #fill
                random.ids(#vocab, &mut #ids);
            }
        }
        (Op::Gemv | Op::Gemm, _) => {
            let (rows, cols) = (dim("rows"), dim("cols"));
            let (krate, packing) = (kernel.krate, kernel.spec.packing);
            let packing = variable(&format!("{:?}", packing.unwrap_or(Packing::Int2)));
            let packing = quote!(#krate::Packing::#packing);
            let quantized = (kernel.spec.activation == Activation::I8)
                .then(|| quote!(random.quantized(#cols, &mut #x, &mut #x_sum);));
            quote! {
                random.matrix(#packing, #rows, #cols, &mut #w);
                #quantized
            }
        }
        (Op::Conv1d, _) => {
            let (channels, taps) = (dim("channels"), dim("taps"));
            quote!(random.filters(#channels, #taps, &mut #w);)
        }
        _ => TokenStream::new(),
    }
}

/// The arguments in the user's order, with one caller's copies of the outputs.
fn arguments(kernel: &Kernel<'_>, whose: &str) -> TokenStream {
    let mut tokens = TokenStream::new();
    for argument in kernel.arguments {
        let name = &argument.name;
        tokens.extend(match &argument.role {
            Role::Dim(_) | Role::Scalar(_) => quote!(#name,),
            Role::Buffer(i) if kernel.function.buffers[*i].access == Access::In => {
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
