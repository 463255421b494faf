//! Row lookup in tables of floats: f32, f16 and int8 with a scale a row.

use super::{Lowering, any};
use crate::ir::{Access, Address, Buffer, Builder, Elem, Lanes, ShiftOp, Size, UnaryOp, Value};
use atome_spec::{LANES, Op};

/// 2^112: an f16's exponent has a bias of 15, an f32's of 127.
const F16_BIAS: f32 = f32::from_bits((127 + 112) << 23);

pub(super) fn lower(l: &mut Lowering<'_>) {
    let op = l.spec.op;
    let (vocab, d_model, tokens) = (l.dim("vocab"), l.dim("d_model"), l.dim("tokens"));
    let lanes = LANES as u64;
    let tile_vectors = match op {
        Op::LookupF16 => 2,
        Op::LookupI8 => 4,
        _ => 1,
    };
    let (elem, row_elems) = match op {
        Op::LookupF32 => (Elem::F32, d_model.clone()),
        _ => {
            let tiles = d_model.clone().div_ceil(tile_vectors * lanes);
            (Elem::I32, tiles * lanes)
        }
    };
    let b = &mut l.b;
    let ids = b.buffer("ids", Access::In, Elem::I32, tokens.clone());
    let table_len = vocab.clone() * row_elems.clone();
    let table = b.buffer("table", Access::In, elem, table_len);
    let scales = (op == Op::LookupI8).then(|| b.buffer("scales", Access::In, Elem::F32, vocab));
    let out_len = tokens.clone() * d_model.clone();
    let out = b.buffer("out", Access::Out, Elem::F32, out_len);

    b.for_loop(tokens, &[], |b, t, _| {
        let id = b.load(ids, Address::of(&[(t, Size::ONE)]));
        let id = b.to_index(id);
        let from = Address::of(&[(id, row_elems.clone())]);
        let to = Address::of(&[(t, d_model.clone())]);
        if op == Op::LookupF32 {
            copy(b, (table, from), (out, to), &d_model);
            return vec![];
        }
        let scale = scales.map(|scales| {
            let scale = b.load(scales, Address::of(&[(id, Size::ONE)]));
            b.splat(scale)
        });
        let tile = |b: &mut Builder, words: Address| decode(b, table, words, scale);
        let tile_cols = tile_vectors * lanes;
        let full = d_model.clone().div(tile_cols);
        let rest = d_model.clone().rem(tile_cols);
        b.for_loop(full.clone(), &[], |b, i, _| {
            let vectors = tile(b, from.clone().step(i, lanes));
            for (k, value) in (0..).zip(vectors) {
                let at = to.clone().step(i, tile_cols).offset(k * lanes);
                b.store(out, at, value, Lanes::All);
            }
            vec![]
        });
        b.for_loop(any(rest.clone(), tile_cols), &[], |b, _, _| {
            let vectors = tile(b, from.clone().offset(full.clone() * lanes));
            for (k, value) in (0..).zip(vectors) {
                let at = to.clone().offset(full.clone() * tile_cols + k * lanes);
                let left = rest.clone().sub(k * lanes);
                b.store(out, at, value, Lanes::First(left));
            }
            vec![]
        });
        vec![]
    });
}

/// Copies `n` floats.
fn copy(b: &mut Builder, from: (Buffer, Address), to: (Buffer, Address), n: &Size) {
    b.for_each_vector(n, &[], |b, at, lanes, _| {
        let value = b.load_vector(from.0, plus(&at, &from.1), lanes.clone());
        b.store(to.0, plus(&at, &to.1), value, lanes);
        vec![]
    });
}

/// The sum of two addresses.
fn plus(a: &Address, b: &Address) -> Address {
    let sum = a.clone().offset(b.base.clone());
    let terms = b.terms.iter().cloned();
    terms.fold(sum, |sum, (index, stride)| sum.step(index, stride))
}

/// The vectors of the tile at `words`: two of f16, or four of int8 with their scale.
fn decode(b: &mut Builder, table: Buffer, words: Address, scale: Option<Value>) -> Vec<Value> {
    let words = b.load_vector(table, words, Lanes::All);
    match scale {
        None => vec![half(b, words, 0), half(b, words, 16)],
        Some(scale) => (0..4).map(|byte| signed(b, words, byte, scale)).collect(),
    }
}

/// The f16 from a bit on, as f32: exact, and finite where the f16 is.
fn half(b: &mut Builder, words: Value, bit: u8) -> Value {
    let bits = b.shift(ShiftOp::Right, words, bit);
    let (magnitude, sign) = (b.i32_like(words, 0x7fff), b.i32_like(words, 0x8000));
    let magnitude = b.and(bits, magnitude);
    let magnitude = b.shift(ShiftOp::Left, magnitude, 13);
    let small = b.unary(UnaryOp::FromBits, magnitude);
    let bias = b.f32_like(small, F16_BIAS);
    let value = b.mul(small, bias);
    let value = b.unary(UnaryOp::ToBits, value);
    let sign = b.and(bits, sign);
    let sign = b.shift(ShiftOp::Left, sign, 16);
    // The value's own sign bit is clear, so adding sets it.
    let value = b.add(value, sign);
    b.unary(UnaryOp::FromBits, value)
}

/// The signed byte of that number, times the scale.
fn signed(b: &mut Builder, words: Value, byte: u8, scale: Value) -> Value {
    let high = b.shift(ShiftOp::Left, words, 24 - 8 * byte);
    let number = b.shift(ShiftOp::RightSigned, high, 24);
    let number = b.unary(UnaryOp::ToFloat, number);
    b.mul(number, scale)
}
