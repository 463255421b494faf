//! f32 activations, by sign-select.
//!
//! A lane is a row, so each row's sum keeps the order of its columns whatever the tile.

mod tables;

use super::Shape;
use super::groups::Groups;
use super::walk::{Place, Rows, Tokens, Walk};
use super::word::Word;
use crate::ir::{Address, Buffer, Builder, Lanes, ShiftOp, Size, Value};
use crate::lower::quantize::not_a_number;
use crate::lower::{Lowering, any};
use crate::schedule::Fields;
use atome_spec::Packing;
use atome_spec::layout::{WORD_COLS, word_cols};
use tables::Tables;

pub(super) fn lower(l: &mut Lowering<'_>, shape: Shape) {
    let Shape {
        cols,
        tokens,
        out_stride,
        ..
    } = shape.clone();
    let packing = l.dims.packing();
    let words = shape.words(packing);
    let [w, x, out] = ["w", "x", "out"].map(|name| l.buffer(name));
    let groups = Groups::new(l, &shape);
    let scale = groups.is_none().then(|| l.scalar("scale"));
    let b = &mut l.b;
    let scale = scale.map(|scale| b.splat(scale));
    let gemm = Gemm {
        packing,
        w,
        x,
        out,
        scale,
        groups,
        cols,
        out_stride,
        prefetch_words: l.schedule.prefetch_words(),
        unroll: l.schedule.unroll(),
    };
    let walk = Walk {
        groups: shape.scales(),
        rows: shape.rows,
        words,
        tokens,
        row_groups: l.schedule.row_groups(),
        token_tile: l.schedule.tokens(),
    };
    if l.schedule.fields == Some(Fields::Tables) {
        return Tables::run(b, &gemm, &walk);
    }
    walk.run(b, &|b, rows, tokens| gemm.tile(b, rows, tokens));
}

struct Gemm {
    packing: Packing,
    w: Buffer,
    x: Buffer,
    out: Buffer,
    /// Of the whole matrix.
    scale: Option<Value>,
    /// Of groups of columns.
    groups: Option<Groups>,
    cols: Size,
    out_stride: Size,
    prefetch_words: u64,
    unroll: u32,
}

impl Gemm {
    /// One tile: `rows.groups * tokens.count` accumulators over all columns.
    fn tile(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>) {
        if let Some(groups) = &self.groups {
            let (tiles, out) = (std::slice::from_ref(rows), (self.out, &self.out_stride));
            return groups.each(b, (tiles, tokens), out, |b, rows, number| {
                self.group(b, rows, tokens, (groups, number))
            });
        }
        let zero = b.splat_f32(0.0);
        let mut acc = vec![zero; rows.groups * tokens.count];
        let of_word = self.word_cols();
        let full = self.cols.clone().div(of_word);
        acc = self.words(b, rows, tokens, (&Place::first(), &full), &acc);
        let rest = self.cols.clone().rem(of_word);
        let last = Place::first().offset(&full, of_word);
        let columns = [rest.clone().div(4), rest.clone().rem(4)];
        acc = self.last_word(b, rows, tokens, (&last, any(rest, of_word), columns), &acc);
        self.store(b, rows, tokens, &|b, i| scaled(b, acc[i], self.scale));
    }

    /// Writes the results of a tile, by their numbers: those of 16 rows, a token after the other.
    fn store(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        value: &dyn Fn(&mut Builder, usize) -> Value,
    ) {
        for t in 0..tokens.count {
            let out = tokens.offset(t, &self.out_stride);
            for g in 0..rows.groups {
                let value = value(b, t * rows.groups + g);
                b.store(self.out, rows.out(g, &out), value, rows.lanes(g));
            }
        }
    }

    /// What was written there.
    fn load(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>) -> Vec<Value> {
        let mut values = Vec::new();
        for t in 0..tokens.count {
            let out = tokens.offset(t, &self.out_stride);
            values.extend(
                (0..rows.groups).map(|g| b.load_vector(self.out, rows.out(g, &out), rows.lanes(g))),
            );
        }
        values
    }

    /// Columns of a word.
    fn word_cols(&self) -> u64 {
        word_cols(self.packing) as u64
    }

    /// The sums of so many words of the columns from one on.
    fn words(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        (first, count): (&Place, &Size),
        acc: &[Value],
    ) -> Vec<Value> {
        b.for_loop(count.clone(), acc, |b, word, acc| {
            let place = first.clone().step(word, 1, self.word_cols());
            let words = self.load_words(b, rows, place.word.times(&rows.stride));
            let mut acc = acc.to_vec();
            let in_loop = match self.unroll {
                1 if self.packing == Packing::Base3 => WORD_COLS,
                _ => 0,
            };
            if in_loop > 0 {
                let (codes, _) = column(&words, 0);
                let x = |t: usize| tokens.offset(t, &self.cols).plus(&place.x);
                let columns = [(in_loop as u64 / 4).into(), Size::ZERO];
                acc = self.last_columns(b, codes, &x, columns, tokens.count, &acc);
            }
            for k in in_loop..word_cols(self.packing) {
                let (codes, bit) = column(&words, k);
                for t in 0..tokens.count {
                    let at = tokens.offset(t, &self.cols).plus(&place.x);
                    let x = b.load(self.x, at.offset(k as u64));
                    accumulate(b, &codes, bit, x, &mut acc[t * rows.groups..]);
                }
            }
            acc
        })
    }

