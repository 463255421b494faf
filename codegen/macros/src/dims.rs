//! Where the value of each open dimension comes from.

use crate::check::Checked;
use crate::errors::Errors;
use crate::parse::{Arg, Signature};
use crate::signature::{Argument, Role};
use atome_codegen::ir::Size;
use atome_codegen::op::{Bound, Dim, Signature as Kernel};
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
    pub(crate) dim: Dim,
    pub(crate) source: Source,
}

/// Every open dimension, each after those that its source mentions.
///
/// Reports those that nothing gives.
pub(crate) fn sources(
    checked: &Checked,
    sig: &Signature,
    kernel: &Kernel,
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
    for dim in &kernel.dims {
        let name = &*dim.name;
        let source = if given(name) {
            Source::Argument
        } else if let Some(constant) = checked.constants.get(name) {
            Source::Constant(constant.clone())
        } else if let Some(source) = inferred(dim, kernel) {
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
            dim: dim.clone(),
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

/// How a dimension that is no argument is found, if its op says how.
pub(crate) fn inferred(dim: &Dim, kernel: &Kernel) -> Option<Source> {
    if let Some(Bound::AtLeast(other)) = dim.bound {
        return Some(Source::SameAs(other));
    }
    let number = kernel.dims.iter().position(|d| d == dim)?;
    let buffer = dim.told_by.iter().find_map(|name| kernel.buffer(name))?;
    let buffer = &kernel.buffers[buffer];
    Some(Source::Length {
        buffer: buffer.name.to_string(),
        unit: unit(&buffer.len, number as u32)?,
    })
}

/// What a length is a multiple of, beside the dimension; `None` if it is rounded up.
fn unit(len: &Size, dim: u32) -> Option<Size> {
    match len {
        Size::Const(0) => Some(Size::ZERO),
        Size::Dim(d) if d.0 == dim => Some(Size::ONE),
        Size::Mul(a, b) => match (unit(a, dim), unit(b, dim)) {
            (Some(unit), _) => Some(unit * (**b).clone()),
            (None, Some(unit)) => Some((**a).clone() * unit),
            (None, None) => None,
        },
        _ => None,
    }
}
