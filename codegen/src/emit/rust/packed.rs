//! Bytes and halves of lanes, where no instruction of x86-64 does the work.

use super::isa::Helper;
use crate::ir::PackedOp;
use atome_spec::LANES;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// One vector of sixteen lanes, in plain Rust.
pub(super) fn portable(op: PackedOp, operands: &[Ident]) -> TokenStream {
    let each = |of: TokenStream| quote!(each_byte(#(#operands),*, #of));
    match op {
        PackedOp::Pairs => quote!(pairs(#(#operands),*)),
        PackedOp::Dot2 => quote!(dot2(#(#operands),*)),
        PackedOp::Add16 => quote!(add16(#(#operands),*)),
        PackedOp::Add8 => each(quote!(i8::wrapping_add)),
        PackedOp::Sub8 => each(quote!(i8::wrapping_sub)),
        PackedOp::Less8 => each(quote!(|x, y| -((x < y) as i8))),
        PackedOp::Sign8 => each(quote!(|x, sign| x.wrapping_mul(sign.signum()))),
        PackedOp::Shuffle8 => quote!(shuffle8(#(#operands),*)),
    }
}

/// [`crate::ir::VectorOp::Shuffle16`] of one register, where no instruction does it.
pub(super) fn shuffle16([low, high]: [&[Ident]; 2], index: &Ident) -> TokenStream {
    let lanes = Literal::usize_unsuffixed(LANES / low.len());
    quote! {
        // SAFETY: registers of the tiers, and arrays, of as many bytes; every bit pattern is one of each.
        unsafe {
            ::core::mem::transmute(shuffle16::<#lanes>(
                &::core::mem::transmute([#(#low,)* #(#high),*]),
                ::core::mem::transmute(#index),
            ))
        }
    }
}

/// The function that [`shuffle16`] calls.
pub(super) fn shuffle16_helper() -> Helper {
    let item = quote! {
        /// The halves of a table that the low six bits of halves name.
        #[inline(never)]
        fn shuffle16<const N: usize>(table: &[i32; 32], index: [i32; N]) -> [i32; N] {
            let half = |index: i32| table[(index >> 1 & 31) as usize] >> (16 * (index & 1)) & 0xffff;
            index.map(|index| half(index) | half(index >> 16) << 16)
        }
    };
    Helper {
        name: "shuffle16",
        item,
    }
}

/// The functions that [`portable`] calls.
pub(super) fn portable_helpers() -> Vec<Helper> {
    let pairs = quote! {
        /// Products of bytes, those of `codes` unsigned, two a half, limited to 16 bits.
        #[inline(always)]
        fn pairs(codes: [i32; 16], x: [i32; 16]) -> [i32; 16] {
            ::core::array::from_fn(|l| {
                let (codes, x) = (codes[l].to_le_bytes(), x[l].to_le_bytes());
                let product = |i: usize| codes[i] as i32 * (x[i] as i8) as i32;
                let half = |i| ::core::cmp::Ord::clamp(product(i) + product(i + 1), -32768, 32767);
                (half(0) & 0xffff) | (half(2) << 16)
            })
        }
    };
    let dot2 = quote! {
        /// Adds products of signed halves.
        #[inline(always)]
        fn dot2(acc: [i32; 16], x: [i32; 16], y: [i32; 16]) -> [i32; 16] {
            ::core::array::from_fn(|l| {
                let low = (x[l] as i16 as i32) * (y[l] as i16 as i32);
                let high = (x[l] >> 16) * (y[l] >> 16);
                acc[l].wrapping_add(low).wrapping_add(high)
            })
        }
    };
    let add16 = quote! {
        /// Sums of halves.
        #[inline(always)]
        fn add16(x: [i32; 16], y: [i32; 16]) -> [i32; 16] {
            ::core::array::from_fn(|l| {
                let low = x[l].wrapping_add(y[l]) & 0xffff;
                low | (x[l] >> 16).wrapping_add(y[l] >> 16) << 16
            })
        }
    };
    let bytes = quote! {
        /// What `f` makes of each two bytes.
        #[inline(always)]
        fn each_byte(x: [i32; 16], y: [i32; 16], f: impl ::core::ops::Fn(i8, i8) -> i8) -> [i32; 16] {
            ::core::array::from_fn(|l| {
                let (x, y) = (x[l].to_le_bytes(), y[l].to_le_bytes());
                let byte = |i: usize| f(x[i] as i8, y[i] as i8) as u8;
                i32::from_le_bytes(::core::array::from_fn(byte))
            })
        }
    };
    let shuffle8 = quote! {
        /// The bytes of each quarter of a table that the low four bits of bytes name; 0 for
        /// negative ones.
        #[inline(never)]
        fn shuffle8(table: [i32; 16], index: [i32; 16]) -> [i32; 16] {
            ::core::array::from_fn(|l| {
                i32::from_le_bytes(index[l].to_le_bytes().map(|index| match index & 0x80 {
                    0 => (table[(l & 12) + (index >> 2 & 3) as usize] >> (8 * (index & 3))) as u8,
                    _ => 0,
                }))
            })
        }
    };
    let helper = |name, item| Helper { name, item };
    vec![
        helper("pairs", pairs),
        helper("dot2", dot2),
        helper("add16", add16),
        helper("each_byte", bytes),
        helper("shuffle8", shuffle8),
    ]
}

/// One register of NEON.
pub(super) fn neon(op: PackedOp, operands: &[Ident]) -> TokenStream {
    let of_bytes = |of: TokenStream| {
        let [x, y] = [&operands[0], &operands[1]];
        quote!(vreinterpretq_s32_s8(#of(vreinterpretq_s8_s32(#x), vreinterpretq_s8_s32(#y))))
    };
    match op {
        PackedOp::Pairs => quote!(pairs(#(#operands),*)),
        PackedOp::Dot2 => quote!(dot2(#(#operands),*)),
        PackedOp::Add16 => {
            quote!(add16(#(#operands),*))
        }
        PackedOp::Add8 => of_bytes(quote!(vaddq_s8)),
        PackedOp::Sub8 => of_bytes(quote!(vsubq_s8)),
        PackedOp::Less8 => of_bytes(quote!(less8)),
        PackedOp::Sign8 => of_bytes(quote!(sign8)),
        PackedOp::Shuffle8 => of_bytes(quote!(shuffle8)),
    }
}

/// The functions that [`neon`] calls.
pub(super) fn neon_helpers() -> Vec<Helper> {
    let pairs = quote! {
        /// Products of bytes, those of `codes` unsigned, two a half, limited to 16 bits.
        #[inline]
        #[target_feature(enable = "neon")]
        fn pairs(codes: int32x4_t, x: int32x4_t) -> int32x4_t {
            let (codes, x) = (vreinterpretq_u8_s32(codes), vreinterpretq_s8_s32(x));
            let (code_low, code_high) = (vmovl_u8(vget_low_u8(codes)), vmovl_high_u8(codes));
            let low = vmulq_s16(vreinterpretq_s16_u16(code_low), vmovl_s8(vget_low_s8(x)));
            let high = vmulq_s16(vreinterpretq_s16_u16(code_high), vmovl_high_s8(x));
            let (low, high) = (vqmovn_s32(vpaddlq_s16(low)), vqmovn_s32(vpaddlq_s16(high)));
            vreinterpretq_s32_s16(vcombine_s16(low, high))
        }
    };
    let pairs_small = quote! {
        /// The same of `codes` of at most 127, whose sums need no limit.
        #[inline]
        #[target_feature(enable = "neon")]
        fn pairs_small(codes: int32x4_t, x: int32x4_t) -> int32x4_t {
            // As three instructions: LLVM would take sums of pairs apart.
            let low: int32x4_t;
            let _high: int32x4_t;
            // SAFETY: the instructions are there with the function's features, and touch registers alone.
            unsafe {
                ::core::arch::asm!(
                    "smull {0:v}.8h, {2:v}.8b, {3:v}.8b",
                    "smull2 {1:v}.8h, {2:v}.16b, {3:v}.16b",
                    "addp {0:v}.8h, {0:v}.8h, {1:v}.8h",
                    out(vreg) low,
                    out(vreg) _high,
                    in(vreg) codes,
                    in(vreg) x,
                    options(pure, nomem, nostack, preserves_flags)
                )
            };
            low
        }
    };
    let dot2 = quote! {
        /// Adds products of signed halves.
        #[inline]
        #[target_feature(enable = "neon")]
        fn dot2(acc: int32x4_t, x: int32x4_t, y: int32x4_t) -> int32x4_t {
            let (x, y) = (vreinterpretq_s16_s32(x), vreinterpretq_s16_s32(y));
            let low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
            vaddq_s32(acc, vpaddq_s32(low, vmull_high_s16(x, y)))
        }
    };
    let add16 = quote! {
        /// The sums of halves, in the order in which they are written: LLVM would add up products first.
        #[inline]
        #[target_feature(enable = "neon")]
        fn add16(mut x: int32x4_t, y: int32x4_t) -> int32x4_t {
            // SAFETY: the instruction is there with the function's features, and touches registers alone.
            unsafe {
                ::core::arch::asm!(
                    "add {0:v}.8h, {0:v}.8h, {1:v}.8h",
                    inout(vreg) x,
                    in(vreg) y,
                    options(pure, nomem, nostack, preserves_flags)
                )
            };
            x
        }
    };
    let less8 = quote! {
        /// -1 where a byte is less, 0 elsewhere.
        #[inline]
        #[target_feature(enable = "neon")]
        fn less8(x: int8x16_t, y: int8x16_t) -> int8x16_t {
            vreinterpretq_s8_u8(vcltq_s8(x, y))
        }
    };
    let sign8 = quote! {
        /// Bytes times 1, 0 or -1, by the signs of others.
        #[inline]
        #[target_feature(enable = "neon")]
        fn sign8(x: int8x16_t, sign: int8x16_t) -> int8x16_t {
            vmulq_s8(x, vmaxq_s8(vminq_s8(sign, vdupq_n_s8(1)), vdupq_n_s8(-1)))
        }
    };
    let shuffle8 = quote! {
        /// The bytes of a table that the low four bits of bytes name; 0 for negative ones.
        #[inline]
        #[target_feature(enable = "neon")]
        fn shuffle8(table: int8x16_t, index: int8x16_t) -> int8x16_t {
            let index = vandq_u8(vreinterpretq_u8_s8(index), vdupq_n_u8(0x8f));
            vqtbl1q_s8(table, index)
        }
    };
    let helper = |name, item| Helper { name, item };
    vec![
        helper("pairs", pairs),
        helper("pairs_small", pairs_small),
        helper("dot2", dot2),
        helper("add16", add16),
        helper("less8", less8),
        helper("sign8", sign8),
        helper("shuffle8", shuffle8),
    ]
}
