//! What the arithmetic instructions do to bits, for scalars (`N` = 1) and vectors (`N` = 16)
//! alike. The passes fold constants with these same functions.

use crate::ir::{
    Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp, VectorOp,
};
use atome_spec::LANES;

const SIGN: u32 = 1 << 31;

/// A [`BinaryOp`] for one element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    AddF32,
    SubF32,
    MulF32,
    DivF32,
    MaxF32,
    MinF32,
    AddI32,
    SubI32,
    MulI32,
    And,
    Or,
    Xor,
}

impl Arith {
    /// The operation on elements of type `elem`; `None` where the IR has no such operation.
    pub(crate) const fn new(op: BinaryOp, elem: Elem) -> Option<Arith> {
        Some(match (op, elem) {
            (BinaryOp::Add, Elem::F32) => Arith::AddF32,
            (BinaryOp::Sub, Elem::F32) => Arith::SubF32,
            (BinaryOp::Mul, Elem::F32) => Arith::MulF32,
            (BinaryOp::Div, Elem::F32) => Arith::DivF32,
            (BinaryOp::Max, Elem::F32) => Arith::MaxF32,
            (BinaryOp::Min, Elem::F32) => Arith::MinF32,
            (BinaryOp::Add, Elem::I32) => Arith::AddI32,
            (BinaryOp::Sub, Elem::I32) => Arith::SubI32,
            (BinaryOp::Mul, Elem::I32) => Arith::MulI32,
            (BinaryOp::And, Elem::I32) => Arith::And,
            (BinaryOp::Or, Elem::I32) => Arith::Or,
            (BinaryOp::Xor, Elem::I32) => Arith::Xor,
            (BinaryOp::Div | BinaryOp::Max | BinaryOp::Min, Elem::I32)
            | (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, Elem::F32) => return None,
        })
    }
}

#[inline(always)]
fn map<const N: usize>(x: &[u32; N], f: impl Fn(u32) -> u32) -> [u32; N] {
    let mut out = [0; N];
    for i in 0..N {
        out[i] = f(x[i]);
    }
    out
}

#[inline(always)]
fn zip<const N: usize>(x: &[u32; N], y: &[u32; N], f: impl Fn(u32, u32) -> u32) -> [u32; N] {
    let mut out = [0; N];
    for i in 0..N {
        out[i] = f(x[i], y[i]);
    }
    out
}

#[inline(always)]
fn zip_f32<const N: usize>(x: &[u32; N], y: &[u32; N], f: impl Fn(f32, f32) -> f32) -> [u32; N] {
    zip(x, y, |x, y| {
        f(f32::from_bits(x), f32::from_bits(y)).to_bits()
    })
}

#[inline(always)]
fn max(x: f32, y: f32) -> f32 {
    if x > y { x } else { y }
}

#[inline(always)]
fn min(x: f32, y: f32) -> f32 {
    if x < y { x } else { y }
}

/// [`crate::ir::Inst::Unary`].
#[inline]
pub(crate) fn unary<const N: usize>(op: UnaryOp, x: &[u32; N]) -> [u32; N] {
    match op {
        UnaryOp::Neg => map(x, |x| x ^ SIGN),
        UnaryOp::Abs => map(x, |x| x & !SIGN),
        UnaryOp::Sqrt => map(x, |x| f32::from_bits(x).sqrt().to_bits()),
        UnaryOp::ToFloat => map(x, |x| (x as i32 as f32).to_bits()),
        UnaryOp::ToBits | UnaryOp::FromBits => *x,
    }
}

/// [`crate::ir::Inst::Binary`].
#[inline]
pub(crate) fn binary<const N: usize>(op: Arith, x: &[u32; N], y: &[u32; N]) -> [u32; N] {
    match op {
        Arith::AddF32 => zip_f32(x, y, |x, y| x + y),
        Arith::SubF32 => zip_f32(x, y, |x, y| x - y),
        Arith::MulF32 => zip_f32(x, y, |x, y| x * y),
        Arith::DivF32 => zip_f32(x, y, |x, y| x / y),
        Arith::MaxF32 => zip_f32(x, y, max),
        Arith::MinF32 => zip_f32(x, y, min),
        Arith::AddI32 => zip(x, y, u32::wrapping_add),
        Arith::SubI32 => zip(x, y, u32::wrapping_sub),
        Arith::MulI32 => zip(x, y, u32::wrapping_mul),
        Arith::And => zip(x, y, |x, y| x & y),
        Arith::Or => zip(x, y, |x, y| x | y),
        Arith::Xor => zip(x, y, |x, y| x ^ y),
    }
}

