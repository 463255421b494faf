use super::isa::{Helper, Isa};
use super::size::number;
use super::x86::{Width, extract_quarter, reduce_quarter, sum_quarter};
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use atome_spec::Isa as Set;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// AVX2: two registers a vector. No fused multiply-add.
struct Avx2 {
    /// Whether there is AVX-VNNI too.
    vnni: bool,
}

/// The one for an instruction set of the tier.
pub(super) const fn of(isa: Set) -> &'static dyn Isa {
    match isa.has_dot() {
        true => &Avx2 { vnni: true },
        false => &Avx2 { vnni: false },
    }
}

const YMM: Width = Width {
    prefix: "_mm256",
    bits: 256,
};

impl Isa for Avx2 {
    fn registers(&self) -> usize {
        2
    }

    fn set(&self) -> Set {
        match self.vnni {
            true => Set::AvxVnni,
            false => Set::Avx2,
        }
    }

    fn imports(&self) -> TokenStream {
        YMM.imports()
    }

    fn helpers(&self) -> Vec<Helper> {
        let item = quote! {
            /// A mask of the first `n` lanes.
            #[inline]
            #[target_feature(enable = "avx2")]
            fn first(n: usize) -> __m256i {
                let n = _mm256_set1_epi32(::core::cmp::Ord::min(n, 8) as i32);
                _mm256_cmpgt_epi32(n, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
            }
        };
        let name = "first";
        let mut helpers = vec![Helper { name, item }, down()];
        helpers.extend(YMM.helpers("avx2"));
        helpers.extend(YMM.base3_helpers("avx2"));
        helpers
    }

    fn register(&self, elem: Elem) -> TokenStream {
        YMM.register(elem)
    }

    fn zero(&self, elem: Elem) -> TokenStream {
        YMM.zero(elem)
    }

    fn splat(&self, elem: Elem, x: &Ident) -> TokenStream {
        YMM.splat(elem, &quote!(#x))
    }

    fn iota(&self, first: usize) -> TokenStream {
        YMM.iota(first)
    }

    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        YMM.unary(op, x)
    }

    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        YMM.binary(op, elem, x, y)
    }

    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        YMM.shift(op, x, bits)
    }

