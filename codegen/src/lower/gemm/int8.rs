//! int8 activations: exact i32 sums, scaled once.
//!
//! A quad is four columns whose codes are in the same place of the four bytes of a code word:
//! a word of activations. `product` turns quads into sums, by one method or another.

use super::Shape;
use super::product::Product;
use super::walk::{Rows, Tokens, Walk};
use crate::ir::{Address, Base3Part, BinaryOp, Buffer, Builder, Lanes, Size, UnaryOp, Value};
use crate::lower::quantize::row_words;
use crate::lower::{Lowering, any};
use atome_spec::{Packing, layout};

/// Activations in a word.
const PER_WORD: u64 = 4;

pub(super) fn lower(l: &mut Lowering<'_>, shape: Shape) {
    let packing = l.dims.packing();
    let words = shape.words(packing);
    let x_words = row_words(&shape.cols);
    let tokens = shape.tokens.clone();
    let names = ["w", "x", "x_scale", "x_sum", "out"];
    let [w, x, x_scale, x_sum, out] = names.map(|name| l.buffer(name));
    let scale = l.scalar("scale");
    let b = &mut l.b;
    let gemm = Gemm {
        packing,
        w,
        x,
        x_scale,
        x_sum,
        out,
        scale,
        cols: shape.cols,
        x_words,
        out_stride: shape.out_stride,
        product: Product::new(l.schedule),
        prefetch_words: l.schedule.prefetch_words(),
    };
    let walk = Walk {
        rows: shape.rows,
        words,
        tokens,
        row_groups: l.schedule.row_groups(),
        token_tile: l.schedule.tokens(),
    };
    walk.run(b, &|b, rows, tokens| gemm.tile(b, rows, tokens));
}

struct Gemm {
    packing: Packing,
    w: Buffer,
    x: Buffer,
    x_scale: Buffer,
    x_sum: Buffer,
    out: Buffer,
    scale: Value,
    cols: Size,
    /// Words of activations a token.
    x_words: Size,
    out_stride: Size,
    product: Product,
    prefetch_words: u64,
}

/// The codes of a group of rows, unpacked as far as quads need.
struct Codes {
    /// Four quads, a 2-bit field of each byte each.
    fields: Value,
    /// The fifth quad of base 3, a byte each.
    fifth: Option<Value>,
}

impl Gemm {
    /// One tile over all columns: for each token and group as many accumulators as the method
    /// asks for.
    fn tile(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>) {
        let zero = b.splat_i32(0);
        let acc = vec![zero; tokens.count * rows.groups * self.product.sums()];
        let quads = layout::word_cols(self.packing) as u64 / PER_WORD;
        // Activations are padded to whole words of int2, which so has no rest.
        let full = match self.packing {
            Packing::Int2 => self.cols.clone().div_ceil(quads * PER_WORD),
            Packing::Base3 => self.cols.clone().div(quads * PER_WORD),
        };
        let acc = b.for_loop(full.clone(), &acc, |b, word, acc| {
            let codes = self.load_codes(b, rows, &Address::of(&[(word, rows.stride.clone())]));
            let mut acc = acc.to_vec();
            let mut q = 0;
            while q < quads {
                let count = self.product.quads_from(q as usize);
                let x = Address::of(&[(word, quads.into())]).offset(q);
                self.quads(b, tokens, &codes, (q as usize, count), &x, &mut acc);
                q += count as u64;
            }
            acc
        });
        let acc = match self.packing {
            Packing::Int2 => acc,
            Packing::Base3 => self.rest(b, rows, tokens, &full, quads, &acc),
        };
        let each = rows.groups * self.product.sums();
        for (t, acc) in acc.chunks(each).enumerate() {
            self.finish(b, rows, tokens, t, acc);
        }
    }

    /// Columns after the last full word: as many of its quads as there are.
    fn rest(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        full: &Size,
        quads: u64,
        acc: &[Value],
    ) -> Vec<Value> {
        let rest = self.cols.clone().rem(quads * PER_WORD).div_ceil(PER_WORD);
        b.for_loop(any(rest.clone(), quads), acc, |b, _, acc| {
            let codes = self.load_codes(b, rows, &Address::at(full.clone() * rows.stride.clone()));
            (0..quads).fold(acc.to_vec(), |acc, q| {
                b.for_loop(any(rest.clone().sub(q), quads), &acc, |b, _, acc| {
                    let mut acc = acc.to_vec();
                    let x = Address::at(full.clone() * quads + q);
                    self.quads(b, tokens, &codes, (q as usize, 1), &x, &mut acc);
                    acc
                })
            })
        })
    }

    /// Adds the products of `count` quads from `q` on for every token and group; `x` is the
    /// first one's word of a token's.
    fn quads(
        &self,
        b: &mut Builder,
        tokens: &Tokens<'_>,
        codes: &[Codes],
        (q, count): (usize, usize),
        x: &Address,
        acc: &mut [Value],
    ) {
        // Loads of scalars come first: what follows is lane-wise, so that a part's codes are
        // multiplied as soon as they are unpacked, and no register keeps them.
        let x: Vec<Vec<Value>> = (0..tokens.count)
            .map(|t| {
                let mut at = tokens.offset(t, &self.x_words).offset(x.base.clone());
                at.terms.extend(x.terms.iter().cloned());
                let word = |i| b.load(self.x, at.clone().offset(i as u64));
                (0..count).map(word).collect()
            })
            .collect();
        let codes: Vec<(Value, usize)> = codes
            .iter()
            .map(|codes| match codes.fifth {
                Some(fifth) if q == 4 => (fifth, 0),
                _ => (codes.fields, q),
            })
            .collect();
        let codes = self.product.codes(b, &codes);
        let each = codes.len() * self.product.sums();
        for (x, acc) in x.iter().zip(acc.chunks_mut(each)) {
            self.product.add(b, &codes, q, x, acc);
        }
    }

    fn load_codes(&self, b: &mut Builder, rows: &Rows, word: &Address) -> Vec<Codes> {
        (0..rows.groups)
            .map(|g| {
                let at = rows.codes(g, word);
                if self.prefetch_words > 0 {
                    b.prefetch(self.w, at.clone().offset(self.prefetch_words));
                }
                let packed = b.load_vector(self.w, at, Lanes::All);
                match self.packing {
                    Packing::Int2 => Codes {
                        fields: packed,
                        fifth: None,
                    },
                    Packing::Base3 => Codes {
                        fields: b.base3(Base3Part::Fields, packed),
                        fifth: Some(b.base3(Base3Part::Fifth, packed)),
                    },
                }
            })
            .collect()
    }

    /// Scales and stores the sums of token `t`.
    fn finish(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>, t: usize, acc: &[Value]) {
        let each = Size::ONE;
        let x_scale = b.load(self.x_scale, tokens.offset(t, &each));
        let scale = b.mul(x_scale, self.scale);
        let scale = b.splat(scale);
        let excess = self.product.sums_codes().then(|| {
            let x_sum = b.load(self.x_sum, tokens.offset(t, &each));
            b.splat(x_sum)
        });
        let out = tokens.offset(t, &self.out_stride);
        for (g, sums) in acc.chunks(self.product.sums()).enumerate() {
            let mut sum = self.product.total(b, sums);
            if let Some(excess) = excess {
                sum = b.binary(BinaryOp::Sub, sum, excess);
            }
            let sum = b.unary(UnaryOp::ToFloat, sum);
            let scaled = b.mul(sum, scale);
            b.store(self.out, rows.out(g, &out), scaled, rows.lanes(g));
        }
    }
}
