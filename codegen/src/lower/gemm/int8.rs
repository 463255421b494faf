//! int8 activations: exact i32 sums, scaled once.
//!
//! A quad is four columns whose codes are in the same place of the four bytes of a code word:
//! a word of activations. `product` turns quads into sums, by one method or another.

use super::Shape;
use super::product::{Codes, Product};
use super::walk::{Rows, Tokens, Walk};
use super::word::Word;
use crate::ir::{Address, BinaryOp, Buffer, Builder, Lanes, Size, UnaryOp, Value};
use crate::lower::quantize::row_words;
use crate::lower::{Lowering, any};
use crate::schedule::Schedule;
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
        schedule: *l.schedule,
        product: Product::new(l.schedule, packing),
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
    schedule: Schedule,
    product: Product,
    prefetch_words: u64,
}

impl Gemm {
    /// One tile over all columns: for each token and group as many sums as the method asks for.
    fn tile(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>) {
        let zero = b.splat_i32(0);
        let groups = tokens.count * rows.groups;
        let none = vec![zero; groups * self.product.sums()];
        let full = self.full_words();
        let totals = match self.product.words_held() {
            None => {
                let sums = self.words(b, rows, tokens, &full, &Address::at(0), &none);
                self.rest(b, rows, tokens, &full, &sums)
            }
            Some(held) => {
                let parts = full.clone().div(held);
                let totals = vec![zero; groups * self.product.totals()];
                let totals = b.for_loop(parts.clone(), &totals, |b, part, totals| {
                    let first = Address::of(&[(part, held.into())]);
                    let sums = self.words(b, rows, tokens, &held.into(), &first, &none);
                    self.product.flush(b, &sums, totals)
                });
                let (rest, first) = (full.clone().rem(held), Address::at(parts * held));
                let sums = self.words(b, rows, tokens, &rest, &first, &none);
                let sums = self.rest(b, rows, tokens, &full, &sums);
                self.product.flush(b, &sums, &totals)
            }
        };
        let each = rows.groups * self.product.totals();
        for (t, totals) in totals.chunks(each).enumerate() {
            self.finish(b, rows, tokens, t, totals);
        }
    }

    /// Words whose columns are all there: activations are padded to whole words of int2, which so
    /// has no rest.
    fn full_words(&self) -> Size {
        let cols = self.quads() as u64 * PER_WORD;
        match self.packing {
            Packing::Int2 => self.cols.clone().div_ceil(cols),
            Packing::Base3 => self.cols.clone().div(cols),
        }
    }

    /// Quads of a word.
    fn quads(&self) -> usize {
        layout::word_cols(self.packing) / PER_WORD as usize
    }

    /// Adds the products of `count` full words from `first` on.
    fn words(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        count: &Size,
        first: &Address,
        sums: &[Value],
    ) -> Vec<Value> {
        b.for_loop(count.clone(), sums, |b, word, sums| {
            let word = first.clone().step(word, 1);
            let mut codes = self.load_codes(b, rows, &word.times(&rows.stride));
            let mut sums = sums.to_vec();
            let mut q = 0;
            while q < self.quads() {
                let count = self.product.quads_from(q);
                let x = word.times(&(self.quads() as u64).into()).offset(q as u64);
                self.quad(b, tokens, &mut codes, (q, count), &x, &mut sums);
                q += count;
            }
            sums
        })
    }

    /// Columns after the last full word: as many of its quads as there are.
    fn rest(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        full: &Size,
        sums: &[Value],
    ) -> Vec<Value> {
        if self.packing == Packing::Int2 {
            return sums.to_vec();
        }
        let quads = self.quads() as u64;
        let rest = self.cols.clone().rem(quads * PER_WORD).div_ceil(PER_WORD);
        b.for_loop(any(rest.clone(), quads), sums, |b, _, sums| {
            let at = Address::at(full.clone() * rows.stride.clone());
            let mut codes = self.load_codes(b, rows, &at);
            let mut sums = sums.to_vec();
            for q in 0..self.quads() {
                // The codes of later quads are made from those of earlier ones, wanted or not.
                let codes = self.product.codes(b, &mut codes, q);
                let there = any(rest.clone().sub(q as u64), quads);
                sums = b.for_loop(there, &sums, |b, _, sums| {
                    let mut sums = sums.to_vec();
                    let x = Address::at(full.clone() * quads + q as u64);
                    let x = self.activations(b, tokens, 1, &x);
                    self.add(b, &codes, q, &x, &mut sums);
                    sums
                });
            }
            sums
        })
    }

    /// Adds the products of `count` quads from `q` on for every token and group; `x` is the
    /// first one's word of a token's.
    fn quad(
        &self,
        b: &mut Builder,
        tokens: &Tokens<'_>,
        words: &mut [Word],
        (q, count): (usize, usize),
        x: &Address,
        sums: &mut [Value],
    ) {
        // Loads of scalars come first: what follows is lane-wise, so that a part's codes are
        // multiplied as soon as they are unpacked, and no register keeps them.
        let x = self.activations(b, tokens, count, x);
        let codes = self.product.codes(b, words, q);
        self.add(b, &codes, q, &x, sums);
    }

    /// For each token `count` words of activations from `x` on.
    fn activations(
        &self,
        b: &mut Builder,
        tokens: &Tokens<'_>,
        count: usize,
        x: &Address,
    ) -> Vec<Vec<Value>> {
        let of_token = |t| {
            let mut at = tokens.offset(t, &self.x_words).offset(x.base.clone());
            at.terms.extend(x.terms.iter().cloned());
            let word = |i| b.load(self.x, at.clone().offset(i as u64));
            (0..count).map(word).collect()
        };
        (0..tokens.count).map(of_token).collect()
    }

    fn add(&self, b: &mut Builder, codes: &Codes, q: usize, x: &[Vec<Value>], sums: &mut [Value]) {
        let each = codes.len() * self.product.sums();
        for (x, sums) in x.iter().zip(sums.chunks_mut(each)) {
            self.product.add(b, codes, q, x, sums);
        }
    }

    fn load_codes(&self, b: &mut Builder, rows: &Rows, word: &Address) -> Vec<Word> {
        (0..rows.groups)
            .map(|g| {
                let at = rows.codes(g, word);
                if self.prefetch_words > 0 {
                    b.prefetch(self.w, at.clone().offset(self.prefetch_words));
                }
                let packed = b.load_vector(self.w, at, Lanes::All);
                Word::new(b, &self.schedule, self.packing, packed)
            })
            .collect()
    }

    /// Scales and stores the sums of token `t`.
    fn finish(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        t: usize,
        totals: &[Value],
    ) {
        let each = Size::ONE;
        let x_scale = b.load(self.x_scale, tokens.offset(t, &each));
        let scale = b.mul(x_scale, self.scale);
        let scale = b.splat(scale);
        let excess = self.product.sums_codes().then(|| {
            let x_sum = b.load(self.x_sum, tokens.offset(t, &each));
            b.splat(x_sum)
        });
        let out = tokens.offset(t, &self.out_stride);
        for (g, sums) in totals.chunks(self.product.totals()).enumerate() {
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
