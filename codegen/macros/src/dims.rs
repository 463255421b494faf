//! Where the value of each open dimension comes from.

use crate::check::Checked;
use crate::errors::Errors;
use crate::parse::{Arg, Signature};
use crate::signature::{Argument, Role};
use atome_codegen::KernelSpec;
use atome_codegen::ir::{Function, Size};
use atome_spec::{Activation, Op};
use proc_macro2::TokenStream;

/// The source of an open dimension.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An argument of the user's function.
    Argument,
    /// A constant expression of the attribute.
    Constant(TokenStream),
    /// A buffer's length, in units of `unit` elements.
    Length { buffer: String, unit: Size },
    /// Another dimension.
    SameAs(&'static str),
}

/// An open dimension.
pub(crate) struct OpenDim {
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// Every open dimension, each after those that its source mentions.
///
/// Reports those that nothing gives.
pub(crate) fn sources(
    checked: &Checked,
    spec: &KernelSpec,
    sig: &Signature,
    function: &Function,
    arguments: &[Argument],
    args: &[Arg],
    errors: &mut Errors,
) -> Vec<OpenDim> {
    let given = |dim: &str| {
        arguments
            .iter()
            .any(|a| a.role == Role::Dim(dim.to_owned()))
    };
    let mut dims: Vec<OpenDim> = Vec::new();
    for name in &function.dims {
        let source = if given(name) {
            Source::Argument
        } else if let Some(constant) = checked.constants.get(name) {
            Source::Constant(constant.clone())
        } else if let Some(source) = inferred(spec, name, function) {
            source
        } else if args.iter().any(|a| a.key == name) {
            continue; // Its value was reported.
        } else {
            let message = format!(
                "nothing gives the dimension `{name}`: add `{name} = ..` to the attribute or \
                 the argument `{name}: usize`"
            );
            errors.at(&sig.ident, message);
            continue;
        };
        dims.push(OpenDim {
            name: name.clone(),
            source,
        });
    }
    // What is counted in units of a product of others needs those first.
    dims.sort_by_key(|d| match &d.source {
        Source::Argument | Source::Constant(_) => 0,
        Source::Length { unit, .. } if *unit == Size::ONE => 1,
        Source::Length { .. } => 2,
        Source::SameAs(_) => 3,
    });
    dims
}

/// Whether the length of a slice gives a dimension.
pub(crate) fn is_inferred(spec: &KernelSpec, dim: &str, function: &Function) -> bool {
    inferred(spec, dim, function).is_some()
}

/// How a dimension that is no argument is found.
fn inferred(spec: &KernelSpec, dim: &str, function: &Function) -> Option<Source> {
    let buffer = match (spec.op, dim) {
        // Quantized rows are padded, so their length does not tell.
        (Op::Gemv, "cols") if spec.activation == Activation::I8 => return None,
        (Op::Gemm, "tokens") if spec.activation == Activation::I8 => "x_scale",
        (Op::Embed, "tokens") => "ids",
        (Op::Embed, "vocab") => "table",
        (Op::Gemv, "rows") => "out",
        (Op::Gemv, "cols") => "x",
        (Op::Gemm, "tokens") => "x",
        (Op::Gemm, "out_stride") => return Some(Source::SameAs("rows")),
        (Op::Conv1d, "tokens") => "x",
        (Op::Scan, "channels") => "decay",
        (Op::Scan, "tokens") => "x",
        (Op::Quantize | Op::RmsQuantize, "rows") => "q_scale",
        (Op::Norm | Op::RmsNorm | Op::Softmax, "rows") => "x",
        (Op::Quantize, "width") => "x",
        (Op::Norm | Op::RmsNorm | Op::RmsQuantize, "width") => "gamma",
        (Op::Exp | Op::Tanh | Op::Softplus | Op::Silu, "n") => "x",
        (Op::Add, "tokens") => "x",
        (Op::LookupF32 | Op::LookupF16 | Op::LookupI8, "tokens") => "ids",
        (Op::LookupF32 | Op::LookupF16, "vocab") => "table",
        (Op::LookupI8, "vocab") => "scales",
        _ => return None,
    };
    // The length is a multiple of the dimension, so at 1 it is the unit.
    let number = function.dim(dim)?;
    let len = &function.buffers.iter().find(|b| b.name == buffer)?.len;
    let unit = len.map_dims(&mut |d| {
        if d == number { Size::ONE } else { Size::Dim(d) }
    });
    Some(Source::Length {
        buffer: buffer.to_owned(),
        unit,
    })
}
