use super::isa::{Helper, Isa};
use super::scalar::i32_literal;
use super::size::number;
use super::{neon_base3, packed};
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use atome_spec::Isa as Set;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// NEON: four registers a vector. There are no partial accesses, so helpers branch.
struct Neon {
    /// Whether there are `sdot` and `usdot` too.
    set: Set,
}

/// The one for an instruction set of the tier.
pub(super) const fn of(isa: Set) -> &'static dyn Isa {
    match (isa.has_dot(), isa.has_unsigned_dot()) {
        (true, true) => &Neon { set: Set::I8mm },
        (true, false) => &Neon { set: Set::Dotprod },
        (false, _) => &Neon { set: Set::Neon },
    }
}

/// `vaddq` and an element type make `vaddq_f32`.
fn name(op: &str, elem: Elem) -> Ident {
    match elem {
        Elem::F32 => format_ident!("{op}_f32"),
        Elem::I32 => format_ident!("{op}_s32"),
    }
}

fn splat(elem: Elem, x: &TokenStream) -> TokenStream {
    let dup = name("vdupq_n", elem);
    quote!(#dup(#x))
}

fn as_bits(x: &TokenStream) -> TokenStream {
    quote!(vreinterpretq_s32_f32(#x))
}

fn as_floats(x: &TokenStream) -> TokenStream {
    quote!(vreinterpretq_f32_s32(#x))
}

impl Isa for Neon {
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
            use ::core::arch::aarch64::*;
        )
    }

    fn helpers(&self) -> Vec<Helper> {
        helpers()
    }

    fn register(&self, elem: Elem) -> TokenStream {
        match elem {
            Elem::F32 => quote!(float32x4_t),
            Elem::I32 => quote!(int32x4_t),
        }
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
        quote!(lanes([#(#lanes),*]))
    }

    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream {
        match op {
            UnaryOp::Neg => quote!(vnegq_f32(#x)),
            UnaryOp::Abs => quote!(vabsq_f32(#x)),
            UnaryOp::Sqrt => quote!(vsqrtq_f32(#x)),
            UnaryOp::ToFloat => quote!(vcvtq_f32_s32(#x)),
            UnaryOp::ToBits => as_bits(&quote!(#x)),
            UnaryOp::FromBits => as_floats(&quote!(#x)),
        }
    }

    /// `fmax` and `fmin` order zeros and pass NaN on, so `Max` and `Min` compare and choose.
    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let op = match op {
            BinaryOp::Add => "vaddq",
            BinaryOp::Sub => "vsubq",
            BinaryOp::Mul => "vmulq",
            BinaryOp::Div => "vdivq",
            BinaryOp::And => "vandq",
            BinaryOp::Or => "vorrq",
            BinaryOp::Xor => "veorq",
            BinaryOp::Max => return quote!(vbslq_f32(vcgtq_f32(#x, #y), #x, #y)),
            BinaryOp::Min => return quote!(vbslq_f32(vcltq_f32(#x, #y), #x, #y)),
        };
        let intrinsic = name(op, elem);
        quote!(#intrinsic(#x, #y))
    }

    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream {
        let bits = number(bits.into());
        match op {
            ShiftOp::Left => quote!(vshlq_n_s32::<#bits>(#x)),
            ShiftOp::RightSigned => quote!(vshrq_n_s32::<#bits>(#x)),
            ShiftOp::Right => quote! {
                vreinterpretq_s32_u32(vshrq_n_u32::<#bits>(vreinterpretq_u32_s32(#x)))
            },
        }
    }

    fn compare(&self, compare: Compare, elem: Elem, x: &Ident, y: &Ident) -> TokenStream {
        let op = match compare {
            Compare::Lt => "vcltq",
            Compare::Le => "vcleq",
            Compare::Eq => "vceqq",
        };
        let intrinsic = name(op, elem);
        quote!(vreinterpretq_s32_u32(#intrinsic(#x, #y)))
    }

    fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        let select = name("vbslq", elem);
        quote!(#select(vreinterpretq_u32_s32(#mask), #on, #off))
    }

    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream {
        let halves = quote! {
            let (low, high) = (vget_low_f32(#x), vget_high_f32(#x));
        };
        let ends = quote! {
            let (x, y) = (vget_lane_f32::<0>(half), vget_lane_f32::<1>(half));
        };
        match op {
            ReduceOp::Add => quote! {{
                #halves
                let half = vadd_f32(low, high);
                #ends
                x + y
            }},
            ReduceOp::Max => quote! {{
                #halves
                let half = vbsl_f32(vcgt_f32(low, high), low, high);
                #ends
                if x > y { x } else { y }
            }},
        }
    }

    fn extract(&self, elem: Elem, x: &Ident, lane: usize) -> TokenStream {
        let get = name("vgetq_lane", elem);
        let lane = number(lane as u64);
        quote!(#get::<#lane>(#x))
    }

    fn keep(&self, elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => as_floats(&quote!(vandq_s32(vreinterpretq_s32_f32(#x), first(#n)))),
            Elem::I32 => quote!(vandq_s32(#x, first(#n))),
        }
    }

    fn load(&self, elem: Elem, at: &TokenStream) -> TokenStream {
        let load = name("vld1q", elem);
        quote!(#load(#at))
    }

    fn load_first(&self, elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => as_floats(&quote!(load_first(#at.cast::<i32>(), #n))),
            Elem::I32 => quote!(load_first(#at, #n)),
        }
    }

    fn store(&self, elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream {
        let store = name("vst1q", elem);
        quote!(#store(#at, #x))
    }

    fn store_first(&self, elem: Elem, at: &TokenStream, x: &Ident, n: &TokenStream) -> TokenStream {
        match elem {
            Elem::F32 => quote!(store_first(#at.cast::<i32>(), vreinterpretq_s32_f32(#x), #n)),
            Elem::I32 => quote!(store_first(#at, #x, #n)),
        }
    }

    /// There is no stable intrinsic, but there is the instruction.
    fn prefetch(&self, at: &TokenStream) -> Option<TokenStream> {
        Some(quote! {
            // SAFETY: a prefetch touches no memory that a program sees.
            unsafe {
                ::core::arch::asm!(
                    "prfm pldl1keep, [{}]",
                    in(reg) #at,
                    options(nostack, preserves_flags, readonly)
                )
            };
        })
    }

    /// `-x`: what code 0 gives, from which the select makes the rest.
    fn trit_table(&self, _bit: u8, x: &Ident) -> (u8, TokenStream) {
        (0, as_bits(&splat(Elem::F32, &quote!(-#x))))
    }

    fn trit_table_type(&self) -> TokenStream {
        self.register(Elem::I32)
    }

    /// The code's low bit, spread over the lane, clears it; the high bit flips the sign.
    fn trit_select(&self, bit: u8, index: &Ident, table: &Ident) -> TokenStream {
        let low = self.shift(ShiftOp::Left, index, 31 - bit);
        let high = match 30 - bit {
            shift @ 1.. => self.shift(ShiftOp::Left, index, shift),
            0 => quote!(#index),
        };
        let sign = splat(Elem::I32, &quote!(i32::MIN));
        as_floats(&quote! {
            vbicq_s32(
                veorq_s32(#table, vandq_s32(#high, #sign)),
                vshrq_n_s32::<31>(#low),
            )
        })
    }

    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        match (small, self.set.has_dot(), self.set.has_unsigned_dot()) {
            (_, _, true) => quote!(usdot(#acc, #codes, #x)),
            (true, true, false) => quote!(sdot(#acc, #codes, #x)),
            (true, false, false) => quote!(dot4_small(#acc, #codes, #x)),
            (false, _, false) => quote!(dot4(#acc, #codes, #x)),
        }
    }

    fn base3(&self, part: Base3Part, x: &Ident) -> Option<TokenStream> {
        Some(neon_base3::call(part, x))
    }

    fn narrow(&self, parts: &[Vec<Ident>; 4], register: usize) -> TokenStream {
        let [x, y, z, w] = [0, 1, 2, 3].map(|i| {
            let part = &parts[register][i];
            quote!(vqmovn_s32(#part))
        });
        quote! {
            vreinterpretq_s32_s8(vcombine_s8(
                vqmovn_s16(vcombine_s16(#x, #y)),
                vqmovn_s16(vcombine_s16(#z, #w)),
            ))
        }
    }

    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream {
        let index = match bit {
            0 => quote!(#index),
            _ => self.shift(ShiftOp::Right, index, bit),
        };
        quote!(lookup([#(#table),*], #index))
    }

    fn spread(&self, x: &Ident) -> TokenStream {
        quote!(#x)
    }

    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream {
        packed::neon(op, operands)
    }

    fn pairs(&self, codes: &Ident, x: &Ident, small: bool) -> TokenStream {
        match small {
            true => quote!(pairs_small(#codes, #x)),
            false => quote!(pairs(#codes, #x)),
        }
    }

    fn sum_i32(&self, x: &Ident) -> TokenStream {
        quote!(vaddvq_s32(#x))
    }

    fn sqrt(&self, x: &Ident) -> TokenStream {
        quote!(vget_lane_f32::<0>(vsqrt_f32(vdup_n_f32(#x))))
    }
}

fn helpers() -> Vec<Helper> {
    let lanes = quote! {
        /// Four lanes.
        #[inline]
        #[target_feature(enable = "neon")]
        fn lanes(x: [i32; 4]) -> int32x4_t {
            // SAFETY: the array has four lanes.
            unsafe { vld1q_s32(x.as_ptr()) }
        }
    };
    let first = quote! {
        /// A mask of the first `n` lanes.
        #[inline]
        #[target_feature(enable = "neon")]
        fn first(n: usize) -> int32x4_t {
            let n = vdupq_n_s32(::core::cmp::Ord::min(n, 4) as i32);
            vreinterpretq_s32_u32(vcgtq_s32(n, lanes([0, 1, 2, 3])))
        }
    };
    let load = quote! {
        /// The first `n` lanes from `at`; the others are zero.
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn load_first(at: *const i32, n: usize) -> int32x4_t {
            // SAFETY: the caller vouches for the first `n` lanes, and no more are read.
            unsafe {
                match n {
                    0 => vdupq_n_s32(0),
                    1 => lanes([*at, 0, 0, 0]),
                    2 => lanes([*at, *at.add(1), 0, 0]),
                    3 => lanes([*at, *at.add(1), *at.add(2), 0]),
                    _ => vld1q_s32(at),
                }
            }
        }
    };
    let store = quote! {
        /// Writes the first `n` lanes to `at`.
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn store_first(at: *mut i32, x: int32x4_t, n: usize) {
            // SAFETY: the caller vouches for the first `n` lanes, and no more are written.
            unsafe {
                if n >= 4 {
                    vst1q_s32(at, x);
                    return;
                }
                if n >= 1 {
                    *at = vgetq_lane_s32::<0>(x);
                }
                if n >= 2 {
                    *at.add(1) = vgetq_lane_s32::<1>(x);
                }
                if n >= 3 {
                    *at.add(2) = vgetq_lane_s32::<2>(x);
                }
            }
        }
    };
    let sums = quote! {
        /// Sixteen products, four a lane, added to the lanes.
        #[inline]
        #[target_feature(enable = "neon")]
        fn sums(acc: int32x4_t, low: int16x8_t, high: int16x8_t) -> int32x4_t {
            vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)))
        }
    };
    let dot4_small = quote! {
        /// Adds dot products of four bytes, those of `codes` at most 127.
        #[inline]
        #[target_feature(enable = "neon")]
        fn dot4_small(acc: int32x4_t, codes: int32x4_t, x: int32x4_t) -> int32x4_t {
            let (codes, x) = (vreinterpretq_s8_s32(codes), vreinterpretq_s8_s32(x));
            let low = vmull_s8(vget_low_s8(codes), vget_low_s8(x));
            sums(acc, low, vmull_high_s8(codes, x))
        }
    };
    let dot4 = quote! {
        /// Adds dot products of four bytes, those of `codes` unsigned.
        #[inline]
        #[target_feature(enable = "neon")]
        fn dot4(acc: int32x4_t, codes: int32x4_t, x: int32x4_t) -> int32x4_t {
            let (codes, x) = (vreinterpretq_u8_s32(codes), vreinterpretq_s8_s32(x));
            let (code_low, x_low) = (vmovl_u8(vget_low_u8(codes)), vmovl_s8(vget_low_s8(x)));
            let (code_high, x_high) = (vmovl_high_u8(codes), vmovl_high_s8(x));
            let low = vmulq_s16(vreinterpretq_s16_u16(code_low), x_low);
            sums(acc, low, vmulq_s16(vreinterpretq_s16_u16(code_high), x_high))
        }
    };
    // There is no stable intrinsic, but there is the instruction.
    let sdot = quote! {
        /// Adds dot products of four signed bytes.
        #[inline]
        #[target_feature(enable = "neon,dotprod")]
        fn sdot(mut acc: int32x4_t, x: int32x4_t, y: int32x4_t) -> int32x4_t {
            // SAFETY: the instruction is there with the function's features, and touches registers alone.
            unsafe {
                ::core::arch::asm!(
                    "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                    inout(vreg) acc,
                    in(vreg) x,
                    in(vreg) y,
                    options(pure, nomem, nostack, preserves_flags)
                )
            };
            acc
        }
    };
    let usdot = quote! {
        /// Adds dot products of four unsigned bytes with four signed ones.
        #[inline]
        #[target_feature(enable = "neon,dotprod,i8mm")]
        fn usdot(mut acc: int32x4_t, x: int32x4_t, y: int32x4_t) -> int32x4_t {
            // SAFETY: the instruction is there with the function's features, and touches registers alone.
            unsafe {
                ::core::arch::asm!(
                    "usdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                    inout(vreg) acc,
                    in(vreg) x,
                    in(vreg) y,
                    options(pure, nomem, nostack, preserves_flags)
                )
            };
            acc
        }
    };
    let lookup = quote! {
        /// The lanes of a table that the low four bits of `index` name.
        #[inline]
        #[target_feature(enable = "neon")]
        fn lookup(table: [int32x4_t; 4], index: int32x4_t) -> int32x4_t {
            let first = vandq_s32(vshlq_n_s32::<2>(index), vdupq_n_s32(60));
            let spread = lanes([0, 0x04040404, 0x08080808, 0x0c0c0c0c]);
            let first = vqtbl1q_s8(vreinterpretq_s8_s32(first), vreinterpretq_u8_s32(spread));
            let byte = vaddq_s8(first, vreinterpretq_s8_s32(vdupq_n_s32(0x03020100)));
            let [a, b, c, d] = table;
            let table = uint8x16x4_t(
                vreinterpretq_u8_s32(a),
                vreinterpretq_u8_s32(b),
                vreinterpretq_u8_s32(c),
                vreinterpretq_u8_s32(d),
            );
            vreinterpretq_s32_u8(vqtbl4q_u8(table, vreinterpretq_u8_s8(byte)))
        }
    };
    let helper = |name, item| Helper { name, item };
    let mut helpers = vec![
        helper("sums", sums),
        helper("dot4_small", dot4_small),
        helper("dot4", dot4),
        helper("sdot", sdot),
        helper("usdot", usdot),
        helper("lanes", lanes),
        helper("lookup", lookup),
        helper("first", first),
        helper("load_first", load),
        helper("store_first", store),
    ];
    helpers.extend(packed::neon_helpers());
    helpers.extend(neon_base3::helpers());
    helpers
}
