use super::isa::{Helper, Isa};
use super::x86::{Width, extract_quarter, reduce_quarter, sum_quarter};
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use atome_spec::Isa as Set;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// SSE4.1: four registers a vector. There are no partial accesses, so helpers branch.
pub(super) struct Sse41;

const XMM: Width = Width {
    prefix: "_mm",
    bits: 128,
};

impl Isa for Sse41 {
    fn registers(&self) -> usize {
        4
    }

    fn set(&self) -> Set {
        Set::Sse41
    }

    fn imports(&self) -> TokenStream {
        XMM.imports()
    }

    fn helpers(&self) -> Vec<Helper> {
        let mut helpers = helpers();
        helpers.extend(XMM.helpers("sse4.1"));
        helpers.extend(XMM.base3_helpers("sse4.1"));
        helpers
    }

    fn register(&self, elem: Elem) -> TokenStream {
        XMM.register(elem)
    }

    fn zero(&self, elem: Elem) -> TokenStream {
        XMM.zero(elem)
    }

    fn splat(&self, elem: Elem, x: &Ident) -> TokenStream {
        XMM.splat(elem, &quote!(#x))
    }

    fn iota(&self, first: usize) -> TokenStream {
        XMM.iota(first)
    }

    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        XMM.unary(op, x)
    }

    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        XMM.binary(op, elem, x, y)
    }

    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        XMM.shift(op, x, bits)
    }

    fn compare(&self, compare: Compare, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let mask = match (elem, compare) {
            (Elem::I32, _) => return XMM.compare_i32(compare, x, y),
            (Elem::F32, Compare::Lt) => quote!(_mm_cmplt_ps(#x, #y)),
            (Elem::F32, Compare::Le) => quote!(_mm_cmple_ps(#x, #y)),
            (Elem::F32, Compare::Eq) => quote!(_mm_cmpeq_ps(#x, #y)),
        };
        XMM.as_bits(&mask)
    }

    fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        XMM.select(elem, mask, on, off)
    }

    fn select_lanes(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm_blendv_ps(#off, #on, _mm_castsi128_ps(#mask))),
            Elem::I32 => quote!(_mm_blendv_epi8(#off, #on, #mask)),
        }
    }

    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream {
        let rest = reduce_quarter(op);
        quote! {{
            let sum = #x;
            #rest
        }}
    }

    fn extract(&self, elem: Elem, x: &Ident, lane: usize) -> TokenStream {
        extract_quarter(elem, &quote!(#x), lane)
    }

    fn keep(&self, elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm_and_ps(#x, _mm_castsi128_ps(first(#n)))),
            Elem::I32 => quote!(_mm_and_si128(#x, first(#n))),
        }
    }

    fn load(&self, elem: Elem, at: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm_loadu_ps(#at)),
            Elem::I32 => quote!(_mm_loadu_si128(#at.cast::<__m128i>())),
        }
    }

    fn load_first(&self, elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm_castsi128_ps(load_first(#at.cast::<i32>(), #n))),
            Elem::I32 => quote!(load_first(#at, #n)),
        }
    }

    fn store(&self, elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm_storeu_ps(#at, #x)),
            Elem::I32 => quote!(_mm_storeu_si128(#at.cast::<__m128i>(), #x)),
        }
    }

    fn store_first(&self, elem: Elem, at: &TokenStream, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(store_first(#at.cast::<i32>(), _mm_castps_si128(#x), #n)),
            Elem::I32 => quote!(store_first(#at, #x, #n)),
        }
    }

    fn prefetch(&self, at: &TokenStream) -> Option<TokenStream> {
        Some(XMM.prefetch(at))
    }

    /// `-x`: what code 0 gives, from which the select makes the rest.
    fn trit_table(&self, _bit: u8, x: &Ident) -> (u8, TokenStream) {
        let splat = XMM.splat(Elem::F32, &quote!(-#x));
        (0, XMM.as_bits(&splat))
    }

    fn trit_table_type(&self) -> TokenStream {
        XMM.register(Elem::I32)
    }

    /// The code's low bit, spread over the lane, clears it; the high bit flips the sign.
    fn trit_select(&self, bit: u8, index: &Ident, table: &Ident) -> TokenStream {
        let low = XMM.shift(ShiftOp::Left, index, 31 - bit);
        let high = match 30 - bit {
            shift @ 1.. => XMM.shift(ShiftOp::Left, index, shift),
            0 => quote!(#index),
        };
        let sign = XMM.splat(Elem::I32, &quote!(i32::MIN));
        XMM.as_floats(&quote! {
            _mm_andnot_si128(
                _mm_srai_epi32::<31>(#low),
                _mm_xor_si128(#table, _mm_and_si128(#high, #sign)),
            )
        })
    }

    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        XMM.dot4(acc, codes, x, small)
    }

    fn narrow(&self, parts: &[Vec<Ident>; 4], register: usize) -> TokenStream {
        let [x, y, z, w] = [0, 1, 2, 3].map(|i| &parts[register][i]);
        quote!(_mm_packs_epi16(_mm_packs_epi32(#x, #y), _mm_packs_epi32(#z, #w)))
    }

    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream {
        let index = match bit {
            0 => quote!(#index),
            _ => XMM.shift(ShiftOp::Right, index, bit),
        };
        quote!(lookup(&[#(#table),*], #index))
    }

    fn spread(&self, x: &Ident) -> TokenStream {
        quote!(#x)
    }

    fn base3(&self, part: Base3Part, x: &Ident) -> Option<TokenStream> {
        Some(XMM.base3(part, x))
    }

    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        XMM.packed(op, operands)
    }

    fn sum_i32(&self, x: &Ident) -> TokenStream {
        let rest = sum_quarter();
        quote! {{
            let sum = #x;
            #rest
        }}
    }

    fn sqrt(&self, x: &Ident) -> TokenStream {
        XMM.sqrt(x)
    }
}

fn helpers() -> Vec<Helper> {
    let first = quote! {
        /// A mask of the first `n` lanes.
        #[inline]
        #[target_feature(enable = "sse4.1")]
        fn first(n: usize) -> __m128i {
            let n = _mm_set1_epi32(::core::cmp::Ord::min(n, 4) as i32);
            _mm_cmpgt_epi32(n, _mm_setr_epi32(0, 1, 2, 3))
        }
    };
    let load = quote! {
        /// The first `n` lanes from `at`; the others are zero.
        #[inline(never)]
        #[target_feature(enable = "sse4.1")]
        unsafe fn load_first(at: *const i32, n: usize) -> __m128i {
            // SAFETY: the caller vouches for the first `n` lanes, and no more are read.
            unsafe {
                match n {
                    0 => _mm_setzero_si128(),
                    1 => _mm_setr_epi32(*at, 0, 0, 0),
                    2 => _mm_setr_epi32(*at, *at.add(1), 0, 0),
                    3 => _mm_setr_epi32(*at, *at.add(1), *at.add(2), 0),
                    _ => _mm_loadu_si128(at.cast::<__m128i>()),
                }
            }
        }
    };
    let store = quote! {
        /// Writes the first `n` lanes to `at`.
        #[inline(never)]
        #[target_feature(enable = "sse4.1")]
        unsafe fn store_first(at: *mut i32, x: __m128i, n: usize) {
            // SAFETY: the caller vouches for the first `n` lanes, and no more are written.
            unsafe {
                if n >= 4 {
                    _mm_storeu_si128(at.cast::<__m128i>(), x);
                    return;
                }
                if n >= 1 {
                    *at = _mm_cvtsi128_si32(x);
                }
                if n >= 2 {
                    *at.add(1) = _mm_extract_epi32::<1>(x);
                }
                if n >= 3 {
                    *at.add(2) = _mm_extract_epi32::<2>(x);
                }
            }
        }
    };
    let lookup = quote! {
        /// The lanes of a table that the low four bits of `index` name, quarter by quarter:
        /// bytes are looked up where their number is below 16. A call costs little beside it, and
        /// a kernel has hundreds.
        #[inline(never)]
        #[target_feature(enable = "sse4.1")]
        fn lookup(table: &[__m128i; 4], index: __m128i) -> __m128i {
            let first = _mm_and_si128(_mm_slli_epi32::<2>(index), _mm_set1_epi32(60));
            let spread = _mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c);
            let byte = _mm_add_epi8(_mm_shuffle_epi8(first, spread), _mm_set1_epi32(0x03020100));
            let mut found = _mm_setzero_si128();
            for i in 0..4 {
                let at = _mm_sub_epi8(byte, _mm_set1_epi8(16 * i as i8));
                let at = _mm_adds_epu8(at, _mm_set1_epi8(0x70));
                found = _mm_or_si128(found, _mm_shuffle_epi8(table[i], at));
            }
            found
        }
    };
    let helper = |name, item| Helper { name, item };
    vec![
        helper("lookup", lookup),
        helper("first", first),
        helper("load_first", load),
        helper("store_first", store),
    ]
}
