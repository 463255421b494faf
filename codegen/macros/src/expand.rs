//! The user's function: kernels of every tier asked for, inside a wrapper that checks.

use crate::check::Cpu;
use crate::dims::{OpenDim, Source};
use crate::parse::Item;
use crate::signature::Argument;
use crate::{lengths, reference_test};
use atome_codegen::ir::{Access, Elem, Function};
use atome_codegen::{KernelSpec, compile, emit::rust};
use atome_spec::{Activation, Isa, Method, Op, Tier};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Path;

/// Everything that is known of a use without mistakes.
pub(crate) struct Kernel<'a> {
    pub(crate) item: &'a Item,
    pub(crate) spec: &'a KernelSpec,
    pub(crate) cpu: Cpu,
    pub(crate) krate: &'a Path,
    /// The kernel's parameters; the body is some tier's.
    pub(crate) function: &'a Function,
    pub(crate) arguments: &'a [Argument],
    pub(crate) dims: &'a [OpenDim],
}

/// The wrapper, and the reference with its test if the user's function has a body.
pub(crate) fn expand(kernel: &Kernel<'_>) -> syn::Result<TokenStream> {
    let Kernel { item, .. } = kernel;
    let (attrs, vis, sig) = (&item.attrs, &item.vis, &item.sig);
    let dims = kernel.dims.iter().map(|d| dim(kernel, d));
    let checks = checks(kernel);
    let call = call(kernel)?;
    let reference = reference_test::expand(kernel);
    Ok(quote! {
        #(#attrs)*
        #[allow(
            clippy::undocumented_unsafe_blocks,
            clippy::too_many_arguments,
            clippy::needless_question_mark,
            unused_variables,
            reason = "generated code: the lengths are checked before the call"
        )]
        #vis #sig {
            #(#dims)*
            #checks
            #call
        }

        #reference
    })
}

/// The variable of a buffer's or dimension's name.
pub(crate) fn variable(name: &str) -> Ident {
    format_ident!("{name}")
}

/// The statement that finds a dimension that is no argument.
fn dim(kernel: &Kernel<'_>, dim: &OpenDim) -> TokenStream {
    let name = variable(&dim.name);
    let krate = kernel.krate;
    match &dim.source {
        Source::Argument => TokenStream::new(),
        Source::SameAs(other) => {
            let other = match kernel.spec.shape.get(*other) {
                Some(&n) => lengths::literal(n),
                None => {
                    let other = variable(other);
                    quote!(#other)
                }
            };
            quote!(let #name: usize = #other;)
        }
        Source::Length { buffer, unit } => {
            let length = variable(buffer);
            if unit.as_const() == Some(1) {
                return quote!(let #name: usize = #length.len(););
            }
            let unit = lengths::checked(kernel, unit, buffer);
            quote! {
                let #name: usize = {
                    let unit: usize = #unit;
                    if unit == 0 {
                        0
                    } else if #length.len() % unit == 0 {
                        #length.len() / unit
                    } else {
                        return ::core::result::Result::Err(#krate::KernelError::NotMultiple {
                            argument: #buffer,
                            unit,
                            found: #length.len(),
                        });
                    }
                };
            }
        }
    }
}

