//! Safe functions over the tables of `atome-kernels`: what the attribute would write for an open
//! shape, with calls of the kernels that are compiled already.

use crate::check::{Checked, Cpu};
use crate::errors::Errors;
use crate::parse::Item;
use crate::signature::buffer_type;
use crate::{dims, expand, signature};
use atome_codegen::ir::Access;
use atome_codegen::op::{self, Callers, Signature};
use atome_codegen::{KernelSpec, schedule};
use atome_spec::{Activation, Kind, Tier};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;

/// A function for each kernel by its op's first method, of those that every tier has.
pub(crate) fn expand() -> syn::Result<TokenStream> {
    let kinds = op::kinds().into_iter();
    let kinds = kinds.filter(|kind| op::callers(kind.op) != Callers::Plans);
    let kinds = kinds.filter(|kind| kind.method.is_none());
    let is_on = |kind: Kind, tier: &Tier| schedule::is_ahead_of_time(kind, tier.baseline());
    let kinds = kinds.filter(|kind| Tier::ALL.iter().all(|tier| is_on(*kind, tier)));
    kinds.map(function).collect()
}

fn function(kind: Kind) -> syn::Result<TokenStream> {
    let spec = KernelSpec::from(kind);
    let kernel = spec.signature();
    let item: Item = syn::parse2(item(&spec, &kernel))?;
    let mut errors = Errors::default();
    let checked = Checked {
        spec: None,
        constants: BTreeMap::new(),
        cpu: Cpu::AheadOfTime,
        krate: syn::parse_quote!(crate),
    };
    let arguments = signature::check(&item.sig, &checked, &spec, &kernel, &mut errors);
    let dims = dims::sources(&checked, &item.sig, &kernel, &arguments, &[], &mut errors);
    if !errors.is_empty() {
        return Ok(errors.into_tokens());
    }
    expand::expand(&expand::Kernel {
        item: &item,
        spec: &spec,
        cpu: checked.cpu,
        krate: &checked.krate,
        signature: &kernel,
        arguments: &arguments,
        dims: &dims,
    })
}

/// The function as a user would write it: dimensions that no length tells, inputs, scalars, outputs.
fn item(spec: &KernelSpec, kernel: &Signature) -> TokenStream {
    let name = format_ident!("{}", name(spec));
    let docs = docs(spec, kernel);
    let open = kernel.dims.iter();
    let open = open.filter(|dim| dims::inferred(dim, kernel).is_none());
    let open: Vec<Ident> = open.map(|dim| format_ident!("{}", dim.name)).collect();
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
    let scalars = kernel.scalars.iter().map(|s| format_ident!("{s}"));
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
        .filter(|_| op::packings(spec.op, spec.activation).len() > 1)
    {
        name.push_str(&format!("_{packing}"));
    }
    if spec.activation == Activation::I8 {
        name.push_str("_i8");
    }
    name
}

/// What it computes and how long its slices are.
fn docs(spec: &KernelSpec, kernel: &Signature) -> Vec<String> {
    let mut docs = vec![
        format!(" The kernel `{}` for this CPU.", spec.name()),
        String::new(),
        format!(
            " [`Op::{:?}`](crate::Op::{:?}) says what it computes, `docs/ir.md` in which order.",
            spec.op, spec.op
        ),
        String::new(),
    ];
    let declared = kernel.declaration("_");
    for buffer in &kernel.buffers {
        let len = declared.show(&buffer.len);
        docs.push(format!(" - `{}`: `{len}` elements", buffer.name));
    }
    docs
}