    fn compare(&self, compare: Compare, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let mask = match (elem, compare) {
            (Elem::I32, _) => return YMM.compare_i32(compare, x, y),
            (Elem::F32, Compare::Lt) => quote!(_mm256_cmp_ps::<_CMP_LT_OQ>(#x, #y)),
            (Elem::F32, Compare::Le) => quote!(_mm256_cmp_ps::<_CMP_LE_OQ>(#x, #y)),
            (Elem::F32, Compare::Eq) => quote!(_mm256_cmp_ps::<_CMP_EQ_OQ>(#x, #y)),
        };
        YMM.as_bits(&mask)
    }

    fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        YMM.select(elem, mask, on, off)
    }

    fn select_lanes(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm256_blendv_ps(#off, #on, _mm256_castsi256_ps(#mask))),
            Elem::I32 => quote!(_mm256_blendv_epi8(#off, #on, #mask)),
        }
    }

    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream {
        let fold = match op {
            ReduceOp::Add => quote!(_mm_add_ps),
            ReduceOp::Max => quote!(_mm_max_ps),
        };
        let rest = reduce_quarter(op);
        quote! {{
            let sum = #fold(_mm256_castps256_ps128(#x), _mm256_extractf128_ps::<1>(#x));
            #rest
        }}
    }

    fn extract(&self, elem: Elem, x: &Ident, lane: usize) -> TokenStream {
        let quarter = number(lane as u64 / 4);
        let quarter = match elem {
            Elem::F32 => quote!(_mm256_extractf128_ps::<#quarter>(#x)),
            Elem::I32 => quote!(_mm256_extracti128_si256::<#quarter>(#x)),
        };
        extract_quarter(elem, &quarter, lane % 4)
    }

    fn keep(&self, elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm256_and_ps(#x, _mm256_castsi256_ps(first(#n)))),
            Elem::I32 => quote!(_mm256_and_si256(#x, first(#n))),
        }
    }

    fn load(&self, elem: Elem, at: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm256_loadu_ps(#at)),
            Elem::I32 => quote!(_mm256_loadu_si256(#at.cast::<__m256i>())),
        }
    }

    fn load_first(&self, elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm256_maskload_ps(#at, first(#n))),
            Elem::I32 => quote!(_mm256_maskload_epi32(#at, first(#n))),
        }
    }

    fn store(&self, elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm256_storeu_ps(#at, #x)),
            Elem::I32 => quote!(_mm256_storeu_si256(#at.cast::<__m256i>(), #x)),
        }
    }

    fn store_first(&self, elem: Elem, at: &TokenStream, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(_mm256_maskstore_ps(#at, first(#n), #x)),
            Elem::I32 => quote!(_mm256_maskstore_epi32(#at, first(#n), #x)),
        }
    }

    fn prefetch(&self, at: &TokenStream) -> Option<TokenStream> {
        Some(YMM.prefetch(at))
    }

    /// A lookup among the four entries of its half reads the low two bits of its index.
    fn trit_table(&self, _bit: u8, x: &Ident) -> (u8, TokenStream) {
        let signs = YMM.lanes((0..8).map(|entry| if entry % 4 == 0 { i32::MIN } else { 0 }));
        let kept = YMM.lanes((0..8).map(|entry| if entry % 2 == 0 { -1 } else { 0 }));
        let [signs, kept] = [signs, kept].map(|bits| YMM.as_floats(&bits));
        let splat = YMM.splat(Elem::F32, &quote!(#x));
        (
            0,
            quote!(_mm256_and_ps(_mm256_xor_ps(#splat, #signs), #kept)),
        )
    }

    fn trit_index(&self, bit: u8, codes: &Ident) -> Option<(u8, TokenStream)> {
        (bit != 0).then(|| (bit, code_from(bit, codes)))
    }

    /// The high half is moved down once, and then as the low one.
    fn trit_index_first(&self, bit: u8) -> Option<u8> {
        (bit > HALF && bit.is_multiple_of(2)).then_some(HALF)
    }

    fn trit_select(&self, _bit: u8, index: &Ident, table: &Ident) -> TokenStream {
        quote!(_mm256_permutevar_ps(#table, #index))
    }

    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        match self.vnni {
            true => quote!(_mm256_dpbusd_avx_epi32(#acc, #codes, #x)),
            false => YMM.dot4(acc, codes, x, small),
        }
    }

    fn base3(&self, part: Base3Part, x: &Ident) -> Option<TokenStream> {
        Some(YMM.base3(part, x))
    }

    /// Packing stays inside halves, so the dwords of the result are put in order.
    fn narrow(&self, parts: &[Vec<Ident>; 4], register: usize) -> TokenStream {
        let (first, second) = (&parts[2 * register], &parts[2 * register + 1]);
        let (x, y) = (&first[0], &first[1]);
        let (z, w) = (&second[0], &second[1]);
        quote! {
            _mm256_permutevar8x32_epi32(
                _mm256_packs_epi16(_mm256_packs_epi32(#x, #y), _mm256_packs_epi32(#z, #w)),
                _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7),
            )
        }
    }

    /// Bit 3 of the index chooses between the halves of the table.
    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream {
        let (low, high) = (&table[0], &table[1]);
        let entry = match bit {
            0 => quote!(#index),
            _ => YMM.shift(ShiftOp::Right, index, bit),
        };
        let [low, high] = [low, high]
            .map(|table| YMM.as_floats(&quote!(_mm256_permutevar8x32_epi32(#table, entry))));
        let chosen = YMM.as_bits(&quote!(_mm256_blendv_ps(#low, #high, half)));
        let half = YMM.as_floats(&quote!(_mm256_slli_epi32::<28>(entry)));
        quote! {{
            let entry = #entry;
            let half = #half;
            #chosen
        }}
    }

    fn spread(&self, x: &Ident) -> TokenStream {
        quote!(_mm256_broadcastsi128_si256(_mm256_castsi256_si128(#x)))
    }

    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        YMM.packed(op, operands)
    }

    fn sum_i32(&self, x: &Ident) -> TokenStream {
        let rest = sum_quarter();
        quote! {{
            let sum = _mm_add_epi32(_mm256_castsi256_si128(#x), _mm256_extracti128_si256::<1>(#x));
            #rest
        }}
    }

    fn sqrt(&self, x: &Ident) -> TokenStream {
        YMM.sqrt(x)
    }
}

/// Bits of a half.
const HALF: u8 = 16;

/// A register whose low two bits are those from a bit on, or, beyond the first one of the high half, those of a register
/// that begins with it. Shifts start on the units that add on Zen 3 and 4, products of
/// halves elsewhere: that by a power of two moves the low half down, that by 0 and 1 is the high one.
fn code_from(bit: u8, x: &Ident) -> TokenStream {
    if !bit.is_multiple_of(2) {
        return YMM.shift(ShiftOp::Right, x, bit);
    }
    let row = number(u64::from(bit % HALF) / 2);
    quote!(down::<#row>(#x))
}

/// Written in assembly, since LLVM makes shifts of products by powers of two.
fn down() -> Helper {
    let rows = (0..HALF / 2).map(|row| match row {
        0 => number(0x0001_0000),
        row => number(0x0001_0001 << (HALF - 2 * row)),
    });
    let item = quote! {
        /// The high half of each lane, or the low one moved down by twice `ROW` bits.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn down<const ROW: usize>(x: __m256i) -> __m256i {
            /// What halves are multiplied by: a row of a register each.
            static FACTORS: [[u32; 8]; 8] = [#([#rows; 8]),*];
            let y: __m256i;
            // SAFETY: the instructions are there with the function's features, and read a row of the factors.
            unsafe {
                if ROW == 0 {
                    ::core::arch::asm!(
                        "vpmaddwd {y}, {x}, ymmword ptr [rip + {factors}]",
                        y = lateout(ymm_reg) y,
                        x = in(ymm_reg) x,
                        factors = sym FACTORS,
                        options(pure, readonly, nostack, preserves_flags)
                    )
                } else {
                    ::core::arch::asm!(
                        "vpmulhuw {y}, {x}, ymmword ptr [rip + {factors} + {row}]",
                        y = lateout(ymm_reg) y,
                        x = in(ymm_reg) x,
                        factors = sym FACTORS,
                        row = const ROW * 32,
                        options(pure, readonly, nostack, preserves_flags)
                    )
                }
            }
            y
        }
    };
    Helper { name: "down", item }
}
