//! The table of ahead-of-time kernels of one CPU tier, for `atome-kernels` itself.

use atome_codegen::ir::Function;
use atome_codegen::{KernelSpec, compile, emit::rust, spec};
use atome_spec::{Op, Packing, Tier};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::LitStr;
use syn::parse::{Parse, ParseStream};

/// `tier = "x86-64-v4"`
pub(crate) struct Input {
    tier: Tier,
    at: LitStr,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Input> {
        let at: LitStr = input.parse()?;
        let tier = at
            .value()
            .parse()
            .map_err(|e| syn::Error::new(at.span(), e))?;
        Ok(Input { tier, at })
    }
}

/// Every kernel of a tier with all dimensions open, and `KERNELS`, the list of them.
pub(crate) fn expand(input: &Input) -> syn::Result<TokenStream> {
    let mut items = TokenStream::new();
    let mut entries = Vec::new();
    for spec in specs() {
        let failed = |e: &dyn std::fmt::Display| syn::Error::new(input.at.span(), e);
        let function = compile(&spec, input.tier).map_err(|e| failed(&e))?;
        items.extend(rust::emit(&function, input.tier).map_err(|e| failed(&e))?);
        let caller = rust::caller(&function, &caller_name(&function));
        items.extend(caller.map_err(|e| failed(&e))?);
        entries.push(entry(&spec, input.tier, &function));
    }
    let count = entries.len();
    Ok(quote! {
        #items

        /// Every kernel of the tier.
        pub(super) static KERNELS: [Kernel; #count] = [#(#entries),*];
    })
}

/// Every kernel there is: one an op, or one a packing for ternary ops.
fn specs() -> Vec<KernelSpec> {
    let mut specs = Vec::new();
    for &op in Op::ALL {
        let packings = spec::packings(op);
        if packings.is_empty() {
            specs.push(KernelSpec::new(op));
        }
        specs.extend(packings.iter().map(|&p| KernelSpec::new(op).packing(p)));
    }
    specs
}

/// An element of the table. The names are those of `atome_kernels::aot`.
fn entry(spec: &KernelSpec, tier: Tier, function: &Function) -> TokenStream {
    let name = format!("{}-{}", spec.name(), tier.isa());
    let op = variant("Op", &format!("{:?}", spec.op));
    let tier = variant("Tier", &format!("{tier:?}"));
    let packing = match spec.packing {
        Some(Packing::Int2) => quote!(Some(Packing::Int2)),
        Some(Packing::Base3) => quote!(Some(Packing::Base3)),
        None => quote!(None),
    };
    let symbol = format_ident!("{}", function.name);
    let call = format_ident!("{}", caller_name(function));
    quote! {
        Kernel {
            name: #name,
            op: #op,
            packing: #packing,
            tier: #tier,
            entry: || #symbol as *const (),
            call: #call,
        }
    }
}

fn variant(of: &str, name: &str) -> TokenStream {
    let (of, name) = (format_ident!("{of}"), format_ident!("{name}"));
    quote!(#of::#name)
}

fn caller_name(function: &Function) -> String {
    format!("call_{}", function.name)
}
