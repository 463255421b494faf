use super::isa::{Helper, Isa};
use super::size::number;
use super::x86::{Width, extract_quarter, reduce_quarter};
use crate::interp::lanes::base3_byte;
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use atome_spec::Isa as Set;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// AVX-512: one register a vector, partial accesses by mask.
struct Avx512 {
    set: Set,
}

/// The one for an instruction set of the tier.
pub(super) const fn of(isa: Set) -> &'static dyn Isa {
    match (isa.has_dot(), isa.has_byte_table()) {
        (false, _) => &Avx512 { set: Set::Avx512 },
        (true, false) => &Avx512 {
            set: Set::Avx512Vnni,
        },
        (true, true) => &Avx512 {
            set: Set::Avx512Vbmi,
        },
    }
}

const ZMM: Width = Width {
    prefix: "_mm512",
    bits: 512,
};

impl Isa for Avx512 {
    fn registers(&self) -> usize {
        1
    }

    fn set(&self) -> Set {
        self.set
    }

    fn imports(&self) -> TokenStream {
        ZMM.imports()
    }

    fn helpers(&self) -> Vec<Helper> {
        let item = quote! {
            /// A mask of the first `n` lanes.
            #[inline(always)]
            fn first(n: usize) -> __mmask16 {
                ((1u32 << ::core::cmp::Ord::min(n, 16)) - 1) as __mmask16
            }
        };
        let table = |part| {
            let bytes = (0..128).map(|byte| number(base3_byte(part, byte).into()));
            quote!([#(#bytes),*])
        };
        let (fields, fifths) = (table(Base3Part::Fields), table(Base3Part::Fifth));
        let tables = quote! {
            /// Codes of the first four trits of every magnitude.
            static FIELDS: [u8; 128] = #fields;
        };
        let fifth = quote! {
            /// Codes of the fifth trit of every magnitude.
            static FIFTHS: [u8; 128] = #fifths;
        };
        let features = self.features();
        let base3 = quote! {
            /// Codes by the low seven bits; those of negative values are mirrored.
            #[inline]
            #[target_feature(enable = #features)]
            fn base3(table: &'static [u8; 128], twos: __m512i, x: __m512i) -> __m512i {
                let at = table.as_ptr().cast::<i8>();
                // SAFETY: the table has 128 bytes.
                let low = unsafe { _mm512_loadu_epi8(at) };
                let high = unsafe { _mm512_loadu_epi8(at.add(64)) };
                let codes = _mm512_permutex2var_epi8(low, x, high);
                _mm512_mask_sub_epi8(codes, _mm512_movepi8_mask(x), twos, codes)
            }
        };
        let helper = |name, item| Helper { name, item };
        let mut helpers = vec![
            helper("first", item),
            helper("FIELDS", tables),
            helper("FIFTHS", fifth),
            helper("base3", base3),
        ];
        helpers.extend(ZMM.helpers("avx512f,avx512bw"));
        helpers.extend(ZMM.base3_helpers("avx512f,avx512bw"));
        helpers
    }

    fn register(&self, elem: Elem) -> TokenStream {
        ZMM.register(elem)
    }

    fn zero(&self, elem: Elem) -> TokenStream {
        ZMM.zero(elem)
    }

    fn splat(&self, elem: Elem, x: &Ident) -> TokenStream {
        ZMM.splat(elem, &quote!(#x))
    }

    fn iota(&self, first: usize) -> TokenStream {
        ZMM.iota(first)
    }

    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        ZMM.unary(op, x)
    }

    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        ZMM.binary(op, elem, x, y)
    }

    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        ZMM.shift(op, x, bits)
    }

    fn compare(&self, compare: Compare, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let mask = match (elem, compare) {
            (Elem::F32, Compare::Lt) => quote!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(#x, #y)),
            (Elem::F32, Compare::Le) => quote!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(#x, #y)),
            (Elem::F32, Compare::Eq) => quote!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(#x, #y)),
            (Elem::I32, Compare::Lt) => quote!(_mm512_cmplt_epi32_mask(#x, #y)),
            (Elem::I32, Compare::Le) => quote!(_mm512_cmple_epi32_mask(#x, #y)),
            (Elem::I32, Compare::Eq) => quote!(_mm512_cmpeq_epi32_mask(#x, #y)),
        };
        quote!(_mm512_movm_epi32(#mask))
    }

    fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        ZMM.select(elem, mask, on, off)
    }

    fn select_lanes(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        let mask = quote!(_mm512_movepi32_mask(#mask));
        match elem {
            Elem::F32 => quote!(_mm512_mask_blend_ps(#mask, #off, #on)),
            Elem::I32 => quote!(_mm512_mask_blend_epi32(#mask, #off, #on)),
        }
    }

    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream {
        let [fold8, fold4] = match op {
            ReduceOp::Add => ["_mm256_add_ps", "_mm_add_ps"],
            ReduceOp::Max => ["_mm256_max_ps", "_mm_max_ps"],
        }
        .map(|name| format_ident!("{name}"));
        let rest = reduce_quarter(op);
        quote! {{
            let half = #fold8(_mm512_castps512_ps256(#x), _mm512_extractf32x8_ps::<1>(#x));
            let sum = #fold4(_mm256_castps256_ps128(half), _mm256_extractf128_ps::<1>(half));
            #rest
        }}
    }

    fn extract(&self, elem: Elem, x: &Ident, lane: usize) -> TokenStream {
        let quarter = number(lane as u64 / 4);
        let quarter = match elem {
            Elem::F32 => quote!(_mm512_extractf32x4_ps::<#quarter>(#x)),
            Elem::I32 => quote!(_mm512_extracti32x4_epi32::<#quarter>(#x)),
        };
        extract_quarter(elem, &quarter, lane % 4)
    }

    fn keep(&self, elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm512_maskz_mov_ps(first(#n), #x)),
            Elem::I32 => quote!(_mm512_maskz_mov_epi32(first(#n), #x)),
        }
    }

    fn load(&self, elem: Elem, at: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm512_loadu_ps(#at)),
            Elem::I32 => quote!(_mm512_loadu_epi32(#at)),
        }
    }

    fn load_first(&self, elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm512_maskz_loadu_ps(first(#n), #at)),
            Elem::I32 => quote!(_mm512_maskz_loadu_epi32(first(#n), #at)),
        }
    }

    fn store(&self, elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm512_storeu_ps(#at, #x)),
            Elem::I32 => quote!(_mm512_storeu_epi32(#at, #x)),
        }
    }

    fn store_first(&self, elem: Elem, at: &TokenStream, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm512_mask_storeu_ps(#at, first(#n), #x)),
            Elem::I32 => quote!(_mm512_mask_storeu_epi32(#at, first(#n), #x)),
        }
    }

    fn prefetch(&self, at: &TokenStream) -> Option<TokenStream> {
        Some(ZMM.prefetch(at))
    }

    /// A lookup among 16 entries reads the low four bits of its index, which hold two codes.
    /// Table 0 goes by the first of them, table 1 by the second, so that one shift of the
    /// codes serves two selects.
    fn trit_table(&self, bit: u8, x: &Ident) -> (u8, TokenStream) {
        let second = !bit.is_multiple_of(4);
        let code = |entry: usize| if second { entry >> 2 } else { entry & 3 };
        let kept = (0..16)
            .filter(|entry| code(*entry) % 2 == 0)
            .fold(0u64, |mask, entry| mask | 1 << entry);
        let kept = number(kept);
        let signs = ZMM.lanes((0..16).map(|entry| if code(entry) == 0 { i32::MIN } else { 0 }));
        let signs = ZMM.as_floats(&signs);
        let splat = ZMM.splat(Elem::F32, &quote!(#x));
        let table = quote!(_mm512_maskz_xor_ps(#kept, #splat, #signs));
        (second.into(), table)
    }

    fn trit_index(&self, bit: u8, codes: &Ident) -> Option<(u8, TokenStream)> {
        let shift = bit & !3;
        (shift != 0).then(|| (shift, turned(codes, shift)))
    }

    fn trit_select(&self, _bit: u8, index: &Ident, table: &Ident) -> TokenStream {
        quote!(_mm512_permutexvar_ps(#index, #table))
    }

    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        if self.set.has_dot() {
            quote!(_mm512_dpbusd_epi32(#acc, #codes, #x))
        } else {
            ZMM.dot4(acc, codes, x, small)
        }
    }

    fn narrow(&self, parts: &[Vec<Ident>; 4], _register: usize) -> TokenStream {
        let [x, y, z, w] = [0, 1, 2, 3].map(|i| {
            let part = &parts[i][0];
            quote!(_mm512_cvtsepi32_epi8(#part))
        });
        quote! {
            _mm512_inserti32x4::<3>(
                _mm512_inserti32x4::<2>(
                    _mm512_inserti32x4::<1>(_mm512_castsi128_si512(#x), #y),
                    #z,
                ),
                #w,
            )
        }
    }

    fn base3(&self, part: Base3Part, x: &Ident) -> Option<TokenStream> {
        Some(match (self.set.has_byte_table(), part) {
            (false, _) => ZMM.base3(part, x),
            (true, Base3Part::Fields) => {
                quote!(base3(&FIELDS, _mm512_set1_epi32(0xaaaaaaaau32 as i32), #x))
            }
            (true, Base3Part::Fifth) => quote!(base3(&FIFTHS, _mm512_set1_epi32(0x02020202), #x)),
        })
    }

    /// A permutation reads the low four bits of its index.
    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream {
        let table = &table[0];
        let index = match bit {
            0 => quote!(#index),
            // Those beyond bit 31 are 0.
            29.. => ZMM.shift(ShiftOp::Right, index, bit),
            _ => turned(index, bit),
        };
        quote!(_mm512_permutexvar_epi32(#index, #table))
    }

    fn spread(&self, x: &Ident) -> TokenStream {
        quote!(_mm512_broadcast_i32x4(_mm512_castsi512_si128(#x)))
    }

    /// A permutation reads the low five or six bits of its index.
    fn shuffle16(&self, tables: [&[Ident]; 2], index: &Ident) -> TokenStream {
        let [low, high] = tables.map(|table| &table[0]);
        match low == high {
            true => quote!(_mm512_permutexvar_epi16(#index, #low)),
            false => quote!(_mm512_permutex2var_epi16(#low, #index, #high)),
        }
    }

    /// Comparisons give masks, and nothing takes a sign.
    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        match (op, operands) {
            (PackedOp::Less8, [x, y]) => quote!(_mm512_movm_epi8(_mm512_cmplt_epi8_mask(#x, #y))),
            (PackedOp::Sign8, [x, sign]) => quote! {
                _mm512_maskz_mov_epi8(
                    _mm512_test_epi8_mask(#sign, #sign),
                    _mm512_mask_sub_epi8(#x, _mm512_movepi8_mask(#sign), _mm512_setzero_si512(), #x),
                )
            },
            _ => ZMM.packed(op, operands),
        }
    }

    fn sum_i32(&self, x: &Ident) -> TokenStream {
        quote!(_mm512_reduce_add_epi32(#x))
    }

    fn sqrt(&self, x: &Ident) -> TokenStream {
        ZMM.sqrt(x)
    }
}

/// The bits from one on at the low end, and the others above them: Zen 4 and 5 have other units for this than those that
/// add, which shifts have not.
fn turned(x: &Ident, bits: u8) -> TokenStream {
    let bits = number(bits.into());
    quote!(_mm512_ror_epi32::<#bits>(#x))
}
