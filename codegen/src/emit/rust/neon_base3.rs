//! Base-3 codes by NEON: the first four trits are those of a third of the magnitude, which a look-up in 48 bytes
//! gives; the fifth is what the third leaves.

use super::isa::Helper;
use super::scalar::i32_literal;
use crate::ir::Base3Part;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// Thirds of magnitudes: 0 to 40, and more of bytes that are no values.
const THIRDS: u8 = 40;

/// The codes of one register.
pub(super) fn call(part: Base3Part, x: &Ident) -> TokenStream {
    match part {
        Base3Part::Fields => quote!(first_codes(#x)),
        Base3Part::Fifth => quote!(fifth_codes(#x)),
    }
}

/// The codes of the four trits of a third, in fields of two bits; trits 0 of what is none.
const fn fields(third: u8) -> u8 {
    match third {
        0..=THIRDS => {
            let v = third + THIRDS;
            (v / 27) | ((v / 9 % 3) << 2) | ((v / 3 % 3) << 4) | ((v % 3) << 6)
        }
        _ => 0b01_01_01_01,
    }
}

/// The functions that [`call`] calls.
pub(super) fn helpers() -> Vec<Helper> {
    let third = quote! {
        /// Magnitudes of bytes with 1 added, and thirds of these, rounded down.
        #[inline]
        #[target_feature(enable = "neon")]
        fn thirds(x: int32x4_t) -> (uint8x16_t, uint8x16_t) {
            let magnitude = vandq_u8(vreinterpretq_u8_s32(x), vdupq_n_u8(0x7f));
            let next = vaddq_u8(magnitude, vdupq_n_u8(1));
            // 86 / 256 is near enough to a third of what is at most 122, and gives 41 to 43 beyond.
            let low = vmull_u8(vget_low_u8(next), vdup_n_u8(86));
            let high = vmull_high_u8(next, vdupq_n_u8(86));
            let third = vuzp2q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
            (next, third)
        }
    };
    let negative = quote! {
        /// The first codes where bytes are not negative, and the second where they are.
        #[inline]
        #[target_feature(enable = "neon")]
        fn by_sign(x: int32x4_t, positive: uint8x16_t, negative: uint8x16_t) -> uint8x16_t {
            vbslq_u8(vcltzq_s8(vreinterpretq_s8_s32(x)), negative, positive)
        }
    };
    let table = (0..3).map(|register| {
        let lanes = (0..4).map(|lane| {
            let first = 16 * register + 4 * lane;
            let bytes = std::array::from_fn(|i| fields(first + i as u8));
            i32_literal(i32::from_le_bytes(bytes))
        });
        quote!(vreinterpretq_u8_s32(lanes([#(#lanes),*])))
    });
    let first = quote! {
        /// Codes of the first four trits of bytes in base 3.
        #[inline]
        #[target_feature(enable = "neon")]
        fn first_codes(x: int32x4_t) -> int32x4_t {
            let (_, third) = thirds(x);
            let codes = vqtbl3q_u8(uint8x16x3_t(#(#table),*), third);
            let negated = vsubq_u8(vdupq_n_u8(0xaa), codes);
            vreinterpretq_s32_u8(by_sign(x, codes, negated))
        }
    };
    let fifth = quote! {
        /// Codes of the fifth trits.
        #[inline]
        #[target_feature(enable = "neon")]
        fn fifth_codes(x: int32x4_t) -> int32x4_t {
            let (next, third) = thirds(x);
            let code = vmlsq_u8(next, third, vdupq_n_u8(3));
            let code = by_sign(x, code, vsubq_u8(vdupq_n_u8(2), code));
            // Bytes that are no values have trits 0.
            let is_value = vcleq_u8(next, vdupq_n_u8(122));
            vreinterpretq_s32_u8(vbslq_u8(is_value, code, vdupq_n_u8(1)))
        }
    };
    let helper = |name, item| Helper { name, item };
    vec![
        helper("thirds", third),
        helper("by_sign", negative),
        helper("first_codes", first),
        helper("fifth_codes", fifth),
    ]
}
