//! Functions that kernels of WebAssembly carry: accesses of a part of a register, products of bytes, look-ups, base-3
//! codes by tables of sixteen bytes.

use super::isa::Helper;
use super::scalar::i32_literal;
use crate::emit::ninths;
use atome_spec::Isa as Set;
use proc_macro2::TokenStream;
use quote::quote;

/// All of an instruction set, each behind those that it calls.
pub(super) fn all(set: Set) -> Vec<Helper> {
    let features: Vec<&str> = set.enables().iter().map(|f| f.name()).collect();
    let features = features.join(",");
    let helper = |name, item: TokenStream| {
        // A kernel has hundreds of look-ups, and a call costs little beside one.
        let inline = match name {
            "lookup" => quote!(#[inline(never)]),
            _ => quote!(#[inline]),
        };
        Helper {
            name,
            item: quote! {
                #inline
                #[target_feature(enable = #features)]
                #item
            },
        }
    };
    let items = accesses().into_iter().chain(bytes()).chain(base3(set));
    items.map(|(name, item)| helper(name, item)).collect()
}

type Item = (&'static str, TokenStream);

fn accesses() -> [Item; 3] {
    let first = quote! {
        /// A mask of the first `n` lanes.
        fn first(n: usize) -> v128 {
            let n = i32x4_splat(::core::cmp::Ord::min(n, 4) as i32);
            i32x4_gt(n, i32x4(0, 1, 2, 3))
        }
    };
    let load = quote! {
        /// The first `n` lanes from `at`; the others are zero.
        unsafe fn load_first(at: *const u32, n: usize) -> v128 {
            // SAFETY: the caller vouches for the first `n` lanes, and no more are read.
            unsafe {
                match n {
                    0 => i32x4_splat(0),
                    1 => v128_load32_zero(at),
                    2 => v128_load64_zero(at.cast::<u64>()),
                    3 => v128_load32_lane::<2>(v128_load64_zero(at.cast::<u64>()), at.add(2)),
                    _ => v128_load(at.cast::<v128>()),
                }
            }
        }
    };
    let store = quote! {
        /// Writes the first `n` lanes to `at`.
        unsafe fn store_first(at: *mut u32, x: v128, n: usize) {
            // SAFETY: the caller vouches for the first `n` lanes, and no more are written.
            unsafe {
                match n {
                    0 => {}
                    1 => v128_store32_lane::<0>(x, at),
                    2 => v128_store64_lane::<0>(x, at.cast::<u64>()),
                    3 => {
                        v128_store64_lane::<0>(x, at.cast::<u64>());
                        v128_store32_lane::<2>(x, at.add(2));
                    }
                    _ => v128_store(at.cast::<v128>(), x),
                }
            }
        }
    };
    [
        ("first", first),
        ("load_first", load),
        ("store_first", store),
    ]
}

fn bytes() -> [Item; 7] {
    let halves = quote! {
        /// The even bytes as halves, signed, and the odd ones.
        fn halves(x: v128) -> (v128, v128) {
            (i16x8_shr(i16x8_shl(x, 8), 8), i16x8_shr(x, 8))
        }
    };
    let dot4 = quote! {
        /// Adds dot products of four bytes, those of `codes` unsigned.
        fn dot4(acc: v128, codes: v128, x: v128) -> v128 {
            let (even, odd) = halves(x);
            let even = i32x4_dot_i16x8(v128_and(codes, i16x8_splat(0xff)), even);
            let odd = i32x4_dot_i16x8(u16x8_shr(codes, 8), odd);
            i32x4_add(acc, i32x4_add(even, odd))
        }
    };
    let pairs = quote! {
        /// Products of bytes, those of `codes` unsigned, two a half, limited to 16 bits.
        fn pairs(codes: v128, x: v128) -> v128 {
            let (even, odd) = halves(x);
            let even = i16x8_mul(v128_and(codes, i16x8_splat(0xff)), even);
            i16x8_add_sat(even, i16x8_mul(u16x8_shr(codes, 8), odd))
        }
    };
    let pairs_small = quote! {
        /// The same of `codes` of at most 127, whose sums need no limit.
        fn pairs_small(codes: v128, x: v128) -> v128 {
            let (even, odd) = halves(x);
            let even = i16x8_mul(v128_and(codes, i16x8_splat(0xff)), even);
            i16x8_add(even, i16x8_mul(u16x8_shr(codes, 8), odd))
        }
    };
    let sign8 = quote! {
        /// Bytes times 1, 0 or -1, by the signs of others.
        fn sign8(x: v128, sign: v128) -> v128 {
            let negative = i8x16_lt(sign, i8x16_splat(0));
            let signed = i8x16_sub(v128_xor(x, negative), negative);
            v128_andnot(signed, i8x16_eq(sign, i8x16_splat(0)))
        }
    };
    let shuffle8 = quote! {
        /// The bytes of a table that the low four bits of bytes name; 0 for negative ones.
        fn shuffle8(table: v128, index: v128) -> v128 {
            i8x16_swizzle(table, v128_and(index, u8x16_splat(0x8f)))
        }
    };
    let lookup = quote! {
        /// The lanes of a table that the low four bits of `index` name, quarter by quarter: bytes are looked up
        /// where their number is below 16.
        fn lookup(table: &[v128; 4], index: v128) -> v128 {
            let first = v128_and(i32x4_shl(index, 2), i32x4_splat(60));
            let first = i8x16_shuffle::<0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12>(first, first);
            let byte = i8x16_add(first, i32x4_splat(0x03020100));
            let mut found = i8x16_swizzle(table[0], byte);
            for i in 1..4 {
                let at = i8x16_sub(byte, i8x16_splat(16 * i as i8));
                found = v128_or(found, i8x16_swizzle(table[i], at));
            }
            found
        }
    };
    [
        ("halves", halves),
        ("dot4", dot4),
        ("pairs", pairs),
        ("pairs_small", pairs_small),
        ("sign8", sign8),
        ("shuffle8", shuffle8),
        ("lookup", lookup),
    ]
}

/// Base-3 codes by [`ninths`]. Indices are below 16, for which relaxed look-ups have one meaning.
fn base3(set: Set) -> [Item; 4] {
    let table = |entry: &dyn Fn(u8) -> u8| {
        let words = ninths::words(entry).map(|word| i32_literal(word.cast_signed()));
        quote!(i32x4(#(#words),*))
    };
    let byte = |byte: u8| quote!(u8x16_splat(#byte));
    let (magnitudes, nibble) = (byte(0x7f), byte(0x0f));
    let [first, last, below] =
        [ninths::first, ninths::last, ninths::below].map(|entry| table(&entry));
    let [of_a, of_b, of_fifth] =
        [ninths::of_a, ninths::of_b, ninths::fifth].map(|entry| table(&entry));
    let swizzle = match set.has_dot() {
        true => quote!(i8x16_relaxed_swizzle),
        false => quote!(i8x16_swizzle),
    };
    let ninths = quote! {
        /// What magnitudes of bytes are made of: `9 a + b - 4`.
        fn ninths(x: v128) -> (v128, v128) {
            let magnitude = v128_and(x, #magnitudes);
            let high = v128_and(u32x4_shr(x, 3), #nibble);
            let first = #swizzle(#first, high);
            let last = #swizzle(#last, high);
            let a = i8x16_sub(first, i8x16_gt(magnitude, last));
            (a, i8x16_sub(magnitude, #swizzle(#below, a)))
        }
    };
    let codes = quote! {
        /// Codes of trits, those of negative bytes negated.
        fn codes_of(x: v128, trits: v128, zeros: v128) -> v128 {
            // Bytes above -7 are no values, whose trits are 0. What is below 0 LLVM would make a shift of bytes, which few
            // machines have.
            let negative = i8x16_lt(x, i8x16_splat(-6));
            i8x16_add(i8x16_sub(v128_xor(trits, negative), negative), zeros)
        }
    };
    let (zeros, zero) = (byte(ninths::FIELDS), byte(ninths::FIFTH));
    let first_codes = quote! {
        /// Codes of the first four trits of bytes in base 3.
        fn first_codes(x: v128) -> v128 {
            let (a, b) = ninths(x);
            let trits = i8x16_add(#swizzle(#of_a, a), #swizzle(#of_b, b));
            codes_of(x, trits, #zeros)
        }
    };
    let fifth_codes = quote! {
        /// Codes of the fifth trits.
        fn fifth_codes(x: v128) -> v128 {
            let (_, b) = ninths(x);
            codes_of(x, #swizzle(#of_fifth, b), #zero)
        }
    };
    [
        ("ninths", ninths),
        ("codes_of", codes),
        ("first_codes", first_codes),
        ("fifth_codes", fifth_codes),
    ]
}
