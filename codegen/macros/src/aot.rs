//! The table of ahead-of-time kernels of one CPU tier, for `atome-kernels` itself.

use atome_codegen::emit::rust::{self, Bound};
use atome_codegen::ir::Function;
use atome_codegen::schedule::Fields;
use atome_codegen::{CodegenError, KernelSpec, compile_for, op, schedule};
use atome_spec::{Isa, Op, Tier};
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
    let failed = |e: &dyn std::fmt::Display| syn::Error::new(input.at.span(), e);
    let mut items = TokenStream::new();
    let mut entries = Vec::new();
    for isa in input.tier.isas() {
        let kernels = kernels(isa).map_err(|e| failed(&e))?;
        // The tier's own condition is that of the module.
        let condition = rust::condition(isa).filter(|_| isa.is_extension());
        let condition = condition.map(|condition| quote!(#[cfg(#condition)]));
        for (spec, function) in &kernels {
            let item = item(spec, function, isa, &kernels).map_err(|e| failed(&e))?;
            let caller = rust::caller(function, &caller_name(function));
            let caller = caller.map_err(|e| failed(&e))?;
            items.extend(quote!(#condition #item #condition #caller));
            let entry = entry(spec, isa, function);
            entries.push(quote!(#condition #entry));
        }
    }
    Ok(quote! {
        #items

        /// Every kernel of the tier.
        pub(super) static KERNELS: &[Kernel] = &[#(#entries),*];
    })
}

/// The name of a kernel's function.
fn symbol(spec: &KernelSpec, isa: Isa) -> String {
    format!(
        "{}_{}",
        spec.symbol(),
        isa.name().replace('.', "").replace('-', "_")
    )
}

/// The path of a kernel's function inside `atome-kernels`.
pub(crate) fn path(spec: &KernelSpec, isa: Isa) -> TokenStream {
    let module = format_ident!("{}", isa.tier().name().replace('-', "_"));
    let symbol = format_ident!("{}", symbol(spec, isa));
    quote!(crate::aot::#module::#symbol)
}

/// What an instruction set has kernels for, compiled.
fn kernels(isa: Isa) -> Result<Vec<(KernelSpec, Function)>, CodegenError> {
    let kinds = op::kinds().into_iter();
    let kinds = kinds.filter(|kind| schedule::is_ahead_of_time(*kind, isa));
    kinds
        .map(|kind| {
            let spec = KernelSpec::from(kind);
            let mut function = compile_for(&spec, isa)?;
            function.name = symbol(&spec, isa);
            Ok((spec, function))
        })
        .collect()
}

/// The kernel's function. A `gemv` whose tiles are those of a `gemm` is that `gemm` with one
/// token, but where it has tables, which for one token are laid out otherwise.
fn item(
    spec: &KernelSpec,
    function: &Function,
    isa: Isa,
    kernels: &[(KernelSpec, Function)],
) -> Result<TokenStream, rust::EmitError> {
    let gemm = KernelSpec {
        op: Op::Gemm,
        ..spec.clone()
    };
    let [of_gemv, of_gemm] = [spec, &gemm].map(|spec| schedule::select(spec, isa));
    let is_same =
        spec.op == Op::Gemv && of_gemv == of_gemm && of_gemv.fields != Some(Fields::Pairs);
    match kernels.iter().find(|(other, _)| is_same && *other == gemm) {
        Some((_, gemm)) => {
            let one_token = [
                ("tokens", Bound::Number(1)),
                ("out_stride", Bound::Dim("rows")),
            ];
            rust::forward(function, gemm, &one_token, isa)
        }
        None => rust::emit(function, isa),
    }
}

/// An element of the table. The names are those of `atome_kernels::aot`.
fn entry(spec: &KernelSpec, isa: Isa, function: &Function) -> TokenStream {
    let name = format!("{}-{isa}", spec.name());
    let op = variant("Op", &format!("{:?}", spec.op));
    let activation = variant("Activation", &format!("{:?}", spec.activation));
    let isa = variant("Isa", &format!("{isa:?}"));
    let packing = spec.packing.map(|p| variant("Packing", &format!("{p:?}")));
    let packing = packing.map(|packing| quote!(.packing(#packing)));
    let method = spec.method.map(|m| variant("Method", &format!("{m:?}")));
    let method = method.map(|method| quote!(.method(#method)));
    let symbol = format_ident!("{}", function.name);
    let call = format_ident!("{}", caller_name(function));
    quote! {
        Kernel {
            name: #name,
            kind: Kind::new(#op)#packing.activation(#activation)#method,
            isa: #isa,
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