/// The statements that refuse arguments which do not fit.
fn checks(kernel: &Kernel<'_>) -> TokenStream {
    let krate = kernel.krate;
    let mut checks = TokenStream::new();
    for buffer in &kernel.function.buffers {
        let (name, text) = (variable(&buffer.name), &buffer.name);
        let expected = lengths::checked(kernel, &buffer.len, text);
        checks.extend(quote! {{
            let expected: usize = #expected;
            if #name.len() != expected {
                return ::core::result::Result::Err(#krate::KernelError::Length {
                    argument: #text,
                    expected,
                    found: #name.len(),
                });
            }
        }});
    }
    match kernel.spec.op {
        Op::Embed => {
            let vocab = lengths::dim(kernel, "vocab");
            checks.extend(quote!(#krate::KernelError::check_ids(ids, #vocab)?;));
        }
        Op::Gemm => {
            let (rows, stride) = (
                lengths::dim(kernel, "rows"),
                lengths::dim(kernel, "out_stride"),
            );
            checks.extend(quote!(#krate::KernelError::check_stride(#rows, #stride)?;));
        }
        _ => {}
    }
    checks
}

fn variant(kernel: &Kernel<'_>, tier: Tier) -> TokenStream {
    let (krate, variant) = (kernel.krate, format_ident!("{tier:?}"));
    quote!(#krate::Tier::#variant)
}

/// The extensions of a tier that the kernel gains from.
fn extensions(kernel: &Kernel<'_>, tier: Tier) -> impl Iterator<Item = Isa> {
    let dot = match kernel.spec.method {
        Some(method) => method == Method::Dot,
        None => kernel.spec.activation == Activation::I8,
    };
    let isas = tier.isas().iter().copied();
    isas.filter(move |isa| isa.is_extension() && dot)
}

/// Whether the CPU has an instruction set.
fn available(kernel: &Kernel<'_>, isa: Isa) -> TokenStream {
    let (krate, variant) = (kernel.krate, format_ident!("{isa:?}"));
    quote!(#krate::dispatch::has(#krate::Isa::#variant))
}

/// The kernels, and the call of the one that the CPU runs best.
fn call(kernel: &Kernel<'_>) -> syn::Result<TokenStream> {
    match kernel.cpu {
        Cpu::Dispatch => dispatched(kernel),
        Cpu::Tier(tier) => pinned(kernel, tier),
    }
}

fn dispatched(kernel: &Kernel<'_>) -> syn::Result<TokenStream> {
    let krate = kernel.krate;
    let mut items = TokenStream::new();
    let mut arms = TokenStream::new();
    // Best first, so that the last is the one without conditions.
    for &tier in Tier::ALL.iter().rev() {
        let arch = rust::target_arch(tier).map(|arch| quote!(#[cfg(target_arch = #arch)]));
        let name = variant(kernel, tier);
        for isa in extensions(kernel, tier) {
            let (item, call) = emitted(kernel, isa)?;
            let available = available(kernel, isa);
            items.extend(quote!(#arch #item));
            arms.extend(quote!(#arch #name if #available => unsafe { #call },));
        }
        let (item, call) = emitted(kernel, tier.baseline())?;
        items.extend(quote!(#arch #item));
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
    let arch = rust::target_arch(tier).map(|arch| quote!(#[cfg(target_arch = #arch)]));
    let mut better = TokenStream::new();
    for isa in extensions(kernel, tier) {
        let (item, call) = emitted(kernel, isa)?;
        let available = available(kernel, isa);
        better.extend(quote! {
            #arch
            #item
            #arch
            if #available {
                unsafe { #call };
                return ::core::result::Result::Ok(());
            }
        });
    }
    let (item, call) = emitted(kernel, tier.baseline())?;
    let tier = variant(kernel, tier);
    Ok(quote! {
        #better
        #arch
        #item
        #arch
        if #krate::dispatch::available(#tier) {
            unsafe { #call };
            return ::core::result::Result::Ok(());
        }
        ::core::result::Result::Err(#krate::KernelError::Cpu { tier: #tier })
    })
}

/// The kernel for an instruction set and the call of it.
fn emitted(kernel: &Kernel<'_>, isa: Isa) -> syn::Result<(TokenStream, TokenStream)> {
    let failed = |e: &dyn std::fmt::Display| syn::Error::new_spanned(&kernel.item.sig.ident, e);
    let mut function = compile(kernel.spec, isa).map_err(|e| failed(&e))?;
    let name = format_ident!("kernel_{}", isa.name().replace('.', ""));
    function.name = name.to_string();
    let item = rust::emit(&function, isa).map_err(|e| failed(&e))?;
    let arguments = call_arguments(kernel);
    Ok((item, quote!(#name(#arguments))))
}

/// The kernel's arguments. That they may be passed is what [`checks`] established.
fn call_arguments(kernel: &Kernel<'_>) -> TokenStream {
    let mut arguments = TokenStream::new();
    for buffer in &kernel.function.buffers {
        let name = variable(&buffer.name);
        let elem = match buffer.elem {
            Elem::F32 => quote!(f32),
            Elem::I32 => quote!(i32),
        };
        arguments.extend(match buffer.access {
            Access::In => quote!(#name.as_ptr().cast::<#elem>(),),
            Access::Out | Access::InOut => quote!(#name.as_mut_ptr().cast::<#elem>(),),
        });
    }
    for dim in &kernel.function.dims {
        let dim = variable(dim);
        arguments.extend(quote!(#dim as u64,));
    }
    for scalar in &kernel.function.scalars {
        let scalar = variable(&scalar.name);
        arguments.extend(quote!(#scalar,));
    }
    arguments
}
