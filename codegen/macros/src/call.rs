//! The kernels of every tier asked for, and the call of the one that the CPU runs best.

use crate::aot;
use crate::check::Cpu;
use crate::expand::Kernel;
use atome_codegen::ir::{Access, Elem};
use atome_codegen::{compile_for, emit::rust, schedule};
use atome_spec::{Isa, Tier};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

fn variant(kernel: &Kernel<'_>, tier: Tier) -> TokenStream {
    let (krate, variant) = (kernel.krate, format_ident!("{tier:?}"));
    quote!(#krate::Tier::#variant)
}

/// The extensions of a tier that the kernel gains from.
fn extensions(kernel: &Kernel<'_>, tier: Tier) -> impl Iterator<Item = Isa> {
    tier.isas()
        .filter(|isa| isa.is_extension() && schedule::gains(kernel.spec, *isa))
}

/// Says where code for an instruction set compiles, if not everywhere.
fn condition(isa: Isa) -> Option<TokenStream> {
    let condition = rust::condition(isa)?;
    Some(quote!(#[cfg(#condition)]))
}

/// Whether the CPU has an instruction set.
fn available(kernel: &Kernel<'_>, isa: Isa) -> TokenStream {
    let (krate, variant) = (kernel.krate, format_ident!("{isa:?}"));
    quote!(#krate::dispatch::has(#krate::Isa::#variant))
}

/// The kernels, and the call of the one that the CPU runs best.
pub(crate) fn call(kernel: &Kernel<'_>) -> syn::Result<TokenStream> {
    match kernel.cpu {
        Cpu::Dispatch | Cpu::AheadOfTime => dispatched(kernel),
        Cpu::Tier(tier) => pinned(kernel, tier),
    }
}

fn dispatched(kernel: &Kernel<'_>) -> syn::Result<TokenStream> {
    let krate = kernel.krate;
    let mut items = TokenStream::new();
    let mut arms = TokenStream::new();
    // Best first, so that the last is the one without conditions.
    for &tier in Tier::ALL.iter().rev() {
        let name = variant(kernel, tier);
        for isa in extensions(kernel, tier) {
            let (item, call) = emitted(kernel, isa)?;
            let (arch, available) = (condition(isa), available(kernel, isa));
            items.extend((!item.is_empty()).then(|| quote!(#arch #item)));
            // SAFETY: the guard finds the CPU's features, and what the macro generates around the call checks lengths and dimensions.
            arms.extend(quote!(#arch #name if #available => unsafe { #call },));
        }
        let arch = condition(tier.baseline());
        let (item, call) = emitted(kernel, tier.baseline())?;
        items.extend((!item.is_empty()).then(|| quote!(#arch #item)));
        // SAFETY: the tier of the arm was found on this CPU; lengths and dimensions are checked as above.
        arms.extend(quote!(#arch #name => unsafe { #call },));
    }
    Ok(quote! {
        #items
        match #krate::dispatch::detect() {
            #arms
            _ => ::core::unreachable!("every machine runs the portable tier"),
        }
        ::core::result::Result::Ok(())
    })
}

fn pinned(kernel: &Kernel<'_>, tier: Tier) -> syn::Result<TokenStream> {
    let krate = kernel.krate;
    let mut better = TokenStream::new();
    for isa in extensions(kernel, tier) {
        let (item, call) = emitted(kernel, isa)?;
        let (arch, available) = (condition(isa), available(kernel, isa));
        better.extend(quote! {
            #arch
            #item
            #arch
            if #available {
                // SAFETY: the CPU has the features, and what the macro generates around it has checked lengths and dimensions.
                unsafe { #call };
                return ::core::result::Result::Ok(());
            }
        });
    }
    let arch = condition(tier.baseline());
    let (item, call) = emitted(kernel, tier.baseline())?;
    let tier = variant(kernel, tier);
    let scalars = (0..kernel.signature.scalars.len()).map(|i| kernel.scalar(i));
    Ok(quote! {
        // Used on other architectures too.
        let _ = (#(#scalars,)*);
        #better
        #arch
        #item
        #arch
        if #krate::dispatch::available(#tier) {
            // SAFETY: as above, for the tier's own features.
            unsafe { #call };
            return ::core::result::Result::Ok(());
        }
        ::core::result::Result::Err(#krate::KernelError::Cpu { tier: #tier })
    })
}

/// The kernel for an instruction set, if it is not there already, and the call of it.
fn emitted(kernel: &Kernel<'_>, isa: Isa) -> syn::Result<(TokenStream, TokenStream)> {
    let arguments = call_arguments(kernel);
    if kernel.cpu == Cpu::AheadOfTime {
        let path = aot::path(kernel.spec, isa);
        return Ok((TokenStream::new(), quote!(#path(#arguments))));
    }
    let failed = |e: &dyn std::fmt::Display| syn::Error::new_spanned(&kernel.item.sig.ident, e);
    let mut function = compile_for(kernel.spec, isa).map_err(|e| failed(&e))?;
    let name = format_ident!("kernel_{}", isa.name().replace('.', "").replace('-', "_"));
    function.name = name.to_string();
    let item = rust::emit(&function, isa).map_err(|e| failed(&e))?;
    Ok((item, quote!(#name(#arguments))))
}

/// The kernel's arguments. That they may be passed is what the checks before established.
fn call_arguments(kernel: &Kernel<'_>) -> TokenStream {
    let mut arguments = TokenStream::new();
    for (i, buffer) in kernel.signature.buffers.iter().enumerate() {
        let name = kernel.buffer(i);
        let elem = match buffer.content.elem() {
            Elem::F32 => quote!(f32),
            Elem::I32 => quote!(i32),
        };
        arguments.extend(match buffer.access {
            Access::In => quote!(#name.as_ptr().cast::<#elem>(),),
            Access::Out | Access::InOut => quote!(#name.as_mut_ptr().cast::<#elem>(),),
        });
    }
    for dim in &kernel.signature.dims {
        let dim = kernel.open_dim(&dim.name);
        arguments.extend(quote!(#dim as u64,));
    }
    for i in 0..kernel.signature.scalars.len() {
        let scalar = kernel.scalar(i);
        arguments.extend(quote!(#scalar,));
    }
    arguments
}
