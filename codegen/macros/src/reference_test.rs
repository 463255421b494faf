//! The user's scalar body, kept under another name, and the test that holds the kernel to it.

use crate::expand::{Kernel, variable};
use crate::lengths;
use crate::signature::{Role, is_number};
use atome_codegen::ir::{Access, Elem};
use atome_spec::{Activation, Op, Packing};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// Nothing if the user's function has no body.
pub(crate) fn expand(kernel: &Kernel<'_>) -> TokenStream {
    let Some(body) = &kernel.item.body else {
        return TokenStream::new();
    };
    let mut sig = kernel.item.sig.clone();
    let name = sig.ident.clone();
    sig.ident = format_ident!("{name}_reference");
    let doc = format!(" What [`{name}`] computes, in scalar code.");
    let vis = &kernel.item.vis;
    let test = test(kernel, &sig.ident);
    quote! {
        #[doc = #doc]
        #[allow(dead_code, reason = "kept as the definition of the kernel")]
        #vis #sig #body

        #test
    }
}

fn test(kernel: &Kernel<'_>, reference: &Ident) -> TokenStream {
    let name = &kernel.item.sig.ident;
    let test = format_ident!("{name}_agrees_with_its_reference");
    let krate = kernel.krate;
    let dims = kernel.function.dims.iter().map(|dim| {
        let variable = variable(dim);
        let least = least(kernel, dim);
        quote!(let #variable: usize = #least + random.dim();)
    });
    let scalars = kernel.function.scalars.iter().map(|scalar| {
        let scalar = variable(&scalar.name);
        quote!(let #scalar: f32 = random.float();)
    });
    let buffers = buffers(kernel);
    let fill_weights = fill_weights(kernel);
    let (ours, theirs) = (arguments(kernel, "ours"), arguments(kernel, "theirs"));
    let outputs: Vec<Ident> = outputs(kernel).collect();
    let names: Vec<String> = outputs.iter().map(Ident::to_string).collect();
    let [our_outputs, their_outputs] = ["ours", "theirs"].map(|whose| {
        outputs
            .iter()
            .map(|o| copy(o, whose))
            .collect::<Vec<Ident>>()
    });
    quote! {
        #[cfg(test)]
        #[test]
        #[allow(clippy::all, unused, reason = "generated code")]
        fn #test() {
            extern crate std;
            for round in 0..#krate::agree::ROUNDS {
                let mut random = #krate::agree::Random::new(round);
                #(#dims)*
                #(#scalars)*
                #buffers
                #fill_weights
                #(
                    let mut #our_outputs = #outputs.clone();
                    let mut #their_outputs = #outputs.clone();
                )*
                let found = #name(#ours);
                let expected = #reference(#theirs);
                assert!(found.is_ok(), "round {round}: {:?}", found.err());
                assert!(expected.is_ok(), "round {round}: {:?}", expected.err());
                #(
                    for (i, (found, expected)) in
                        #our_outputs.iter().zip(&#their_outputs).enumerate()
                    {
                        let (found, expected): (&f32, &f32) = (found, expected);
                        assert!(
                            found.to_bits() == expected.to_bits(),
                            "round {round}: `{}[{i}]` is {found}, expected {expected}",
                            #names,
                        );
                    }
                )*
            }
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

fn outputs(kernel: &Kernel<'_>) -> impl Iterator<Item = Ident> {
    let written = kernel.function.buffers.iter();
    written
        .filter(|b| b.access != Access::In)
        .map(|b| variable(&b.name))
}

fn copy(buffer: &Ident, whose: &str) -> Ident {
    format_ident!("{buffer}_{whose}")
}

fn buffers(kernel: &Kernel<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    for buffer in &kernel.function.buffers {
        let name = variable(&buffer.name);
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
    match (kernel.spec.op, kernel.spec.packing) {
        (Op::Embed, packing) => {
            let vocab = dim("vocab");
            let table = match packing {
                Some(Packing::Base3) => quote!(random.base3(&mut table);),
                _ => quote!(random.int2(&mut table);),
            };
            quote! {
                #table
                random.ids(#vocab, &mut ids);
            }
        }
        (Op::Gemv | Op::Gemm, _) => {
            let (rows, cols) = (dim("rows"), dim("cols"));
            let (krate, packing) = (kernel.krate, kernel.spec.packing);
            let packing = variable(&format!("{:?}", packing.unwrap_or(Packing::Int2)));
            let packing = quote!(#krate::Packing::#packing);
            let x = (kernel.spec.activation == Activation::I8)
                .then(|| quote!(random.quantized(#cols, &mut x, &mut x_sum);));
            quote! {
                random.matrix(#packing, #rows, #cols, &mut w);
                #x
            }
        }
        (Op::Conv1d, _) => {
            let (channels, taps) = (dim("channels"), dim("taps"));
            quote!(random.filters(#channels, #taps, &mut w);)
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
