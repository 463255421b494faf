//! The functions that calls call: a module for each instruction set, of which the compiler takes the first that its target
//! has.

use super::{EmbedError, Settings};
use atome_codegen::emit::rust::{self, Vectors};
use atome_codegen::ir::Function;
use atome_codegen::{CodegenError, KernelSpec, Schedule, compile, schedule};
use atome_spec::{Feature, Isa};
use proc_macro2::TokenStream;
use quote::quote;

/// What generated code may do that linters would ask about.
pub(super) fn allow() -> TokenStream {
    quote! {
        #[allow(
            unused,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::undocumented_unsafe_blocks,
            clippy::multiple_unsafe_ops_per_block,
            unsafe_op_in_unsafe_fn,
            reason = "generated code: loads and stores are bounded by the proved plan"
        )]
    }
}

/// The modules, all called `kernels`, of which one is compiled.
pub(super) fn modules(
    specs: &[KernelSpec],
    settings: &Settings,
) -> Result<TokenStream, EmbedError> {
    let mut tokens = TokenStream::new();
    let mut before: Vec<TokenStream> = Vec::new();
    let isas = settings.isas.iter().copied();
    for isa in isas.filter(|isa| *isa != Isa::Portable) {
        let has = condition(isa);
        tokens.extend(module(
            specs,
            isa,
            &quote!(all(#has, not(any(#(#before),*)))),
        )?);
        before.push(has);
    }
    tokens.extend(module(
        specs,
        Isa::Portable,
        &quote!(not(any(#(#before),*))),
    )?);
    Ok(tokens)
}

/// When a target has an instruction set.
fn condition(isa: Isa) -> TokenStream {
    let arch = rust::target_arch(isa.tier());
    let features = isa.enables().iter().map(|feature: &Feature| {
        let name = feature.name();
        quote!(target_feature = #name)
    });
    quote!(all(target_arch = #arch, #(#features),*))
}

fn module(specs: &[KernelSpec], isa: Isa, when: &TokenStream) -> Result<TokenStream, EmbedError> {
    let functions = specs.iter().map(|spec| function(spec, isa));
    let functions: Vec<Function> = functions.collect::<Result<_, CodegenError>>()?;
    let items = rust::emit_all(&functions, isa, Vectors::Lanes)?;
    let (allow, docs) = (allow(), format!(" The kernels for `{isa}`."));
    Ok(quote! {
        #[cfg(#when)]
        #[doc = #docs]
        #allow
        mod kernels {
            #items
        }
    })
}

/// The kernel of a specification; without unrolled loops where there are no vectors, since code is then what there is least
/// room for.
fn function(spec: &KernelSpec, isa: Isa) -> Result<Function, CodegenError> {
    let selected = schedule::select(spec, isa);
    let unroll = selected.unroll.map(|unroll| match isa {
        Isa::Portable => 1,
        _ => unroll,
    });
    compile(spec, &Schedule { unroll, ..selected })
}
