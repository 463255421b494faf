//! Rows of f32 to int8 with one scale a row, by the row's greatest magnitude.

use super::{Lowering, any};
use crate::ir::{
    Access, Address, BinaryOp, Buffer, Builder, Compare, Elem, Lanes, ReduceOp, Size, UnaryOp,
    Value,
};
use atome_spec::{LANES, numerics};

const LANES_U64: u64 = LANES as u64;
/// Elements that become one vector of bytes.
const BLOCK: u64 = 4 * LANES_U64;

pub(super) fn lower(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let b = &mut l.b;
    let row_words = width.clone().div_ceil(LANES_U64) * (LANES_U64 / 4);
    let all = rows.clone() * width.clone();
    let x = b.buffer("x", Access::In, Elem::F32, all);
    let q = b.buffer(
        "q",
        Access::Out,
        Elem::I32,
        rows.clone() * row_words.clone(),
    );
    let q_scale = b.buffer("q_scale", Access::Out, Elem::F32, rows.clone());
    let q_sum = b.buffer("q_sum", Access::Out, Elem::I32, rows.clone());
    b.for_loop(rows, &[], |b, row, _| {
        let greatest = greatest(b, x, row, &width);
        let eps = b.f32(numerics::QUANTIZE_EPS);
        let range = b.add(greatest, eps);
        let top = b.f32(127.0);
        let factor = b.div(top, range);
        let step = b.div(range, top);
        b.store(q_scale, Address::of(&[(row, Size::ONE)]), step, Lanes::All);
        let quantizer = Quantizer::new(b, x, q, factor);
        let sum = quantizer.row(b, row, &width, &row_words);
        b.store(q_sum, Address::of(&[(row, Size::ONE)]), sum, Lanes::All);
        vec![]
    });
}

/// The greatest magnitude of a row: NaN counts as 0, infinity as the greatest finite number.
fn greatest(b: &mut Builder, x: Buffer, row: Value, width: &Size) -> Value {
    let zero = b.splat_f32(0.0);
    let greatest = b.for_each_vector(width, &[zero], |b, at, lanes, best| {
        let x = b.load_vector(x, at.step(row, width.clone()), lanes);
        let x = b.unary(UnaryOp::Abs, x);
        vec![b.binary(BinaryOp::Max, x, best[0])]
    });
    let greatest = b.reduce(ReduceOp::Max, greatest[0]);
    let most = b.f32(f32::MAX);
    b.binary(BinaryOp::Min, greatest, most)
}

/// What one row is quantized by.
struct Quantizer {
    x: Buffer,
    q: Buffer,
    factor: Value,
    low: Value,
    high: Value,
    round: Value,
    round_bits: Value,
}

impl Quantizer {
    fn new(b: &mut Builder, x: Buffer, q: Buffer, factor: Value) -> Quantizer {
        Quantizer {
            x,
            q,
            factor: b.splat(factor),
            low: b.splat_f32(-128.0),
            high: b.splat_f32(127.0),
            round: b.splat_f32(numerics::ROUND),
            round_bits: b.splat_i32(numerics::ROUND.to_bits().cast_signed()),
        }
    }

    /// Writes the row's bytes and gives their sum.
    fn row(&self, b: &mut Builder, row: Value, width: &Size, row_words: &Size) -> Value {
        let zero = b.splat_i32(0);
        let full = width.clone().div(BLOCK);
        let sums = b.for_loop(full.clone(), &[zero], |b, block, sums| {
            let x = Address::of(&[(block, BLOCK.into())]).step(row, width.clone());
            let q = Address::of(&[(block, LANES_U64.into())]).step(row, row_words.clone());
            let lanes = [(); 4].map(|()| Lanes::All);
            vec![self.block(b, x, q, lanes, Lanes::All, sums[0])]
        });
        let rest = width.clone().rem(BLOCK);
        let sums = b.for_loop(any(rest.clone(), BLOCK), &sums, |b, _, sums| {
            let x = Address::of(&[(row, width.clone())]).offset(full.clone() * BLOCK);
            let q = Address::of(&[(row, row_words.clone())]).offset(full * LANES_U64);
            let lanes = [0, 1, 2, 3].map(|i| Lanes::First(rest.clone().sub(LANES_U64 * i)));
            let words = rest.clone().div_ceil(LANES_U64) * (LANES_U64 / 4);
            vec![self.block(b, x, q, lanes, Lanes::First(words), sums[0])]
        });
        b.reduce(ReduceOp::Add, sums[0])
    }

    /// Up to 64 elements; `words` names the words that are written.
    fn block(
        &self,
        b: &mut Builder,
        x: Address,
        q: Address,
        lanes: [Lanes; 4],
        words: Lanes,
        mut sum: Value,
    ) -> Value {
        let mut at = x;
        let parts = lanes.map(|lanes| {
            let x = b.load_vector(self.x, at.clone(), lanes);
            at = at.clone().offset(LANES_U64);
            let part = self.round(b, x);
            sum = b.add(sum, part);
            part
        });
        let bytes = b.narrow(parts);
        b.store(self.q, q, bytes, words);
        sum
    }

    /// `x * factor` to the nearest integer, ties to even, limited to bytes; 0 for NaN.
    fn round(&self, b: &mut Builder, x: Value) -> Value {
        let scaled = b.mul(x, self.factor);
        let limited = b.binary(BinaryOp::Min, scaled, self.high);
        let limited = b.binary(BinaryOp::Max, limited, self.low);
        let rounded = b.add(limited, self.round);
        let bits = b.unary(UnaryOp::ToBits, rounded);
        let number = b.binary(BinaryOp::Sub, bits, self.round_bits);
        let is_number = b.compare(Compare::Eq, x, x);
        b.and(is_number, number)
    }
}
