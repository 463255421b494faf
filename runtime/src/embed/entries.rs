//! The calls of the plan, one after the other: functions of the code, with offsets that the compiler knows.

use super::image::Image;
use super::is_shared;
use super::kernels::allow;
use super::straight::Straight;
use crate::plan::{Base, Call, DimValue, KernelCall, Operand, Plan, Row, Stage, Tensor, TopKCall};
use atome_codegen::KernelSpec;
use atome_codegen::ir::{Access, Elem};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeSet;

/// What a model runs for each token or block, and for logits.
pub(super) struct Entries<'p> {
    plan: &'p Plan,
    straight: &'p Straight,
    body: Vec<Stage>,
    head: Vec<Stage>,
    specs: Vec<KernelSpec>,
    /// Blocks have one token.
    one_token: bool,
}

fn number(n: usize) -> Literal {
    Literal::usize_unsuffixed(n)
}

impl<'p> Entries<'p> {
    pub(super) fn new(plan: &'p Plan, block: usize, straight: &'p Straight) -> Entries<'p> {
        let one_token = block == 1;
        let form = |stage: &Stage, simple: bool| match simple {
            true => stage.map(KernelCall::for_one_token),
            false => stage.clone(),
        };
        let body: Vec<Stage> = plan.stages.iter().map(|s| form(s, one_token)).collect();
        let head: Vec<Stage> = plan.head.iter().map(|s| form(s, true)).collect();
        let calls = body.iter().chain(&head).flat_map(Stage::kernels);
        let calls = calls.filter(|call| straight.of(call).is_none());
        let specs: BTreeSet<KernelSpec> = calls.map(KernelCall::spec).collect();
        Entries {
            plan,
            straight,
            body,
            head,
            specs: specs.into_iter().collect(),
            one_token,
        }
    }

    /// The kernels that are called.
    pub(super) fn specs(&self) -> &[KernelSpec] {
        &self.specs
    }

    /// What a token runs, up to the last residual.
    #[cfg(feature = "object")]
    pub(super) fn body(&self) -> &[Stage] {
        &self.body
    }

    /// What gives the logits.
    #[cfg(feature = "object")]
    pub(super) fn head(&self) -> &[Stage] {
        &self.head
    }

    /// The tensors that kernels read and nobody writes.
    pub(super) fn shared(&self) -> impl Iterator<Item = Tensor> {
        let calls = self.body.iter().chain(&self.head).flat_map(Stage::kernels);
        let read = calls.flat_map(|call| {
            let skipped = self.straight.of(call).map(|_| call.operands[0].tensor);
            let tensors = call.operands.iter().map(|operand| operand.tensor);
            tensors.filter(move |tensor| Some(*tensor) != skipped)
        });
        read.filter(|tensor| is_shared(self.plan.tensor(*tensor).section))
    }

    /// The functions `body` and `head`.
    pub(super) fn functions(&self, image: &Image) -> TokenStream {
        let calls = |stages: &[Stage], one_token: bool| -> TokenStream {
            let at = At {
                entries: self,
                image,
                one_token,
            };
            stages.iter().map(|stage| at.stage(stage)).collect()
        };
        let (body, head) = (calls(&self.body, self.one_token), calls(&self.head, false));
        // Of several tokens each enters by itself.
        let enter = self.one_token.then(|| quote!(place.enter();));
        let allow = allow();
        quote! {
            /// A block of tokens up to the last residual, and the place that follows it.
            ///
            /// # Safety
            /// `memory` is that of a model, with the ids of `tokens` tokens, each below the vocabulary's size.
            #allow
            unsafe fn body(memory: *mut u8, tokens: usize, start: Place) -> Place {
                let weights = WEIGHTS.0.as_ptr();
                let mut place = start;
                #enter
                #body
                place
            }

            /// The logits of the last token of the block that just ran, and the greatest of them.
            ///
            /// # Safety
            /// As [`body`].
            #allow
            unsafe fn head(memory: *mut u8, tokens: usize) {
                let weights = WEIGHTS.0.as_ptr();
                #head
            }
        }
    }
}

/// Where calls are written.
struct At<'a> {
    entries: &'a Entries<'a>,
    image: &'a Image,
    one_token: bool,
}

