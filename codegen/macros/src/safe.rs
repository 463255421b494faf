//! Safe functions over the tables of `atome-kernels`: what the attribute would write for an open
//! shape, with calls of the kernels that are compiled already.

use crate::check::{Checked, Cpu};
use crate::errors::Errors;
use crate::parse::Item;
use crate::signature::buffer_type;
use crate::{dims, expand, parameters, signature};
use atome_codegen::ir::{Access, Function};
use atome_codegen::{KernelSpec, spec};
use atome_spec::{Activation, Kind, Op};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;

/// Ops whose kernels go nowhere but where lengths and ids say.
const OPS: [Op; 18] = [
    Op::Embed,
    Op::Gemv,
    Op::Gemm,
    Op::Conv1d,
    Op::Scan,
    Op::Norm,
    Op::RmsNorm,
    Op::Quantize,
    Op::RmsQuantize,
    Op::Softmax,
    Op::Exp,
    Op::Tanh,
    Op::Softplus,
    Op::Silu,
    Op::Add,
    Op::LookupF32,
    Op::LookupF16,
    Op::LookupI8,
];

/// A function for each kernel by its op's first method.
pub(crate) fn expand() -> syn::Result<TokenStream> {
    let kinds = spec::kinds().into_iter();
    let kinds = kinds.filter(|kind| OPS.contains(&kind.op) && kind.method.is_none());
    kinds.map(function).collect()
}

fn function(kind: Kind) -> syn::Result<TokenStream> {
    let spec = KernelSpec::from(kind);
    let kernel = parameters(&spec);
    let item: Item = syn::parse2(item(&spec, &kernel))?;
    let mut errors = Errors::default();
    let checked = Checked {
        spec: None,
        constants: BTreeMap::new(),
        cpu: Cpu::AheadOfTime,
        krate: syn::parse_quote!(crate),
    };
    let arguments = signature::check(&item.sig, &checked, &spec, &kernel, &mut errors);
    let dims = dims::sources(
        &checked,
        &spec,
        &item.sig,
        &kernel,
        &arguments,
        &[],
        &mut errors,
    );
    if !errors.is_empty() {
        return Ok(errors.into_tokens());
    }
    expand::expand(&expand::Kernel {
        item: &item,
        spec: &spec,
        cpu: checked.cpu,
        krate: &checked.krate,
        function: &kernel,
        arguments: &arguments,
        dims: &dims,
    })
}

/// The function as a user would write it: dimensions that no length tells, inputs, scalars, outputs.
fn item(spec: &KernelSpec, kernel: &Function) -> TokenStream {
    let name = format_ident!("{}", name(spec));
    let docs = docs(spec, kernel);
    let open = kernel
        .dims
        .iter()
        .filter(|dim| !dims::is_inferred(spec, dim, kernel));
    let open: Vec<Ident> = open.map(|dim| format_ident!("{dim}")).collect();
    let buffers = |written: bool| {
        let some = kernel.buffers.iter();
        let some = some.filter(move |b| (b.access != Access::In) == written);
        let some = some.map(|buffer| {
            let name = format_ident!("{}", buffer.name);
            let ty: TokenStream = buffer_type(buffer).parse().unwrap_or_default();
            quote!(#name: #ty)
        });
        some.collect::<Vec<_>>()
    };
    let (inputs, outputs) = (buffers(false), buffers(true));
    let scalars = kernel.scalars.iter().map(|s| format_ident!("{}", s.name));
    quote! {
        #(#[doc = #docs])*
        pub fn #name(
            #(#open: usize,)*
            #(#inputs,)*
            #(#scalars: f32,)*
            #(#outputs,)*
        ) -> Result<(), KernelError>;
    }
}

/// `{op}_{packing}_{activation}`, without what goes without saying.
fn name(spec: &KernelSpec) -> String {
    let mut name = spec.op.to_string();
    if let Some(packing) = spec
        .packing
        .filter(|_| spec::packings(spec.op, spec.activation).len() > 1)
    {
        name.push_str(&format!("_{packing}"));
    }
    if spec.activation == Activation::I8 {
        name.push_str("_i8");
    }
    name
}

/// What it computes and how long its slices are.
fn docs(spec: &KernelSpec, kernel: &Function) -> Vec<String> {
    let mut docs = vec![
        format!(" The kernel `{}` for this CPU.", spec.name()),
        String::new(),
        format!(
            " [`Op::{:?}`](crate::Op::{:?}) says what it computes, `docs/ir.md` in which order.",
            spec.op, spec.op
        ),
        String::new(),
    ];
    for buffer in &kernel.buffers {
        let len = kernel.show(&buffer.len);
        docs.push(format!(" - `{}`: `{len}` elements", buffer.name));
    }
    docs
}
