use super::isa::{Helper, Isa};
use super::size::number;
use super::{packed, scalar};
use crate::ir::{BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use atome_spec::Isa as Set;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// Plain Rust on arrays of sixteen, for any CPU and without `std`.
pub(super) struct Portable;

/// An array whose lane `l` is `x`.
fn each(x: &TokenStream) -> TokenStream {
    quote!(::core::array::from_fn(|l| #x))
}

/// Lane `l` of an array.
fn lane(x: &Ident) -> TokenStream {
    quote!(#x[l])
}

impl Isa for Portable {
    fn registers(&self) -> usize {
        1
    }

    fn set(&self) -> Set {
        Set::Portable
    }

    fn imports(&self) -> TokenStream {
        TokenStream::new()
    }

    fn helpers(&self) -> Vec<Helper> {
        helpers()
    }

    fn register(&self, elem: Elem) -> TokenStream {
        match elem {
            Elem::F32 => quote!([f32; 16]),
            Elem::I32 => quote!([i32; 16]),
        }
    }

    fn zero(&self, elem: Elem) -> TokenStream {
        match elem {
            Elem::F32 => quote!([0.0; 16]),
            Elem::I32 => quote!([0; 16]),
        }
    }

    fn splat(&self, _elem: Elem, x: &Ident) -> TokenStream {
        quote!([#x; 16])
    }

    fn iota(&self, _first: usize) -> TokenStream {
        each(&quote!(l as i32))
    }

    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        match op {
            UnaryOp::Sqrt => quote!(#x.map(sqrt)),
            _ => {
                let y = scalar::unary(op, x, |_| TokenStream::new());
                quote!(#x.map(|#x| #y))
            }
        }
    }

    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        each(&scalar::binary(op, elem, &lane(x), &lane(y)))
    }

    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        each(&scalar::shift(op, &lane(x), bits))
    }

    fn compare(&self, compare: Compare, _elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        each(&scalar::compare(compare, &lane(x), &lane(y)))
    }

    fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        each(&scalar::select(elem, &lane(mask), &lane(on), &lane(off)))
    }

    fn select_lanes(&self, _elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        each(&quote!(if #mask[l] != 0 { #on[l] } else { #off[l] }))
    }

    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream {
        match op {
            ReduceOp::Add => quote!(reduce(#x, |x, y| x + y)),
            ReduceOp::Max => quote!(reduce(#x, |x, y| if x > y { x } else { y })),
        }
    }

    fn extract(&self, _elem: Elem, x: &Ident, lane: usize) -> TokenStream {
        let lane = number(lane as u64);
        quote!(#x[#lane])
    }

    fn keep(&self, elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream {
        let zero = match elem {
            Elem::F32 => quote!(0.0),
            Elem::I32 => quote!(0),
        };
        quote!({
            let n = #n;
            ::core::array::from_fn(|l| if l < n { #x[l] } else { #zero })
        })
    }

    fn load(&self, elem: Elem, at: &TokenStream) -> TokenStream {
        let ty = self.register(elem);
        quote!(#at.cast::<#ty>().read_unaligned())
    }

    fn load_first(&self, _elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream {
        quote!(load_first(#at, #n))
    }

    fn store(&self, elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream {
        let ty = self.register(elem);
        quote!(#at.cast::<#ty>().write_unaligned(#x))
    }

    fn store_first(
        &self,
        _elem: Elem,
        at: &TokenStream,
        x: &Ident,
        n: &TokenStream,
    ) -> TokenStream {
        quote!(store_first(#at, #x, #n))
    }

    fn prefetch(&self, _at: &TokenStream) -> Option<TokenStream> {
        None
    }

    /// The bits of `-x`: what code 0 gives, from which the select makes the rest.
    fn trit_table(&self, _bit: u8, x: &Ident) -> (u8, TokenStream) {
        (0, quote!((-#x).to_bits()))
    }

    fn trit_table_type(&self) -> TokenStream {
        quote!(u32)
    }

    /// The code's low bit, spread over the lane, clears it; the high bit flips the sign.
    fn trit_select(&self, bit: u8, index: &Ident, table: &Ident) -> TokenStream {
        let (low, high) = (number((31 - bit).into()), number((30 - bit).into()));
        each(&quote! {{
            let zero = (#index[l] << #low >> 31) as u32;
            let sign = (#index[l] << #high) as u32 & 0x8000_0000;
            f32::from_bits((#table ^ sign) & !zero)
        }})
    }

    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, _small: bool) -> TokenStream {
        quote!(dot4(#acc, #codes, #x))
    }

    fn narrow(&self, parts: &[Vec<Ident>; 4], _register: usize) -> TokenStream {
        let [x, y, z, w] = [0, 1, 2, 3].map(|i| &parts[i][0]);
        quote!(narrow([#x, #y, #z, #w]))
    }

    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream {
        let (table, bit) = (&table[0], number(bit.into()));
        quote!(lookup(&#table, &#index, #bit))
    }

    fn spread(&self, x: &Ident) -> TokenStream {
        each(&quote!(#x[l & 3]))
    }

    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        packed::portable(op, operands)
    }

    fn sum_i32(&self, x: &Ident) -> TokenStream {
        quote!(sum(#x))
    }

    fn sqrt(&self, x: &Ident) -> TokenStream {
        quote!(sqrt(#x))
    }
}

fn helpers() -> Vec<Helper> {
    let reduce = quote! {
        /// Folds lanes `i` and `i + 8`, then `i + 4`, `i + 2`, `i + 1`.
        #[inline(always)]
        fn reduce(x: [f32; 16], fold: impl ::core::ops::Fn(f32, f32) -> f32) -> f32 {
            let x: [f32; 8] = ::core::array::from_fn(|l| fold(x[l], x[l + 8]));
            let x: [f32; 4] = ::core::array::from_fn(|l| fold(x[l], x[l + 4]));
            fold(fold(x[0], x[2]), fold(x[1], x[3]))
        }
    };
    let sum = quote! {
        /// The wrapping sum of the lanes.
        #[inline(always)]
        fn sum(x: [i32; 16]) -> i32 {
            let mut sum = 0i32;
            for l in 0..16 {
                sum = sum.wrapping_add(x[l]);
            }
            sum
        }
    };
    let load = quote! {
        /// The first `n` lanes from `at`; the others are zero.
        #[inline(never)]
        unsafe fn load_first<T>(at: *const T, n: usize) -> [T; 16]
        where
            T: ::core::marker::Copy + ::core::default::Default,
        {
            let mut x = [T::default(); 16];
            for l in 0..::core::cmp::Ord::min(n, 16) {
                // SAFETY: the caller vouches for the first `n` elements.
                x[l] = unsafe { *at.add(l) };
            }
            x
        }
    };
    let store = quote! {
        /// Writes the first `n` lanes to `at`.
        #[inline(never)]
        unsafe fn store_first<T: ::core::marker::Copy>(at: *mut T, x: [T; 16], n: usize) {
            for l in 0..::core::cmp::Ord::min(n, 16) {
                // SAFETY: the caller vouches for the first `n` elements.
                unsafe { *at.add(l) = x[l] };
            }
        }
    };
    let dot4 = quote! {
        /// Adds dot products of four bytes, those of `codes` unsigned.
        #[inline(always)]
        fn dot4(acc: [i32; 16], codes: [i32; 16], x: [i32; 16]) -> [i32; 16] {
            ::core::array::from_fn(|l| {
                let (codes, x) = (codes[l].to_le_bytes(), x[l].to_le_bytes());
                let product = |i: usize| codes[i] as i32 * (x[i] as i8) as i32;
                acc[l].wrapping_add(product(0) + product(1) + product(2) + product(3))
            })
        }
    };
    let dot4_lane = quote! {
        /// Adds the dot product of four bytes, those of `codes` unsigned.
        #[inline(always)]
        fn dot4_lane(acc: i32, codes: i32, x: i32) -> i32 {
            let (codes, x) = (codes.to_le_bytes(), x.to_le_bytes());
            let product = |i: usize| codes[i] as i32 * (x[i] as i8) as i32;
            acc.wrapping_add(product(0) + product(1) + product(2) + product(3))
        }
    };
    let lookup = quote! {
        /// The entries at the four bits from `bit` on. A call costs little beside sixteen
        /// look-ups, and a kernel has a hundred of them.
        #[inline(never)]
        fn lookup(table: &[i32; 16], index: &[i32; 16], bit: u32) -> [i32; 16] {
            ::core::array::from_fn(|l| table[(index[l] as u32 >> bit & 15) as usize])
        }
    };
    let narrow = quote! {
        /// Sixty-four numbers as signed bytes.
        #[inline(always)]
        fn narrow(parts: [[i32; 16]; 4]) -> [i32; 16] {
            let limited = |x: i32| ::core::cmp::Ord::clamp(x, -128, 127);
            let byte = |at: usize| limited(parts[at / 16][at % 16]) as u8;
            ::core::array::from_fn(|l| {
                i32::from_le_bytes(::core::array::from_fn(|i| byte(4 * l + i)))
            })
        }
    };
    let helper = |name, item| Helper { name, item };
    let mut helpers = vec![
        helper("reduce", reduce),
        helper("sum", sum),
        helper("load_first", load),
        helper("store_first", store),
        helper("dot4", dot4),
        helper("dot4_lane", dot4_lane),
        helper("lookup", lookup),
        helper("narrow", narrow),
        helper("sqrt", sqrt()),
    ];
    helpers.extend(packed::portable_helpers());
    helpers
}

/// `core` has no square root, and a kernel takes at most one a row: an exact integer root.
fn sqrt() -> TokenStream {
    quote! {
        /// IEEE square root. No root lies half way between two floats, so the root of 25
        /// bits, rounded down, tells which is nearest.
        fn sqrt(x: f32) -> f32 {
            if x == 0.0 || x.is_nan() || x == f32::INFINITY {
                return x;
            }
            if x < 0.0 {
                return f32::NAN;
            }
            // x = significand * 2^exponent with a significand of 24 bits.
            let field = x.to_bits() >> 23;
            let fraction = x.to_bits() & 0x007f_ffff;
            let denormal = fraction.leading_zeros() as i32 - 8;
            let (significand, exponent) = if field == 0 {
                (fraction << denormal, -149 - denormal)
            } else {
                (fraction | 0x0080_0000, field as i32 - 150)
            };
            // 25 or 26, so that the root has 25 bits and the exponent is even.
            let shift = 26 - (exponent & 1);
            let root = ((significand as u64) << shift).isqrt() as u32;
            let rounded = (root + 1) >> 1;
            let power = (exponent - shift) / 2 + 1;
            f32::from_bits((rounded & 0x007f_ffff) | (((power + 150) as u32) << 23))
        }
    }
}
