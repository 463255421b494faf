//! The table of ahead-of-time kernels of one CPU tier, for `atome-kernels` itself.

use crate::compile::compile;
use atome_codegen::ir::{Access, Elem, Function};
use atome_codegen::{KernelSpec, emit::rust, spec};
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
        items.extend(caller(&function));
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
    let (symbol, call) = (format_ident!("{}", function.name), caller_name(function));
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

fn caller_name(function: &Function) -> proc_macro2::Ident {
    format_ident!("call_{}", function.name)
}

/// The function that unpacks a slice of words into the kernel's arguments.
///
/// What it does to the words is what [`atome_codegen::ir::Function`] says of arguments.
fn caller(function: &Function) -> TokenStream {
    let (name, symbol) = (caller_name(function), format_ident!("{}", function.name));
    let mut words = Vec::new();
    let mut arguments = Vec::new();
    let mut word = |argument: &dyn Fn(&proc_macro2::Ident) -> TokenStream| {
        let word = format_ident!("a{}", words.len());
        arguments.push(argument(&word));
        words.push(word);
    };
    for buffer in &function.buffers {
        let elem = match buffer.elem {
            Elem::F32 => quote!(f32),
            Elem::I32 => quote!(i32),
        };
        word(&|a| match buffer.access {
            Access::In => quote!(::core::ptr::with_exposed_provenance::<#elem>(#a as usize)),
            _ => quote!(::core::ptr::with_exposed_provenance_mut::<#elem>(#a as usize)),
        });
    }
    function.dims.iter().for_each(|_| word(&|a| quote!(#a)));
    function
        .scalars
        .iter()
        .for_each(|_| word(&|a| quote!(f32::from_bits(#a as u32))));
    let expected = words.len();
    quote! {
        unsafe fn #name(args: &[u64]) {
            let &[#(#words),*] = args else {
                wrong_count(args.len(), #expected)
            };
            // SAFETY: the caller's promise about the arguments, and about the CPU.
            unsafe { #symbol(#(#arguments),*) }
        }
    }
}