    /// The sums of the word at a place, once if `any`, of which so many quads and single columns are there.
    fn last_word(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        (place, any, columns): (&Place, Size, [Size; 2]),
        acc: &[Value],
    ) -> Vec<Value> {
        b.for_loop(any, acc, |b, _, acc| {
            let words = self.load_words(b, rows, place.word.times(&rows.stride));
            let (codes, _) = column(&words, 0);
            let x = |t: usize| tokens.offset(t, &self.cols).plus(&place.x);
            self.last_columns(b, codes, &x, columns, tokens.count, acc)
        })
    }

    /// The sums of a group of columns, NaN where they are no finite numbers; activations have a scale of 1.
    fn group(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        (groups, number): (&Groups, Value),
    ) -> Vec<(Value, Option<Value>)> {
        let zero = b.splat_f32(0.0);
        let none = vec![zero; rows.groups * tokens.count];
        let (first, full) = (groups.place(number, &groups.cols), groups.full_words());
        let sums = self.words(b, rows, tokens, (&first, &full), &none);
        let last = first.offset(&full, self.word_cols());
        let quads = groups.rest_quads();
        let columns = [quads.clone(), Size::ZERO];
        let sums = self.last_word(
            b,
            rows,
            tokens,
            (&last, any(quads, self.word_cols()), columns),
            &sums,
        );
        let sums = sums
            .into_iter()
            .map(|sum| (not_a_number(b, sum, sum), None));
        sums.collect()
    }

    fn load_words(&self, b: &mut Builder, rows: &Rows, word: Address) -> Vec<Word> {
        (0..rows.groups)
            .map(|g| {
                let at = rows.codes(g, &word);
                if self.prefetch_words > 0 {
                    b.prefetch(self.w, at.clone().offset(self.prefetch_words));
                }
                let packed = b.load_vector(self.w, at, Lanes::All);
                Word::new(b, self.packing, packed)
            })
            .collect()
    }

    /// At most 16 columns: quads by the fields of a byte, then single columns.
    fn last_columns(
        &self,
        b: &mut Builder,
        codes: Vec<Value>,
        x: &dyn Fn(usize) -> Address,
        [quads, single]: [Size; 2],
        tokens: usize,
        acc: &[Value],
    ) -> Vec<Value> {
        let groups = codes.len();
        let carried: Vec<Value> = codes.iter().chain(acc).copied().collect();
        // Few quads of each group: more code than they are worth where nobody knows how many.
        let copies = match quads.as_const() {
            None if self.groups.is_some() => 1,
            _ => self.unroll,
        };
        let carried = b.for_unrolled(quads.clone(), copies, &carried, |b, quad, carried| {
            let (codes, acc) = carried.split_at(groups);
            let mut acc = acc.to_vec();
            for k in 0..4 {
                for t in 0..tokens {
                    let x = b.load(self.x, x(t).step(quad, 4).offset(k as u64));
                    accumulate(b, codes, 8 * k, x, &mut acc[t * groups..]);
                }
            }
            shift_all(b, codes, 2).into_iter().chain(acc).collect()
        });
        let carried = b.for_unrolled(single, self.unroll, &carried, |b, k, carried| {
            let (codes, acc) = carried.split_at(groups);
            let mut acc = acc.to_vec();
            for t in 0..tokens {
                let x = b.load(self.x, x(t).offset(quads.clone() * 4).step(k, 1));
                accumulate(b, codes, 0, x, &mut acc[t * groups..]);
            }
            shift_all(b, codes, 8).into_iter().chain(acc).collect()
        });
        carried[groups..].to_vec()
    }
}

/// `sum * scale`, or NaN where the sum is no finite number: nothing after it takes NaN for a number, as
/// softmax takes negative infinity. No constants, which would take registers from the loop.
fn scaled(b: &mut Builder, sum: Value, scale: Option<Value>) -> Value {
    // A sum is never -0.0, so adding 0 changes nothing.
    let sum = not_a_number(b, sum, sum);
    match scale {
        Some(scale) => b.mul(sum, scale),
        None => sum,
    }
}

/// The codes of column `k` of words, and the bit where they are.
fn column(words: &[Word], k: usize) -> (Vec<Value>, usize) {
    let fields = words.iter().map(|word| word.field(k / 4));
    let (codes, places): (Vec<Value>, Vec<usize>) = fields.unzip();
    let field = places.first().copied().unwrap_or(0);
    (codes, 8 * (k % 4) + 2 * field)
}

fn accumulate(b: &mut Builder, codes: &[Value], bit: usize, x: Value, acc: &mut [Value]) {
    for (codes, acc) in codes.iter().zip(acc) {
        let term = b.trit_select(*codes, bit, x);
        *acc = b.add(*acc, term);
    }
}

fn shift_all(b: &mut Builder, codes: &[Value], bits: u8) -> Vec<Value> {
    codes
        .iter()
        .map(|&c| b.shift(ShiftOp::Right, c, bits))
        .collect()
}
