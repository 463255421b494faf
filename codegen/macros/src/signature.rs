//! The function's arguments against the op's.

use crate::errors::Errors;
use crate::suggest::{did_you_mean, one_of};
use atome_codegen::KernelSpec;
use atome_codegen::ir::{Access, BufferParam, Elem, Function};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{FnArg, Pat, ReturnType, Safety, Signature, Type};

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
    pub(crate) name: Ident,
    pub(crate) role: Role,
}

/// The arguments in the user's order. `function` is the op's kernel.
pub(crate) fn check(
    sig: &Signature,
    spec: &KernelSpec,
    function: &Function,
    errors: &mut Errors,
) -> Vec<Argument> {
    plain(sig, errors);
    returns(sig, errors);
    let mut arguments: Vec<Argument> = Vec::new();
    for input in &sig.inputs {
        let Some((name, ty)) = named(input, errors) else {
            continue;
        };
        let Some(role) = role(&name, spec, function, errors) else {
            continue;
        };
        if arguments.iter().any(|a| a.role == role) {
            continue; // rustc reports a name that is bound twice.
        }
        let expected = expected_type(&role, function);
        if !same_type(ty, expected) {
            errors.at(ty, format!("`{name}` needs the type `{expected}`"));
        }
        arguments.push(Argument { name, role });
    }
    missing(sig, function, &arguments, errors);
    arguments
}

/// The type of the argument for a buffer.
pub(crate) fn buffer_type(buffer: &BufferParam) -> &'static str {
    match (buffer.elem, buffer.access) {
        (Elem::F32, Access::In) => "&[f32]",
        (Elem::F32, _) => "&mut [f32]",
        (Elem::I32, _) if is_number(buffer) => "&[i32]",
        (Elem::I32, _) => "&[u32]",
    }
}

/// Token ids and sums are numbers; packed weights and activations are bits.
pub(crate) fn is_number(buffer: &BufferParam) -> bool {
    matches!(buffer.name.as_str(), "ids" | "x_sum")
}

fn expected_type(role: &Role, function: &Function) -> &'static str {
    match role {
        Role::Buffer(i) => buffer_type(&function.buffers[*i]),
        Role::Dim(_) => "usize",
        Role::Scalar(_) => "f32",
    }
}

/// Nothing but a name, arguments and a result.
fn plain(sig: &Signature, errors: &mut Errors) {
    let mut refuse = |tokens: Option<&dyn ToTokens>, what: &str| {
        if let Some(tokens) = tokens {
            let message = format!("a kernel is not {what}");
            errors.at(&tokens.to_token_stream(), message);
        }
    };
    refuse(sig.constness.as_ref().map(|t| t as _), "`const`");
    refuse(sig.asyncness.as_ref().map(|t| t as _), "`async`");
    refuse(sig.abi.as_ref().map(|t| t as _), "`extern`");
    refuse(sig.variadic.as_ref().map(|t| t as _), "variadic");
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(Some(token), "`unsafe`: it checks its arguments");
    }
    let generic = !sig.generics.params.is_empty();
    refuse(generic.then_some(&sig.generics.params as _), "generic");
    refuse(
        sig.generics.where_clause.as_ref().map(|t| t as _),
        "generic",
    );
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

fn named<'a>(input: &'a FnArg, errors: &mut Errors) -> Option<(Ident, &'a Type)> {
    if let FnArg::Typed(typed) = input
        && let Pat::Ident(pat) = &*typed.pat
        && pat.by_ref.is_none()
        && pat.subpat.is_none()
    {
        return Some((pat.ident.clone(), &typed.ty));
    }
    errors.at(input, "an argument of a kernel is `name: type`");
    None
}

fn role(name: &Ident, spec: &KernelSpec, function: &Function, errors: &mut Errors) -> Option<Role> {
    let word = name.to_string();
    if let Some(i) = function.buffers.iter().position(|b| b.name == word) {
        return Some(Role::Buffer(i));
    }
    if let Some(i) = function.scalars.iter().position(|s| s.name == word) {
        return Some(Role::Scalar(i));
    }
    if function.dims.contains(&word) {
        return Some(Role::Dim(word));
    }
    if let Some(bound) = spec.shape.get(&word) {
        let message = format!("the attribute binds `{word}` to {bound}, so it is no argument");
        errors.at(name, message);
        return None;
    }
    let known: Vec<&str> = function
        .buffers
        .iter()
        .map(|b| b.name.as_str())
        .chain(function.scalars.iter().map(|s| s.name.as_str()))
        .chain(function.dims.iter().map(String::as_str))
        .collect();
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

fn missing(sig: &Signature, function: &Function, arguments: &[Argument], errors: &mut Errors) {
    let has = |role: Role| arguments.iter().any(|a| a.role == role);
    let span = sig.ident.span();
    let mut report = |name: &str, ty: &str| {
        errors.at_span(span, format!("missing argument `{name}: {ty}`"));
    };
    for (i, buffer) in function.buffers.iter().enumerate() {
        if !has(Role::Buffer(i)) {
            report(&buffer.name, buffer_type(buffer));
        }
    }
    for (i, scalar) in function.scalars.iter().enumerate() {
        if !has(Role::Scalar(i)) {
            report(&scalar.name, "f32");
        }
    }
}
