use super::function::{docs, helper_names, parameters};
use super::names::{Names, parameter};
use super::{EmitError, tier};
use crate::ir::{Buffer, Dim, Function};
use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};

/// What a dimension of the callee is, where the caller has none of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<'a> {
    /// A number.
    Number(u64),
    /// Another dimension of the caller.
    Dim(&'a str),
}

/// The item of `function` as one call of `callee`, which has the same buffers and scalars:
/// the same kernel at a fraction of the code where `callee` does its work as a special case.
///
/// # Errors
/// If a name is not an identifier, or `callee` has a dimension that neither `function` nor
/// `bound` has.
pub fn forward(
    function: &Function,
    callee: &Function,
    bound: &[(&str, Bound<'_>)],
    isa: impl Into<atome_spec::Isa>,
) -> Result<TokenStream, EmitError> {
    let isa = tier(isa.into());
    let names = Names::new(function, &helper_names(isa))?;
    let (name, callee_name) = (parameter(&function.name)?, parameter(&callee.name)?);
    let (list, _) = parameters(function, &names);
    let feature = isa
        .features()
        .map(|features| quote!(#[target_feature(enable = #features)]));
    let docs = docs(function, isa, &names);
    let mut arguments = Vec::new();
    for i in 0..function.buffers.len() {
        let buffer = names.buffer(Buffer(i as u32));
        arguments.push(quote!(#buffer));
    }
    for dim in &callee.dims {
        arguments.push(dimension(function, &names, dim, bound)?);
    }
    for i in 0..function.scalars.len() {
        let scalar = names.param(i as u32);
        arguments.push(quote!(#scalar));
    }
    Ok(quote! {
        #(#[doc = #docs])*
        #[allow(
            clippy::undocumented_unsafe_blocks,
            reason = "generated code: the caller's promise, passed on"
        )]
        #feature
        pub unsafe extern "C" fn #name(#list) {
            // SAFETY: the caller's promise, passed on: the other kernel has the same buffers.
            unsafe { #callee_name(#(#arguments),*) }
        }
    })
}

/// The argument for the callee's dimension `dim`.
fn dimension(
    function: &Function,
    names: &Names,
    dim: &str,
    bound: &[(&str, Bound<'_>)],
) -> Result<TokenStream, EmitError> {
    let own = |name: &str| {
        let at = function.dims.iter().position(|d| d == name)?;
        Some(names.dim(Dim(at as u32)).to_token_stream())
    };
    let bound = || match bound.iter().find(|(name, _)| *name == dim)?.1 {
        Bound::Number(n) => Some(Literal::u64_unsuffixed(n).to_token_stream()),
        Bound::Dim(name) => own(name),
    };
    own(dim).or_else(bound).ok_or_else(|| EmitError::Unbound {
        dim: dim.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KernelSpec, compile_for};
    use atome_spec::{Isa, Op, Packing};

    fn compiled(op: Op) -> Function {
        let spec = KernelSpec::new(op).packing(Packing::Int2);
        compile_for(&spec, Isa::Portable).expect("a kernel")
    }

    #[test]
    fn a_dimension_is_the_callers_own_or_what_it_is_bound_to() {
        let (gemv, gemm) = (compiled(Op::Gemv), compiled(Op::Gemm));
        let one_token = [
            ("tokens", Bound::Number(1)),
            ("out_stride", Bound::Dim("rows")),
        ];
        let item = forward(&gemv, &gemm, &one_token, Isa::Portable).expect("an item");
        let call = "gemm_int2_f32 (w , x , out , rows , cols , 1 , rows , scale)";
        assert!(item.to_string().contains(call), "{item}");
    }

    #[test]
    fn every_dimension_is_given() {
        let (gemv, gemm) = (compiled(Op::Gemv), compiled(Op::Gemm));
        for bound in [
            &[("tokens", Bound::Number(1))][..],
            &[
                ("tokens", Bound::Number(1)),
                ("out_stride", Bound::Dim("height")),
            ],
        ] {
            let unbound = EmitError::Unbound {
                dim: "out_stride".to_owned(),
            };
            let found = forward(&gemv, &gemm, bound, Isa::Portable).unwrap_err();
            assert_eq!(found, unbound);
        }
    }
}
