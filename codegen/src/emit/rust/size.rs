use super::names::Names;
use crate::ir::{Address, Size};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// How tightly an expression binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
    Atom,
}

/// A `usize` expression for a size.
pub(super) fn size(names: &Names, size: &Size) -> TokenStream {
    expression(names, size).0
}

/// A `usize` expression that a method can be called on.
pub(super) fn size_atom(names: &Names, size: &Size) -> TokenStream {
    within(Binding::Atom, expression(names, size))
}

/// A `usize` expression for an element offset.
pub(super) fn offset(names: &Names, address: &Address) -> TokenStream {
    let mut sum: Option<TokenStream> = None;
    let mut push = |term: TokenStream| {
        sum = Some(match sum.take() {
            Some(sum) => quote!(#sum + #term),
            None => term,
        });
    };
    for (index, stride) in &address.terms {
        let index = names.scalar(*index);
        match stride.as_const() {
            Some(0) => {}
            Some(1) => push(quote!(#index)),
            _ => {
                let stride = within(Binding::Atom, expression(names, stride));
                push(quote!(#index * #stride));
            }
        }
    }
    if address.base != Size::ZERO {
        push(within(Binding::Product, expression(names, &address.base)));
    }
    sum.unwrap_or_else(|| quote!(0))
}

/// `x` in parentheses if it binds less tightly than its place demands.
fn within(place: Binding, (x, binding): (TokenStream, Binding)) -> TokenStream {
    if binding < place { quote!((#x)) } else { x }
}

fn expression(names: &Names, size: &Size) -> (TokenStream, Binding) {
    let part = |place, size| within(place, expression(names, size));
    match size {
        Size::Const(n) => (number(*n), Binding::Atom),
        Size::Dim(dim) => {
            let dim = names.dim(*dim);
            (quote!(#dim), Binding::Atom)
        }
        Size::Add(a, b) => {
            let (a, b) = (part(Binding::Sum, a), part(Binding::Product, b));
            (quote!(#a + #b), Binding::Sum)
        }
        Size::Mul(a, b) => {
            let (a, b) = (part(Binding::Product, a), part(Binding::Atom, b));
            (quote!(#a * #b), Binding::Product)
        }
        Size::Sub(a, n) => {
            let (a, n) = (part(Binding::Atom, a), number(*n));
            (quote!(#a.saturating_sub(#n)), Binding::Atom)
        }
        // The divisor need not fit a `usize` of 32 bits.
        Size::Div(a, n) if *n > u32::MAX.into() => {
            let dividend = rounded_up(a, *n);
            let n = number(*n);
            let quotient = match dividend {
                Some(dividend) => {
                    let a = part(Binding::Atom, dividend);
                    quote!((#a as u64).div_ceil(#n))
                }
                None => {
                    let a = part(Binding::Atom, a);
                    quote!((#a as u64 / #n))
                }
            };
            (quote!((#quotient as usize)), Binding::Atom)
        }
        Size::Div(a, n) => {
            if let Some(dividend) = rounded_up(a, *n) {
                let (a, n) = (part(Binding::Atom, dividend), number(*n));
                return (quote!(#a.div_ceil(#n)), Binding::Atom);
            }
            let (a, n) = (part(Binding::Product, a), number(*n));
            (quote!(#a / #n), Binding::Product)
        }
        Size::Rem(a, n) => {
            let (a, n) = (part(Binding::Product, a), number(*n));
            (quote!(#a % #n), Binding::Product)
        }
    }
}

/// `x`, if the quotient `sum / n` is `x / n` rounded up.
fn rounded_up(sum: &Size, n: u64) -> Option<&Size> {
    match sum {
        Size::Add(x, more) if more.as_const() == Some(n - 1) && x.as_const().is_none() => Some(x),
        _ => None,
    }
}

/// A size as text, for documentation.
pub(super) fn text(names: &Names, n: &Size) -> String {
    let pair = |a: &Size, op: &str, b: &str| format!("({} {op} {b})", text(names, a));
    match n {
        Size::Const(n) => n.to_string(),
        Size::Dim(dim) => names.dim(*dim).to_string(),
        Size::Add(a, b) => pair(a, "+", &text(names, b)),
        Size::Mul(a, b) => pair(a, "*", &text(names, b)),
        Size::Sub(a, n) => format!("max({} - {n}, 0)", text(names, a)),
        Size::Div(a, n) => pair(a, "/", &n.to_string()),
        Size::Rem(a, n) => pair(a, "%", &n.to_string()),
    }
}

/// An integer literal without a suffix.
pub(super) fn number(n: u64) -> TokenStream {
    let n = Literal::u64_unsuffixed(n);
    quote!(#n)
}
