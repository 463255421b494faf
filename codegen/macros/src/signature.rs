//! The function's arguments against the op's.

use crate::check::Checked;
use crate::errors::Errors;
use crate::parse::{Input, Signature};
use crate::suggest::{did_you_mean, one_of};
use atome_codegen::KernelSpec;
use atome_codegen::ir::Access;
use atome_codegen::op::{self, BufferDef, Content};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{ReturnType, Type};

/// What an argument is for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A buffer, by number.
    Buffer(usize),
    /// An open dimension.
    Dim(String),
    /// A scalar, by number.
    Scalar(usize),
}

/// An argument of the user's function.
pub(crate) struct Argument {
    /// As the user wrote it.
    pub(crate) name: Ident,
    pub(crate) role: Role,
}

/// The arguments in the user's order. `kernel` is what the op's kernel takes.
pub(crate) fn check(
    sig: &Signature,
    checked: &Checked,
    spec: &KernelSpec,
    kernel: &op::Signature,
    errors: &mut Errors,
) -> Vec<Argument> {
    plain(sig, errors);
    returns(sig, errors);
    let mut arguments: Vec<Argument> = Vec::new();
    for input in &sig.inputs {
        let Some((name, ty)) = named(input, errors) else {
            continue;
        };
        let Some(role) = role(&name, checked, spec, kernel, errors) else {
            continue;
        };
        if arguments.iter().any(|a| a.role == role) {
            continue; // rustc reports a name that is bound twice.
        }
        let expected = expected_type(&role, kernel);
        if !same_type(ty, &expected) {
            errors.at(ty, format!("`{name}` needs the type `{expected}`"));
        }
        arguments.push(Argument { name, role });
    }
    missing(sig, kernel, &arguments, errors);
    arguments
}

/// The type of the argument for a buffer.
pub(crate) fn buffer_type(buffer: &BufferDef) -> String {
    let element = element(buffer.content);
    match buffer.access {
        Access::In => format!("&[{element}]"),
        Access::Out | Access::InOut => format!("&mut [{element}]"),
    }
}

/// Token ids and sums are numbers; packed weights and activations are bits.
pub(crate) fn element(content: Content) -> &'static str {
    match content {
        Content::F32 => "f32",
        Content::I32 | Content::Rows(_) => "i32",
        Content::F16 | Content::I8 | Content::Matrix(_) | Content::Table(_) | Content::Taps(_) => {
            "u32"
        }
    }
}

fn expected_type(role: &Role, kernel: &op::Signature) -> String {
    match role {
        Role::Buffer(i) => buffer_type(&kernel.buffers[*i]),
        Role::Dim(_) => "usize".to_owned(),
        Role::Scalar(_) => "f32".to_owned(),
    }
}

/// Nothing but a name, arguments and a result.
fn plain(sig: &Signature, errors: &mut Errors) {
    for (i, token) in sig.qualifiers.iter().enumerate() {
        let TokenTree::Ident(word) = token else {
            continue; // The ABI, which belongs to `extern`.
        };
        let what = match word.to_string().as_str() {
            "unsafe" => "`unsafe`: it checks its arguments".to_owned(),
            word => format!("`{word}`"),
        };
        let abi = sig.qualifiers.get(i + 1);
        let abi = abi.filter(|next| matches!(next, TokenTree::Literal(_)));
        errors.at(&quote!(#token #abi), format!("a kernel is not {what}"));
    }
    let parameters = &sig.generics.params;
    if !parameters.is_empty() {
        errors.at(parameters, "a kernel is not generic");
    }
    if let Some(bounds) = &sig.generics.where_clause {
        errors.at(bounds, "a kernel is not generic");
    }
}

fn returns(sig: &Signature, errors: &mut Errors) {
    let message = "a kernel returns `Result<(), KernelError>`";
    match &sig.output {
        ReturnType::Default => errors.at(&sig.ident, message),
        ReturnType::Type(_, ty) => {
            let is_result = matches!(&**ty, Type::Path(path)
                if path.path.segments.last().is_some_and(|s| s.ident == "Result"));
            if !is_result {
                errors.at(ty, message);
            }
        }
    }
}

fn named<'a>(input: &'a Input, errors: &mut Errors) -> Option<(Ident, &'a Type)> {
    let is_self = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "self");
    match (&input.pattern[..], &input.ty) {
        (pattern, _) if pattern.iter().any(is_self) => {
            let message = "a kernel is a free function, so it has no `self`";
            errors.at(input, message);
            return None;
        }
        ([TokenTree::Ident(name)], Some(ty)) => return Some((name.clone(), ty)),
        ([TokenTree::Ident(mutable), TokenTree::Ident(name)], Some(ty)) if mutable == "mut" => {
            return Some((name.clone(), ty));
        }
        _ => {}
    }
    errors.at(input, "an argument of a kernel is `name: type`");
    None
}

fn role(
    name: &Ident,
    checked: &Checked,
    spec: &KernelSpec,
    kernel: &op::Signature,
    errors: &mut Errors,
) -> Option<Role> {
    let word = name.unraw().to_string();
    if let Some(i) = kernel.buffer(&word) {
        return Some(Role::Buffer(i));
    }
    if let Some(i) = kernel.scalars.iter().position(|s| *s == word) {
        return Some(Role::Scalar(i));
    }
    let constant = checked.constants.get(&word).map(TokenStream::to_string);
    let number = spec.shape.get(&word).map(u64::to_string);
    if let Some(bound) = constant.or(number) {
        let message = format!("the attribute binds `{word}` to {bound}, so it is no argument");
        errors.at(name, message);
        return None;
    }
    if kernel.dims.iter().any(|d| d.name == word) {
        return Some(Role::Dim(word));
    }
    let buffers = kernel.buffers.iter().map(|b| &*b.name);
    let dims = kernel.dims.iter().map(|d| &*d.name);
    let scalars = kernel.scalars.iter().copied();
    let known: Vec<&str> = buffers.chain(scalars).chain(dims).collect();
    let near = did_you_mean(&word, &known);
    let hint = if near.is_empty() {
        format!(", expected {}", one_of(&known))
    } else {
        near
    };
    errors.at(name, format!("unknown argument `{word}`{hint}"));
    None
}

/// Whether a type is spelled as expected; rustc could not tell an alias any sooner.
fn same_type(ty: &Type, expected: &str) -> bool {
    let spelled = |ty: &Type| ty.to_token_stream().to_string().replace(' ', "");
    match ty {
        Type::Paren(inner) => same_type(&inner.elem, expected),
        Type::Group(inner) => same_type(&inner.elem, expected),
        Type::Reference(reference) => {
            let mut anonymous = reference.clone();
            anonymous.lifetime = None;
            spelled(&Type::Reference(anonymous)) == expected.replace(' ', "")
        }
        ty => spelled(ty) == expected,
    }
}

fn missing(sig: &Signature, kernel: &op::Signature, arguments: &[Argument], errors: &mut Errors) {
    let has = |role: Role| arguments.iter().any(|a| a.role == role);
    let span = sig.ident.span();
    let mut report = |name: &str, ty: &str| {
        errors.at_span(span, format!("missing argument `{name}: {ty}`"));
    };
    for (i, buffer) in kernel.buffers.iter().enumerate() {
        if !has(Role::Buffer(i)) {
            report(&buffer.name, &buffer_type(buffer));
        }
    }
    for (i, scalar) in kernel.scalars.iter().enumerate() {
        if !has(Role::Scalar(i)) {
            report(scalar, "f32");
        }
    }
}
