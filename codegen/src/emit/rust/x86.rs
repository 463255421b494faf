use super::isa::Helper;
use super::scalar::i32_literal;
use super::size::number;
use crate::emit::ninths;
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// The spelling of one register width: `_mm512_add_ps` is `prefix` + `add` + `ps`.
///
/// Holds what all three widths have under the same name.
pub(super) struct Width {
    /// `_mm`, `_mm256` or `_mm512`.
    pub(super) prefix: &'static str,
    /// `128`, `256` or `512`.
    pub(super) bits: usize,
}

impl Width {
    /// The name of an intrinsic.
    pub(super) fn name(&self, op: &str) -> Ident {
        format_ident!("{}_{}", self.prefix, op)
    }

    /// The name of a bitwise intrinsic of integers.
    pub(super) fn bitwise(&self, op: &str) -> Ident {
        format_ident!("{}_{}_si{}", self.prefix, op, self.bits)
    }

    /// Bits of a float register as integers.
    pub(super) fn as_bits(&self, x: &TokenStream) -> TokenStream {
        let cast = format_ident!("{}_castps_si{}", self.prefix, self.bits);
        quote!(#cast(#x))
    }

    /// Integers as the bits of a float register.
    pub(super) fn as_floats(&self, x: &TokenStream) -> TokenStream {
        let cast = format_ident!("{}_castsi{}_ps", self.prefix, self.bits);
        quote!(#cast(#x))
    }

    pub(super) fn imports(&self) -> TokenStream {
        quote!(
            use ::core::arch::x86_64::*;
        )
    }

    pub(super) fn register(&self, elem: Elem) -> TokenStream {
        let ty = match elem {
            Elem::F32 => format_ident!("__m{}", self.bits),
            Elem::I32 => format_ident!("__m{}i", self.bits),
        };
        quote!(#ty)
    }

    pub(super) fn zero(&self, elem: Elem) -> TokenStream {
        let zero = match elem {
            Elem::F32 => self.name("setzero_ps"),
            Elem::I32 => self.bitwise("setzero"),
        };
        quote!(#zero())
    }

    pub(super) fn splat(&self, elem: Elem, x: &TokenStream) -> TokenStream {
        let set = match elem {
            Elem::F32 => self.name("set1_ps"),
            Elem::I32 => self.name("set1_epi32"),
        };
        quote!(#set(#x))
    }

    pub(super) fn lanes(&self, lanes: impl Iterator<Item = i32>) -> TokenStream {
        let set = self.name("setr_epi32");
        let lanes = lanes.map(i32_literal);
        quote!(#set(#(#lanes),*))
    }

    pub(super) fn iota(&self, first: usize) -> TokenStream {
        let first = first as i32;
        self.lanes(first..first + self.bits as i32 / 32)
    }

    pub(super) fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        let signs = self.splat(Elem::F32, &quote!(-0.0f32));
        match op {
            UnaryOp::Neg => {
                let xor = self.name("xor_ps");
                quote!(#xor(#x, #signs))
            }
            UnaryOp::Abs => {
                let andnot = self.name("andnot_ps");
                quote!(#andnot(#signs, #x))
            }
            UnaryOp::Sqrt => {
                let sqrt = self.name("sqrt_ps");
                quote!(#sqrt(#x))
            }
            UnaryOp::ToFloat => {
                let convert = self.name("cvtepi32_ps");
                quote!(#convert(#x))
            }
            UnaryOp::ToBits => self.as_bits(&quote!(#x)),
            UnaryOp::FromBits => self.as_floats(&quote!(#x)),
        }
    }

    /// `maxps` and `minps` give their second operand when the operands are equal or not
    /// ordered, which is what the IR's `Max` and `Min` mean.
    pub(super) fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let intrinsic = match (op, elem) {
            (BinaryOp::Add, Elem::F32) => self.name("add_ps"),
            (BinaryOp::Sub, Elem::F32) => self.name("sub_ps"),
            (BinaryOp::Mul, Elem::F32) => self.name("mul_ps"),
            (BinaryOp::Add, Elem::I32) => self.name("add_epi32"),
            (BinaryOp::Sub, Elem::I32) => self.name("sub_epi32"),
            (BinaryOp::Mul, Elem::I32) => self.name("mullo_epi32"),
            (BinaryOp::Div, _) => self.name("div_ps"),
            (BinaryOp::Max, _) => self.name("max_ps"),
            (BinaryOp::Min, _) => self.name("min_ps"),
            (BinaryOp::And, _) => self.bitwise("and"),
            (BinaryOp::Or, _) => self.bitwise("or"),
            (BinaryOp::Xor, _) => self.bitwise("xor"),
        };
        quote!(#intrinsic(#x, #y))
    }

    pub(super) fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        let intrinsic = match op {
            ShiftOp::Left => self.name("slli_epi32"),
            ShiftOp::Right => self.name("srli_epi32"),
            ShiftOp::RightSigned => self.name("srai_epi32"),
        };
        let bits = number(bits.into());
        quote!(#intrinsic::<#bits>(#x))
    }

    pub(super) fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        let [and, andnot, or] = ["and", "andnot", "or"].map(|op| self.bitwise(op));
        match elem {
            Elem::I32 => quote!(#or(#and(#mask, #on), #andnot(#mask, #off))),
            Elem::F32 => {
                let on = self.as_bits(&quote!(#on));
                let off = self.as_bits(&quote!(#off));
                self.as_floats(&quote!(#or(#and(#mask, #on), #andnot(#mask, #off))))
            }
        }
    }

    /// `x <= y` and the rest for integers, made of the two comparisons that exist below
    /// AVX-512.
    pub(super) fn compare_i32(&self, compare: Compare, x: &Ident, y: &Ident) -> TokenStream {
        let [greater, equal] = ["cmpgt_epi32", "cmpeq_epi32"].map(|op| self.name(op));
        match compare {
            Compare::Lt => quote!(#greater(#y, #x)),
            Compare::Eq => quote!(#equal(#x, #y)),
            Compare::Le => {
                let andnot = self.bitwise("andnot");
                let ones = self.splat(Elem::I32, &quote!(-1));
                quote!(#andnot(#greater(#x, #y), #ones))
            }
        }
    }

    pub(super) fn prefetch(&self, at: &TokenStream) -> TokenStream {
        // SAFETY: a prefetch touches no memory that a program sees.
        quote!(unsafe { _mm_prefetch::<_MM_HINT_T0>(#at.cast::<i8>()) };)
    }

    /// `maddubs` pairs unsigned bytes with signed ones in saturating 16 bits, which small bytes
    /// do not reach.
    pub(super) fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        let [add, madd, pairs, set] =
            ["add_epi32", "madd_epi16", "maddubs_epi16", "set1_epi16"].map(|op| self.name(op));
        if small {
            return quote!(#add(#acc, #madd(#pairs(#codes, #x), #set(1))));
        }
        let and = self.bitwise("and");
        let [left, right, right_signed] =
            ["slli_epi16", "srli_epi16", "srai_epi16"].map(|op| self.name(op));
        quote! {
            #add(
                #acc,
                #add(
                    #madd(#and(#codes, #set(0xff)), #right_signed::<8>(#left::<8>(#x))),
                    #madd(#right::<8>(#codes), #right_signed::<8>(#x)),
                ),
            )
        }
    }

    /// Sums of halves and of bytes, in the order in which they are written: LLVM would add up products before it
    /// adds them to a sum, and keep more of them than there are registers.
    pub(super) fn helpers(&self, features: &str) -> Vec<Helper> {
        let each = [("add16", "add_epi16"), ("add8", "add_epi8")];
        let each = each.map(|(name, add)| self.sum_helper(features, name, add));
        each.into()
    }

    fn sum_helper(&self, features: &str, name: &'static str, add: &str) -> Helper {
        let (ty, add) = (self.register(Elem::I32), self.name(add));
        let function = format_ident!("{name}");
        let class = match self.bits {
            512 => quote!(zmm_reg),
            256 => quote!(ymm_reg),
            _ => quote!(xmm_reg),
        };
        let item = quote! {
            /// The sums of parts; no instruction, but none that looks through it.
            #[inline]
            #[target_feature(enable = #features)]
            fn #function(x: #ty, y: #ty) -> #ty {
                let mut sum = #add(x, y);
                // SAFETY: there is no instruction: a register passes through.
                unsafe {
                    ::core::arch::asm!(
                        "/* {} */",
                        inout(#class) sum,
                        options(pure, nomem, nostack, preserves_flags)
                    )
                };
                sum
            }
        };
        Helper { name, item }
    }

    /// Base-3 codes of a register by tables of sixteen bytes.
    pub(super) fn base3(&self, part: Base3Part, x: &Ident) -> TokenStream {
        match part {
            Base3Part::Fields => quote!(first_codes(#x)),
            Base3Part::Fifth => quote!(fifth_codes(#x)),
        }
    }

    /// The functions that [`Width::base3`] calls.
    pub(super) fn base3_helpers(&self, features: &str) -> Vec<Helper> {
        let ty = self.register(Elem::I32);
        let table = |entry: &dyn Fn(u8) -> u8| {
            let words = ninths::words(entry).map(u32::cast_signed);
            self.lanes(words.into_iter().cycle().take(self.bits / 32))
        };
        let byte = |byte: u8| {
            let word = i32_literal(i32::from_le_bytes([byte; 4]));
            self.splat(Elem::I32, &quote!(#word))
        };
        let (magnitudes, nibble) = (byte(0x7f), byte(0x0f));
        let [first, last, below] =
            [ninths::first, ninths::last, ninths::below].map(|entry| table(&entry));
        let [of_a, of_b, of_fifth] =
            [ninths::of_a, ninths::of_b, ninths::fifth].map(|entry| table(&entry));
        let and = self.bitwise("and");
        let [shift, shuffle, add, sub] =
            ["srli_epi32", "shuffle_epi8", "add_epi8", "sub_epi8"].map(|op| self.name(op));
        let masks = self.bits == 512;
        let next = match masks {
            true => {
                let one = byte(1);
                quote!(_mm512_mask_add_epi8(first, _mm512_cmpgt_epi8_mask(magnitude, last), first, #one))
            }
            false => {
                let greater = self.name("cmpgt_epi8");
                quote!(#sub(first, #greater(magnitude, last)))
            }
        };
        let signed = match masks {
            true => quote! {
                _mm512_mask_sub_epi8(trits, _mm512_movepi8_mask(x), _mm512_setzero_si512(), trits)
            },
            false => {
                let sign = self.name("sign_epi8");
                quote!(#sign(trits, x))
            }
        };
        let ninths = quote! {
            /// What magnitudes of bytes are made of: `9 a + b - 4`.
            #[inline]
            #[target_feature(enable = #features)]
            fn ninths(x: #ty) -> (#ty, #ty) {
                let magnitude = #and(x, #magnitudes);
                let high = #and(#shift::<3>(x), #nibble);
                let first = #shuffle(#first, high);
                let last = #shuffle(#last, high);
                let a = #next;
                (a, #sub(magnitude, #shuffle(#below, a)))
            }
        };
        let codes = quote! {
            /// Codes of trits, those of negative bytes negated.
            #[inline]
            #[target_feature(enable = #features)]
            fn codes_of(x: #ty, trits: #ty, zeros: #ty) -> #ty {
                #add(#signed, zeros)
            }
        };
        let (zeros, zero) = (byte(ninths::FIELDS), byte(ninths::FIFTH));
        let first_codes = quote! {
            /// Codes of the first four trits of bytes in base 3.
            #[inline]
            #[target_feature(enable = #features)]
            fn first_codes(x: #ty) -> #ty {
                let (a, b) = ninths(x);
                let trits = #add(#shuffle(#of_a, a), #shuffle(#of_b, b));
                codes_of(x, trits, #zeros)
            }
        };
        let fifth_codes = quote! {
            /// Codes of the fifth trits.
            #[inline]
            #[target_feature(enable = #features)]
            fn fifth_codes(x: #ty) -> #ty {
                let (_, b) = ninths(x);
                codes_of(x, #shuffle(#of_fifth, b), #zero)
            }
        };
        let helper = |name, item| Helper { name, item };
        vec![
            helper("ninths", ninths),
            helper("codes_of", codes),
            helper("first_codes", first_codes),
            helper("fifth_codes", fifth_codes),
        ]
    }

    /// Each is an instruction, `dot2` two.
    pub(super) fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        let intrinsic = match op {
            PackedOp::Dot2 => {
                let (acc, rest) = (&operands[0], &operands[1..]);
                let [add, madd] = ["add_epi32", "madd_epi16"].map(|op| self.name(op));
                return quote!(#add(#acc, #madd(#(#rest),*)));
            }
            PackedOp::Less8 => {
                let (greater, x, y) = (self.name("cmpgt_epi8"), &operands[0], &operands[1]);
                return quote!(#greater(#y, #x));
            }
            PackedOp::Add16 => return quote!(add16(#(#operands),*)),
            PackedOp::Add8 => return quote!(add8(#(#operands),*)),
            PackedOp::Pairs => "maddubs_epi16",
            PackedOp::Sub8 => "sub_epi8",
            PackedOp::Sign8 => "sign_epi8",
            PackedOp::Shuffle8 => "shuffle_epi8",
        };
        let intrinsic = self.name(intrinsic);
        quote!(#intrinsic(#(#operands),*))
    }

    pub(super) fn sqrt(&self, x: &Ident) -> TokenStream {
        quote!(_mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(#x))))
    }
}

/// The end of the fixed tree over the four lanes of the `__m128` called `sum`: lanes
/// `i` and `i + 2`, then 0 and 1.
pub(super) fn reduce_quarter(op: ReduceOp) -> TokenStream {
    let (fold, last) = match op {
        ReduceOp::Add => (quote!(_mm_add_ps), quote!(_mm_add_ss)),
        ReduceOp::Max => (quote!(_mm_max_ps), quote!(_mm_max_ss)),
    };
    quote! {
        let sum = #fold(sum, _mm_movehl_ps(sum, sum));
        _mm_cvtss_f32(#last(sum, _mm_movehdup_ps(sum)))
    }
}

/// The sum of the four lanes of the `__m128i` called `sum`.
pub(super) fn sum_quarter() -> TokenStream {
    quote! {
        let sum = _mm_add_epi32(sum, _mm_unpackhi_epi64(sum, sum));
        _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32::<1>(sum)))
    }
}

/// A lane of a `__m128` or `__m128i` expression.
pub(super) fn extract_quarter(elem: Elem, x: &TokenStream, lane: usize) -> TokenStream {
    let lane = number(lane as u64);
    match elem {
        Elem::F32 => quote!(f32::from_bits(_mm_extract_ps::<#lane>(#x) as u32)),
        Elem::I32 => quote!(_mm_extract_epi32::<#lane>(#x)),
    }
}
