use super::isa::{Helper, Isa};
use super::scalar::i32_literal;
use super::size::number;
use super::wasm_helpers;
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use atome_spec::Isa as Set;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// SIMD128 of WebAssembly: four registers a vector, of one type for all elements. There are no partial accesses, so
/// helpers branch.
struct Wasm {
    /// Whether there are the products of relaxed SIMD too.
    set: Set,
}

/// The one for an instruction set of the tier.
pub(super) const fn of(isa: Set) -> &'static dyn Isa {
    match isa.has_dot() {
        true => &Wasm {
            set: Set::RelaxedSimd,
        },
        false => &Wasm { set: Set::Simd128 },
    }
}

/// `f32x4` or `i32x4`, and an operation.
fn name(elem: Elem, op: &str) -> Ident {
    match elem {
        Elem::F32 => format_ident!("f32x4_{op}"),
        Elem::I32 => format_ident!("i32x4_{op}"),
    }
}

fn splat(elem: Elem, x: &TokenStream) -> TokenStream {
    let splat = name(elem, "splat");
    quote!(#splat(#x))
}

impl Isa for Wasm {
    fn registers(&self) -> usize {
        4
    }

    fn by_registers(&self) -> bool {
        true
    }

    fn set(&self) -> Set {
        self.set
    }

    fn imports(&self) -> TokenStream {
        quote!(
            use ::core::arch::wasm32::*;
        )
    }

    fn helpers(&self) -> Vec<Helper> {
        wasm_helpers::all(self.set)
    }

    fn register(&self, _elem: Elem) -> TokenStream {
        quote!(v128)
    }

    fn zero(&self, elem: Elem) -> TokenStream {
        match elem {
            Elem::F32 => splat(elem, &quote!(0.0)),
            Elem::I32 => splat(elem, &quote!(0)),
        }
    }

    fn splat(&self, elem: Elem, x: &Ident) -> TokenStream {
        splat(elem, &quote!(#x))
    }

    fn iota(&self, first: usize) -> TokenStream {
        let first = first as i32;
        let lanes = (first..first + 4).map(i32_literal);
        quote!(i32x4(#(#lanes),*))
    }

    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        match op {
            UnaryOp::Neg => quote!(f32x4_neg(#x)),
            UnaryOp::Abs => quote!(f32x4_abs(#x)),
            UnaryOp::Sqrt => quote!(f32x4_sqrt(#x)),
            UnaryOp::ToFloat => quote!(f32x4_convert_i32x4(#x)),
            UnaryOp::ToBits | UnaryOp::FromBits => quote!(#x),
        }
    }

    /// `pmax(y, x)` is `if y < x { x } else { y }`, and `pmin(y, x)` is `if x < y { x } else { y }`: what the IR's
    /// `Max` and `Min` mean.
    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let op = match op {
            BinaryOp::Add => "add",
            BinaryOp::Sub => "sub",
            BinaryOp::Mul => "mul",
            BinaryOp::Div => "div",
            BinaryOp::And => return quote!(v128_and(#x, #y)),
            BinaryOp::Or => return quote!(v128_or(#x, #y)),
            BinaryOp::Xor => return quote!(v128_xor(#x, #y)),
            BinaryOp::Max => return quote!(f32x4_pmax(#y, #x)),
            BinaryOp::Min => return quote!(f32x4_pmin(#y, #x)),
        };
        let intrinsic = name(elem, op);
        quote!(#intrinsic(#x, #y))
    }

    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        let bits = number(bits.into());
        match op {
            ShiftOp::Left => quote!(i32x4_shl(#x, #bits)),
            ShiftOp::RightSigned => quote!(i32x4_shr(#x, #bits)),
            ShiftOp::Right => quote!(u32x4_shr(#x, #bits)),
        }
    }

    fn compare(&self, compare: Compare, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let op = match compare {
            Compare::Lt => "lt",
            Compare::Le => "le",
            Compare::Eq => "eq",
        };
        let intrinsic = name(elem, op);
        quote!(#intrinsic(#x, #y))
    }

    fn select(&self, _elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        quote!(v128_bitselect(#on, #off, #mask))
    }

    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream {
        let ends = quote! {
            let (x, y) = (f32x4_extract_lane::<0>(half), f32x4_extract_lane::<1>(half));
        };
        match op {
            ReduceOp::Add => quote! {{
                let half = f32x4_add(#x, i32x4_shuffle::<2, 3, 2, 3>(#x, #x));
                #ends
                x + y
            }},
            ReduceOp::Max => quote! {{
                let half = f32x4_pmax(i32x4_shuffle::<2, 3, 2, 3>(#x, #x), #x);
                #ends
                if x > y { x } else { y }
            }},
        }
    }

    fn extract(&self, elem: Elem, x: &Ident, lane: usize) -> TokenStream {
        let extract = name(elem, "extract_lane");
        let lane = number(lane as u64);
        quote!(#extract::<#lane>(#x))
    }

    fn keep(&self, _elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream {
        quote!(v128_and(#x, first(#n)))
    }

    fn load(&self, _elem: Elem, at: &TokenStream) -> TokenStream {
        quote!(v128_load(#at.cast::<v128>()))
    }

    fn load_first(&self, _elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream {
        quote!(load_first(#at.cast::<u32>(), #n))
    }

    fn store(&self, _elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream {
        quote!(v128_store(#at.cast::<v128>(), #x))
    }

    fn store_first(
        &self,
        _elem: Elem,
        at: &TokenStream,
        x: &Ident,
        n: &TokenStream,
    ) -> TokenStream {
        quote!(store_first(#at.cast::<u32>(), #x, #n))
    }

    fn prefetch(&self, _at: &TokenStream) -> Option<TokenStream> {
        None
    }

    /// `-x`: what code 0 gives, from which the select makes the rest.
    fn trit_table(&self, _bit: u8, x: &Ident) -> (u8, TokenStream) {
        (0, splat(Elem::F32, &quote!(-#x)))
    }

    /// The code's low bit, spread over the lane, clears it; the high bit flips the sign.
    fn trit_select(&self, bit: u8, index: &Ident, table: &Ident) -> TokenStream {
        let low = self.shift(ShiftOp::Left, index, 31 - bit);
        let high = match 30 - bit {
            shift @ 1.. => self.shift(ShiftOp::Left, index, shift),
            0 => quote!(#index),
        };
        let sign = splat(Elem::I32, &quote!(i32::MIN));
        quote! {
            v128_andnot(
                v128_xor(#table, v128_and(#high, #sign)),
                i32x4_shr(#low, 31),
            )
        }
    }

    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        match small && self.set.has_dot() {
            true => quote!(i32x4_relaxed_dot_i8x16_i7x16_add(#x, #codes, #acc)),
            false => quote!(dot4(#acc, #codes, #x)),
        }
    }

    fn narrow(&self, parts: &[Vec<Ident>; 4], register: usize) -> TokenStream {
        let [x, y, z, w] = [0, 1, 2, 3].map(|i| &parts[register][i]);
        quote! {
            i8x16_narrow_i16x8(i16x8_narrow_i32x4(#x, #y), i16x8_narrow_i32x4(#z, #w))
        }
    }

    fn base3(&self, part: Base3Part, x: &Ident) -> Option<TokenStream> {
        Some(match part {
            Base3Part::Fields => quote!(first_codes(#x)),
            Base3Part::Fifth => quote!(fifth_codes(#x)),
        })
    }

    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream {
        let index = match bit {
            0 => quote!(#index),
            _ => self.shift(ShiftOp::Right, index, bit),
        };
        quote!(lookup(&[#(#table),*], #index))
    }

    fn spread(&self, x: &Ident) -> TokenStream {
        quote!(#x)
    }

    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        match op {
            PackedOp::Pairs => quote!(pairs(#(#operands),*)),
            PackedOp::Dot2 => {
                let (acc, rest) = (&operands[0], &operands[1..]);
                quote!(i32x4_add(#acc, i32x4_dot_i16x8(#(#rest),*)))
            }
            PackedOp::Add16 => quote!(i16x8_add(#(#operands),*)),
            PackedOp::Add8 => quote!(i8x16_add(#(#operands),*)),
            PackedOp::Sub8 => quote!(i8x16_sub(#(#operands),*)),
            PackedOp::Less8 => quote!(i8x16_lt(#(#operands),*)),
            PackedOp::Sign8 => quote!(sign8(#(#operands),*)),
            PackedOp::Shuffle8 => quote!(shuffle8(#(#operands),*)),
        }
    }

    fn pairs(&self, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        match (small, self.set.has_dot()) {
            (true, true) => quote!(i16x8_relaxed_dot_i8x16_i7x16(#x, #codes)),
            (true, false) => quote!(pairs_small(#codes, #x)),
            (false, _) => quote!(pairs(#codes, #x)),
        }
    }

    fn sum_i32(&self, x: &Ident) -> TokenStream {
        quote! {{
            let half = i32x4_add(#x, i32x4_shuffle::<2, 3, 2, 3>(#x, #x));
            i32x4_extract_lane::<0>(half).wrapping_add(i32x4_extract_lane::<1>(half))
        }}
    }

    fn sqrt(&self, x: &Ident) -> TokenStream {
        quote!(f32x4_extract_lane::<0>(f32x4_sqrt(f32x4_splat(#x))))
    }
}
