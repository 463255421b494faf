//! int8 activations: exact i32 sums, scaled once.
//!
//! A code is its trit + 1, so the sum of products with codes exceeds that with trits by the sum
//! of the activations, which comes with them.

use super::walk::{Rows, Tokens, Walk};
use super::{LANES_U64, Shape, WORD_COLS_U64};
use crate::ir::{
    Access, Address, BinaryOp, Buffer, Builder, Elem, Lanes, ShiftOp, Size, UnaryOp, Value,
};
use crate::lower::Lowering;
use crate::schedule::Fields;

/// Activations in a word.
const PER_WORD: u64 = 4;
/// Fields of a code word, each of four columns.
const FIELDS: usize = 4;
/// The lowest field of every byte.
const FIELD: i32 = 0x0303_0303;

pub(super) fn lower(l: &mut Lowering<'_>, shape: Shape) {
    let words = shape.cols.clone().div_ceil(WORD_COLS_U64);
    let x_words = shape.cols.clone().div_ceil(LANES_U64) * (LANES_U64 / PER_WORD);
    let tokens = shape.tokens.clone();
    let b = &mut l.b;
    let w = b.buffer(
        "w",
        Access::In,
        Elem::I32,
        shape.padded_rows() * words.clone(),
    );
    let x = b.buffer("x", Access::In, Elem::I32, tokens.clone() * x_words.clone());
    let x_scale = b.buffer("x_scale", Access::In, Elem::F32, tokens.clone());
    let x_sum = b.buffer("x_sum", Access::In, Elem::I32, tokens.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, shape.out_len());
    let scale = b.scalar("scale");
    let gemm = Gemm {
        w,
        x,
        x_scale,
        x_sum,
        out,
        scale,
        words: words.clone(),
        x_words,
        out_stride: shape.out_stride,
        fields: l.schedule.fields,
        prefetch_words: l.schedule.prefetch_bytes / 4,
    };
    let walk = Walk {
        rows: shape.rows,
        words,
        tokens,
        row_groups: l.schedule.row_groups,
        token_tile: l.schedule.tokens,
    };
    walk.run(b, &|b, rows, tokens| gemm.tile(b, rows, tokens));
}

struct Gemm {
    w: Buffer,
    x: Buffer,
    x_scale: Buffer,
    x_sum: Buffer,
    out: Buffer,
    scale: Value,
    /// Code words a row.
    words: Size,
    /// Words of activations a token.
    x_words: Size,
    out_stride: Size,
    fields: Fields,
    prefetch_words: u64,
}

impl Gemm {
    /// One tile over all columns: for each token and group as many accumulators as the fields
    /// ask for.
    fn tile(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>) {
        let zero = b.splat_i32(0);
        let sums = self.fields.sums();
        let acc = vec![zero; tokens.count * rows.groups * sums];
        let acc = b.for_loop(self.words.clone(), &acc, |b, word, acc| {
            let mut acc = acc.to_vec();
            let codes = self.load_codes(b, rows, Address::of(&[(word, rows.stride.clone())]));
            for q in 0..FIELDS {
                let codes: Vec<Value> = codes.iter().map(|&c| self.field(b, c, q)).collect();
                for t in 0..tokens.count {
                    let at = tokens.offset(t, &self.x_words).step(word, FIELDS as u64);
                    let x = b.load(self.x, at.offset(q as u64));
                    let x = b.splat(x);
                    for (g, &codes) in codes.iter().enumerate() {
                        let sum = &mut acc[(t * rows.groups + g) * sums + self.fields.sum_of(q)];
                        *sum = b.dot4(*sum, codes, x);
                    }
                }
            }
            acc
        });
        for (t, acc) in acc.chunks(rows.groups * sums).enumerate() {
            self.finish(b, rows, tokens, t, acc);
        }
    }

    fn load_codes(&self, b: &mut Builder, rows: &Rows, word: Address) -> Vec<Value> {
        (0..rows.groups)
            .map(|g| {
                let at = rows.codes(g, &word);
                if self.prefetch_words > 0 {
                    b.prefetch(self.w, at.clone().offset(self.prefetch_words));
                }
                b.load_vector(self.w, at, Lanes::All)
            })
            .collect()
    }

    /// The codes of field `q`, times the power of two that [`Fields::shift_of`] gives.
    fn field(&self, b: &mut Builder, codes: Value, q: usize) -> Value {
        let left = self.fields.shift_of(q);
        let codes = b.shift(ShiftOp::Right, codes, 2 * q as u8 - left);
        let mask = b.i32_like(codes, FIELD << left);
        b.and(codes, mask)
    }

    /// Scales and stores the sums of token `t`.
    fn finish(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>, t: usize, acc: &[Value]) {
        let each = Size::ONE;
        let x_sum = b.load(self.x_sum, tokens.offset(t, &each));
        let x_sum = b.splat(x_sum);
        let x_scale = b.load(self.x_scale, tokens.offset(t, &each));
        let scale = b.mul(x_scale, self.scale);
        let scale = b.splat(scale);
        let out = tokens.offset(t, &self.out_stride);
        for (g, sums) in acc.chunks(self.fields.sums()).enumerate() {
            let mut sum = sums[0];
            for (i, &more) in sums.iter().enumerate().skip(1) {
                let more = b.shift(ShiftOp::RightSigned, more, 2 * i as u8);
                sum = b.add(sum, more);
            }
            let sum = b.binary(BinaryOp::Sub, sum, x_sum);
            let sum = b.unary(UnaryOp::ToFloat, sum);
            let scaled = b.mul(sum, scale);
            b.store(self.out, rows.out(g, &out), scaled, rows.lanes(g));
        }
    }
}