impl At<'_> {
    fn stage(&self, stage: &Stage) -> TokenStream {
        let calls = stage.calls().iter();
        let calls: TokenStream = calls.map(|call| self.call(call)).collect();
        match stage {
            Stage::Block(_) => calls,
            Stage::EachToken(_) if self.one_token => calls,
            Stage::EachToken(_) => quote! {
                place = start;
                for token in 0..tokens {
                    place.enter();
                    #calls
                }
            },
        }
    }

    fn call(&self, call: &Call) -> TokenStream {
        match call {
            Call::Kernel(kernel) => self.kernel(kernel),
            Call::TopK(top) => self.top_k(top),
        }
    }

    fn kernel(&self, call: &KernelCall) -> TokenStream {
        if let Some(straight) = self.entries.straight.of(call) {
            return self.straight(call, straight);
        }
        let spec = call.spec();
        let signature = spec.signature();
        let name = format_ident!("{}", spec.symbol());
        let buffers = signature.buffers.iter().zip(&call.operands);
        let buffers = buffers.map(|(buffer, operand)| {
            let elem = match buffer.content.elem() {
                Elem::F32 => quote!(f32),
                Elem::I32 => quote!(i32),
            };
            let at = self.address(operand);
            match (buffer.access, self.is_shared(operand)) {
                (Access::In, true) => quote!(#at.cast::<#elem>()),
                (Access::In, false) => quote!(#at.cast::<#elem>().cast_const()),
                (Access::Out | Access::InOut, _) => quote!(#at.cast::<#elem>()),
            }
        });
        let dims = call.dims_open_in(None).map(dim);
        let scalars = call.scalars.iter().map(scalar);
        quote!(kernels::#name(#(#buffers,)* #(#dims,)* #(#scalars,)*);)
    }

    /// A product that became code, which is that of one token.
    fn straight(&self, call: &KernelCall, number: usize) -> TokenStream {
        let name = format_ident!("straight_{number}");
        let (x, out) = (
            self.address(&call.operands[1]),
            self.address(&call.operands[2]),
        );
        let scales = call.scalars.iter().map(scalar);
        let [_, cols, more @ ..] = &call.dims[..] else {
            unreachable!("a product has rows and columns");
        };
        let [tokens, out_stride] = more else {
            return quote!(#name(&*#x.cast(), &mut *#out.cast() #(, #scales)*););
        };
        let [tokens, cols, out_stride] = [tokens, cols, out_stride].map(|value| dim(*value));
        quote! {
            for row in 0..(#tokens) as usize {
                let x = #x.cast::<f32>().add(row * #cols);
                let out = #out.cast::<f32>().add(row * #out_stride);
                #name(&*x.cast(), &mut *out.cast() #(, #scales)*);
            }
        }
    }

    fn top_k(&self, top: &TopKCall) -> TokenStream {
        let [scores, chosen, picked] =
            [&top.scores, &top.chosen, &top.picked].map(|o| self.address(o));
        let k = Literal::u64_unsuffixed(top.k);
        quote! {
            top_k(#scores.cast::<f32>().cast_const(), place, #k, #chosen.cast(), #picked.cast());
        }
    }

    fn is_shared(&self, operand: &Operand) -> bool {
        is_shared(self.entries.plan.tensor(operand.tensor).section)
    }

    fn address(&self, operand: &Operand) -> TokenStream {
        let plan = self.entries.plan;
        let tensor = plan.tensor(operand.tensor);
        let (base, offset) = match tensor.section.base() {
            Base::Slot => (quote!(memory), tensor.offset),
            Base::Scratch => (quote!(memory), plan.sizes.slot + tensor.offset),
            Base::File | Base::Weights | Base::Constants => {
                (quote!(weights), self.image.offset(operand.tensor))
            }
        };
        let offset = number(offset + operand.offset_bytes);
        let row_bytes = number(operand.row_bytes);
        match operand.row {
            Row::Token if !self.one_token => quote!(#base.add(#offset + token * #row_bytes)),
            Row::Last if !self.entries.one_token => {
                quote!(#base.add(#offset + (tokens - 1) * #row_bytes))
            }
            Row::First | Row::Token | Row::Last => quote!(#base.add(#offset)),
        }
    }
}

fn dim(value: DimValue) -> TokenStream {
    match value {
        DimValue::Const(n) => {
            let n = Literal::u64_unsuffixed(n);
            quote!(#n)
        }
        DimValue::Tokens => quote!(tokens as u64),
        DimValue::PerToken(n) => {
            let n = Literal::u64_unsuffixed(n);
            quote!(tokens as u64 * #n)
        }
        DimValue::Slot => quote!(place.slot as u64),
        DimValue::Len => quote!(place.len as u64),
        DimValue::Kept(k) => {
            let k = Literal::u64_unsuffixed(k);
            quote!(::core::cmp::Ord::min(#k, place.len as u64))
        }
    }
}

fn scalar(x: &f32) -> TokenStream {
    let bits = Literal::u32_unsuffixed(x.to_bits());
    quote!(f32::from_bits(#bits))
}
