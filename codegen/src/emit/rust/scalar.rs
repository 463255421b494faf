use super::size::number;
use crate::ir::{BinaryOp, Compare, Elem, ShiftOp, UnaryOp};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// An f32 by its bits: a literal where one reads back as the same number.
pub(super) fn f32_literal(bits: u32) -> TokenStream {
    let x = f32::from_bits(bits);
    if !x.is_finite() || bits == (-0.0f32).to_bits() {
        let bits = number(bits.into());
        return quote!(f32::from_bits(#bits));
    }
    let magnitude = Literal::f32_suffixed(x.abs());
    if x < 0.0 {
        quote!(-#magnitude)
    } else {
        quote!(#magnitude)
    }
}

/// An i32 constant.
pub(super) fn i32_literal(x: i32) -> TokenStream {
    let magnitude = number(x.unsigned_abs().into());
    if x == i32::MIN {
        quote!(i32::MIN)
    } else if x < 0 {
        quote!(-#magnitude)
    } else {
        quote!(#magnitude)
    }
}

/// A unary operation; a square root is the tier's.
pub(super) fn unary(op: UnaryOp, x: &Ident, sqrt: impl Fn(&Ident) -> TokenStream) -> TokenStream {
    match op {
        UnaryOp::Neg => quote!(-#x),
        UnaryOp::Abs => quote!(#x.abs()),
        UnaryOp::Sqrt => sqrt(x),
        UnaryOp::ToFloat => quote!(#x as f32),
        UnaryOp::ToBits => quote!(#x.to_bits() as i32),
        UnaryOp::FromBits => quote!(f32::from_bits(#x as u32)),
    }
}

/// A binary operation of scalars that may be places, such as `x[l]`.
pub(super) fn binary(op: BinaryOp, elem: Elem, x: &TokenStream, y: &TokenStream) -> TokenStream {
    match (op, elem) {
        (BinaryOp::Add, Elem::F32) => quote!(#x + #y),
        (BinaryOp::Sub, Elem::F32) => quote!(#x - #y),
        (BinaryOp::Mul, Elem::F32) => quote!(#x * #y),
        (BinaryOp::Add, Elem::I32) => quote!(#x.wrapping_add(#y)),
        (BinaryOp::Sub, Elem::I32) => quote!(#x.wrapping_sub(#y)),
        (BinaryOp::Mul, Elem::I32) => quote!(#x.wrapping_mul(#y)),
        (BinaryOp::Div, _) => quote!(#x / #y),
        (BinaryOp::Max, _) => quote!(if #x > #y { #x } else { #y }),
        (BinaryOp::Min, _) => quote!(if #x < #y { #x } else { #y }),
        (BinaryOp::And, _) => quote!(#x & #y),
        (BinaryOp::Or, _) => quote!(#x | #y),
        (BinaryOp::Xor, _) => quote!(#x ^ #y),
    }
}

/// A shift by less than 32 bits.
pub(super) fn shift(op: ShiftOp, x: &TokenStream, bits: u8) -> TokenStream {
    let bits = number(bits.into());
    match op {
        ShiftOp::Left => quote!(#x << #bits),
        ShiftOp::Right => quote!((#x as u32 >> #bits) as i32),
        ShiftOp::RightSigned => quote!(#x >> #bits),
    }
}

/// A mask: 0 or -1.
pub(super) fn compare(compare: Compare, x: &TokenStream, y: &TokenStream) -> TokenStream {
    match compare {
        Compare::Lt => quote!(-((#x < #y) as i32)),
        Compare::Le => quote!(-((#x <= #y) as i32)),
        Compare::Eq => quote!(-((#x == #y) as i32)),
    }
}

/// Bit by bit, `mask ? on : off`.
pub(super) fn select(
    elem: Elem,
    mask: &TokenStream,
    on: &TokenStream,
    off: &TokenStream,
) -> TokenStream {
    match elem {
        Elem::I32 => quote!((#mask & #on) | (!#mask & #off)),
        Elem::F32 => quote!(f32::from_bits(
            (#mask as u32 & #on.to_bits()) | (!#mask as u32 & #off.to_bits())
        )),
    }
}