/// [`crate::ir::Inst::Shift`]; `bits` is below 32.
#[inline]
pub(crate) fn shift<const N: usize>(op: ShiftOp, x: &[u32; N], bits: u8) -> [u32; N] {
    let bits = u32::from(bits) & 31;
    match op {
        ShiftOp::Left => map(x, |x| x << bits),
        ShiftOp::Right => map(x, |x| x >> bits),
        ShiftOp::RightSigned => map(x, |x| (x as i32 >> bits) as u32),
    }
}

/// [`crate::ir::Inst::Compare`] of operands of type `elem`.
#[inline]
pub(crate) fn compare<const N: usize>(
    compare: Compare,
    elem: Elem,
    x: &[u32; N],
    y: &[u32; N],
) -> [u32; N] {
    let mask = |holds: bool| if holds { u32::MAX } else { 0 };
    let f32 = f32::from_bits;
    match (compare, elem) {
        (Compare::Lt, Elem::F32) => zip(x, y, |x, y| mask(f32(x) < f32(y))),
        (Compare::Le, Elem::F32) => zip(x, y, |x, y| mask(f32(x) <= f32(y))),
        (Compare::Eq, Elem::F32) => zip(x, y, |x, y| mask(f32(x) == f32(y))),
        (Compare::Lt, Elem::I32) => zip(x, y, |x, y| mask((x as i32) < y as i32)),
        (Compare::Le, Elem::I32) => zip(x, y, |x, y| mask(x as i32 <= y as i32)),
        (Compare::Eq, Elem::I32) => zip(x, y, |x, y| mask(x == y)),
    }
}

/// [`crate::ir::Inst::Select`].
#[inline]
pub(crate) fn select<const N: usize>(mask: &[u32; N], on: &[u32; N], off: &[u32; N]) -> [u32; N] {
    let mut out = [0; N];
    for i in 0..N {
        out[i] = (mask[i] & on[i]) | (!mask[i] & off[i]);
    }
    out
}

/// [`crate::ir::Inst::Keep`].
#[inline]
pub(crate) fn keep(x: &[u32; LANES], lanes: u64) -> [u32; LANES] {
    let mut out = *x;
    if lanes < LANES as u64 {
        out[lanes as usize..].fill(0);
    }
    out
}

/// [`crate::ir::Inst::TritSelect`].
#[inline]
pub(crate) fn trit_select(codes: &[u32; LANES], bit: u8, x: u32) -> [u32; LANES] {
    let bit = u32::from(bit) & 31;
    map(codes, |word| {
        let code = word >> bit;
        // Even codes keep `x`, and code 0 (bit 1 clear) flips its sign.
        let even = (code & 1).wrapping_sub(1);
        (x ^ ((!code & 2) << 30)) & even
    })
}

impl VectorOp {
    /// What it does to its operands, which are followed by the last one again; `bit` is one that it
    /// may name.
    #[inline]
    pub(crate) fn apply(self, operands: [&[u32; LANES]; 4], bit: u8) -> [u32; LANES] {
        let [x, y, z, _] = operands;
        match self {
            VectorOp::Dot4 => dot4(x, y, z),
            VectorOp::Narrow => narrow(operands),
            VectorOp::Base3(part) => base3(part, x),
            VectorOp::Lookup => lookup(x, y, bit),
            VectorOp::Spread => std::array::from_fn(|lane| x[lane % 4]),
            VectorOp::Shuffle16 => shuffle16([x, y], z),
            VectorOp::Packed(op) => packed(op, [x, y, z]),
        }
    }
}

/// [`VectorOp::Dot4`].
#[inline]
fn dot4(acc: &[u32; LANES], codes: &[u32; LANES], x: &[u32; LANES]) -> [u32; LANES] {
    let mut out = *acc;
    for i in 0..LANES {
        for (code, x) in codes[i].to_le_bytes().iter().zip(x[i].to_le_bytes()) {
            let product = i32::from(*code) * i32::from(x as i8);
            out[i] = out[i].wrapping_add(product as u32);
        }
    }
    out
}

/// [`VectorOp::Narrow`].
#[inline]
fn narrow(parts: [&[u32; LANES]; 4]) -> [u32; LANES] {
    let byte = |at: usize| {
        let x = parts[at / LANES][at % LANES] as i32;
        x.clamp(i8::MIN.into(), i8::MAX.into()) as u8
    };
    std::array::from_fn(|lane| u32::from_le_bytes(std::array::from_fn(|i| byte(4 * lane + i))))
}

/// [`VectorOp::Base3`] of one byte.
pub(crate) const fn base3_byte(part: Base3Part, byte: u8) -> u8 {
    let magnitude = byte & 0x7f;
    let magnitude = if magnitude > 121 { 0 } else { magnitude };
    let value = if byte & 0x80 == 0 {
        121 + magnitude
    } else {
        121 - magnitude
    };
    match part {
        Base3Part::Fields => {
            let (second, third, fourth) = (value / 27 % 3, value / 9 % 3, value / 3 % 3);
            (value / 81) | (second << 2) | (third << 4) | (fourth << 6)
        }
        Base3Part::Fifth => value % 3,
    }
}

/// [`VectorOp::Base3`].
#[inline]
fn base3(part: Base3Part, x: &[u32; LANES]) -> [u32; LANES] {
    map(x, |word| {
        u32::from_le_bytes(word.to_le_bytes().map(|byte| base3_byte(part, byte)))
    })
}

/// [`VectorOp::Lookup`]; `bit` is at most 31.
#[inline]
fn lookup(table: &[u32; LANES], index: &[u32; LANES], bit: u8) -> [u32; LANES] {
    map(index, |index| table[((index >> bit) & 15) as usize])
}

/// [`VectorOp::Shuffle16`].
#[inline]
fn shuffle16(tables: [&[u32; LANES]; 2], index: &[u32; LANES]) -> [u32; LANES] {
    let half = |index: u32| {
        let lane = (index / 2) as usize;
        (tables[lane / LANES][lane % LANES] >> (16 * (index % 2))) & 0xffff
    };
    map(index, |x| half(x & 63) | half(x >> 16 & 63) << 16)
}

/// [`VectorOp::Packed`].
#[inline]
fn packed(op: PackedOp, [x, y, z]: [&[u32; LANES]; 3]) -> [u32; LANES] {
    match op {
        PackedOp::Pairs => zip(x, y, pairs),
        PackedOp::Dot2 => std::array::from_fn(|i| dot2(x[i], y[i], z[i])),
        PackedOp::Add16 => zip(x, y, |x, y| {
            let halves = [0, 16].map(|at| ((x >> at) as u16).wrapping_add((y >> at) as u16));
            u32::from(halves[0]) | u32::from(halves[1]) << 16
        }),
        PackedOp::Add8 => zip_bytes(x, y, i8::wrapping_add),
        PackedOp::Sub8 => zip_bytes(x, y, i8::wrapping_sub),
        PackedOp::Less8 => zip_bytes(x, y, |x, y| -i8::from(x < y)),
        PackedOp::Sign8 => zip_bytes(x, y, |x, sign| x.wrapping_mul(sign.signum())),
        PackedOp::Shuffle8 => shuffle8(x, y),
    }
}

#[inline(always)]
fn zip_bytes(x: &[u32; LANES], y: &[u32; LANES], f: impl Fn(i8, i8) -> i8) -> [u32; LANES] {
    zip(x, y, |x, y| {
        let (x, y) = (x.to_le_bytes(), y.to_le_bytes());
        u32::from_le_bytes(std::array::from_fn(|i| f(x[i] as i8, y[i] as i8) as u8))
    })
}

/// [`PackedOp::Pairs`] of a lane.
fn pairs(codes: u32, x: u32) -> u32 {
    let (codes, x) = (codes.to_le_bytes(), x.to_le_bytes());
    let product = |i: usize| i32::from(codes[i]) * i32::from(x[i] as i8);
    let half = |i| (product(i) + product(i + 1)).clamp(i16::MIN.into(), i16::MAX.into());
    half(0) as u32 & 0xffff | (half(2) as u32) << 16
}

/// [`PackedOp::Dot2`] of a lane.
fn dot2(acc: u32, x: u32, y: u32) -> u32 {
    let product = |at: u32| i32::from((x >> at) as i16) * i32::from((y >> at) as i16);
    let products = [0, 16].map(|at| product(at) as u32);
    acc.wrapping_add(products[0]).wrapping_add(products[1])
}

/// [`PackedOp::Shuffle8`].
fn shuffle8(table: &[u32; LANES], index: &[u32; LANES]) -> [u32; LANES] {
    std::array::from_fn(|lane| {
        let quarter = &table[lane & !3..][..4];
        let byte = |index: u8| match index & 0x80 {
            0 => (quarter[usize::from(index >> 2 & 3)] >> (8 * (index & 3))) as u8,
            _ => 0,
        };
        u32::from_le_bytes(index[lane].to_le_bytes().map(byte))
    })
}

/// [`crate::ir::Inst::Reduce`] of i32, a sum.
#[inline]
pub(crate) fn sum(x: &[u32; LANES]) -> u32 {
    x.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

/// [`crate::ir::Inst::Reduce`] of f32.
#[inline]
pub(crate) fn reduce(op: ReduceOp, x: &[u32; LANES]) -> u32 {
    match op {
        ReduceOp::Add => fold(x, |x, y| x + y),
        ReduceOp::Max => fold(x, max),
    }
}

#[inline(always)]
fn fold(x: &[u32; LANES], f: impl Fn(f32, f32) -> f32) -> u32 {
    let mut lanes = x.map(f32::from_bits);
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
    }
    lanes[0].to_bits()
}
