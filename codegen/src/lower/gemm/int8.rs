//! int8 activations: exact i32 sums, scaled once.
//!
//! A quad is four columns whose codes are in the same place of the four bytes of a code word:
//! a word of activations. `product` turns quads into sums, by one method or another.

use super::Shape;
use super::columns::Columns;
use super::groups::{Groups, Sums};
use super::panel::Panel;
use super::product::{Codes, Product};
use super::tables::Tables;
use super::walk::{Rows, Tokens, Walk};
use super::word::Word;
use crate::ir::{Address, BinaryOp, Buffer, Builder, Lanes, Size, UnaryOp, Value};
use crate::lower::Lowering;
use crate::lower::quantize::row_words;
use crate::schedule::{Fields, Schedule};
use atome_spec::{LANES, Packing, layout};

/// Words of a part of the columns, where sums would hold more: 4 KB of a block of rows.
const PART_WORDS: u64 = 16;
/// Activations in a word.
pub(super) const PER_WORD: u64 = 4;

pub(super) fn lower(l: &mut Lowering<'_>, shape: Shape) {
    let packing = l.dims.packing();
    let words = shape.words(packing);
    let x_words = row_words(&shape.cols);
    let tokens = shape.tokens.clone();
    let names = ["w", "x", "x_scale", "x_sum", "out"];
    let [w, x, x_scale, x_sum, out] = names.map(|name| l.buffer(name));
    let groups = Groups::new(l, &shape);
    let scale = groups.is_none().then(|| l.scalar("scale"));
    let scales = shape.scales();
    let grouped = shape.groups.is_some();
    let panel = (l.schedule.fields() == Fields::Panel).then(|| Panel::new(&mut l.b, grouped));
    let one_token = shape.tokens == Size::ONE;
    // Tables are for whole blocks of rows; without one their memory is not asked for.
    let rows = shape.rows.as_const();
    let has_block = rows.is_none_or(|rows| rows >= layout::BLOCK_ROWS as u64) && groups.is_none();
    let fields = l.schedule.fields();
    let tables = has_block.then(|| Tables::new(&mut l.b, fields, one_token));
    let tables = tables.flatten();
    let b = &mut l.b;
    let gemm = Gemm {
        packing,
        w,
        x,
        x_scale,
        x_sum,
        out,
        scale,
        groups,
        cols: shape.cols,
        words: words.clone(),
        x_words,
        out_stride: shape.out_stride,
        schedule: *l.schedule,
        product: Product::new(l.schedule, packing),
        prefetch_words: l.schedule.prefetch_words(),
    };
    // Memory that is asked for ahead is read as one stream: see `Gemm::by_parts`.
    let streams = gemm.product.sums_codes() && gemm.prefetch_words > 0;
    let row_groups = match l.schedule.tokens() {
        1 if streams => layout::BLOCK_ROWS / LANES,
        _ => l.schedule.row_groups(),
    };
    let walk = Walk {
        rows: shape.rows,
        words,
        groups: scales,
        tokens,
        row_groups,
        token_tile: l.schedule.tokens(),
    };
    let tile = |b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>| gemm.tile(b, rows, tokens);
    match (panel, tables) {
        (Some(panel), _) => panel.run(b, &gemm, &walk, &tile),
        (None, Some(tables)) => tables.run(b, &gemm, &walk, &tile),
        (None, None) => walk.run(b, &tile),
    }
}

pub(super) struct Gemm {
    pub(super) packing: Packing,
    pub(super) w: Buffer,
    pub(super) x: Buffer,
    x_scale: Buffer,
    x_sum: Buffer,
    pub(super) out: Buffer,
    /// Of the whole matrix.
    scale: Option<Value>,
    /// Of groups of columns.
    pub(super) groups: Option<Groups>,
    pub(super) cols: Size,
    /// Words of a row.
    words: Size,
    /// Words of activations a token.
    pub(super) x_words: Size,
    pub(super) out_stride: Size,
    schedule: Schedule,
    pub(super) product: Product,
    prefetch_words: u64,
}

impl Gemm {
    /// One tile over all columns: for each token and group as many sums as the method asks for.
    fn tile(&self, b: &mut Builder, rows: &Rows, tokens: &Tokens<'_>) {
        if let Some(groups) = &self.groups {
            return self.grouped(b, groups, rows, tokens);
        }
        let totals = match self.product.words_held() {
            Some(held) => self.by_parts(b, rows, tokens, held),
            None if rows.groups > self.schedule.row_groups() => {
                self.by_parts(b, rows, tokens, PART_WORDS)
            }
            None => {
                let all = self.all();
                let none = self.product.none(b, tokens.count * rows.groups);
                self.columns(b, rows, tokens, &all, &none)
            }
        };
        let each = rows.groups * self.product.totals();
        for (t, totals) in totals.chunks(each).enumerate() {
            self.finish(b, rows, tokens, t, totals);
        }
    }

    /// The totals of a tile, so many words of the columns at a time. Of one token, a part of the columns
    /// is multiplied by one tile of rows after the other, so that memory is read as one stream
    /// though few rows have their sums in registers.
    fn by_parts(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        words: u64,
    ) -> Vec<Value> {
        let tiles = match tokens.count {
            1 => rows.tiles(self.schedule.row_groups()),
            _ => vec![rows.clone()],
        };
        self.parts_of(b, (&tiles, rows.groups), tokens, &self.all(), words)
    }

    /// The totals of some columns, so many words at a time.
    fn parts_of(
        &self,
        b: &mut Builder,
        (tiles, row_groups): (&[Rows], usize),
        tokens: &Tokens<'_>,
        columns: &Columns,
        words: u64,
    ) -> Vec<Value> {
        let parts = columns.full.clone().div(words);
        let none = self.product.none(b, tokens.count * row_groups);
        let totals = b.for_loop(parts.clone(), &none, |b, part, totals| {
            let part = Columns {
                first: columns.first.clone().step(part, words, self.word_quads()),
                full: words.into(),
                rest: Size::ZERO,
            };
            self.part(b, tiles, tokens, &part, totals)
        });
        let last = Columns {
            first: (columns.first.clone()).offset(&(parts * words), self.word_quads()),
            full: columns.full.clone().rem(words),
            rest: columns.rest.clone(),
        };
        self.part(b, tiles, tokens, &last, &totals)
    }

    /// A tile of a matrix whose groups of columns have scales. Of one token, tiles are as small as their sums ask for, and
    /// memory is read as one stream.
    fn grouped(&self, b: &mut Builder, groups: &Groups, rows: &Rows, tokens: &Tokens<'_>) {
        let out = (self.out, &self.out_stride);
        let tiles = match tokens.count {
            1 => rows.tiles(self.schedule.row_groups()),
            _ => vec![rows.clone()],
        };
        groups.each(b, (&tiles, tokens), out, |b, rows, number| {
            let of_token = |t: usize| tokens.offset(t, &groups.count).step(number, 1);
            let columns = self.group(groups, number);
            let scales = (0..tokens.count).map(|t| self.scale_of(b, &of_token(t)));
            let scales: Vec<(Value, Option<Value>)> = scales.collect();
            let totals = match self.product.words_held() {
                Some(held) => {
                    let tile = (std::slice::from_ref(rows), rows.groups);
                    self.parts_of(b, tile, tokens, &columns, held)
                }
                None => {
                    let none = self.product.none(b, tokens.count * rows.groups);
                    self.columns(b, rows, tokens, &columns, &none)
                }
            };
            let each = rows.groups * self.product.totals();
            let mut numbers = Sums::new();
            for (totals, (factor, excess)) in totals.chunks(each).zip(scales) {
                for sums in totals.chunks(self.product.totals()) {
                    numbers.push((self.number(b, sums, excess), Some(factor)));
                }
            }
            numbers
        });
    }

    /// Adds the products of a part of the columns to the totals.
    fn part(
        &self,
        b: &mut Builder,
        tiles: &[Rows],
        tokens: &Tokens<'_>,
        columns: &Columns,
        totals: &[Value],
    ) -> Vec<Value> {
        let mut totals = totals.iter().copied();
        let mut added = Vec::new();
        for rows in tiles {
            let count = tokens.count * rows.groups * self.product.totals();
            let of_tile: Vec<Value> = totals.by_ref().take(count).collect();
            let begun = self.product.begin(b, &of_tile);
            let sums = self.columns(b, rows, tokens, columns, &begun);
            added.extend(self.product.end(b, &sums, &of_tile));
        }
        added
    }

    /// Quads of a word.
    pub(super) fn quads(&self) -> usize {
        layout::word_cols(self.packing) / PER_WORD as usize
    }

    /// Most quads of a word that has not all its columns: groups are whole quads, so that one is missing at least.
    pub(super) fn rest_quads(&self) -> usize {
        self.quads() - usize::from(self.groups.is_some())
    }

    pub(super) fn word_quads(&self) -> u64 {
        self.quads() as u64
    }

    /// Adds the products of `count` quads from `q` on for every token and group; `x` is the
    /// first one's word of a token's.
    pub(super) fn quad(
        &self,
        b: &mut Builder,
        tokens: &Tokens<'_>,
        words: &[Word],
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
    pub(super) fn activations(
        &self,
        b: &mut Builder,
        tokens: &Tokens<'_>,
        count: usize,
        x: &Address,
    ) -> Vec<Vec<Value>> {
        let of_token = |t| {
            let at = tokens.offset(t, &self.x_words).plus(x);
            let word = |i| b.load(self.x, at.clone().offset(i as u64));
            (0..count).map(word).collect()
        };
        (0..tokens.count).map(of_token).collect()
    }

    pub(super) fn add(
        &self,
        b: &mut Builder,
        codes: &Codes,
        q: usize,
        x: &[Vec<Value>],
        sums: &mut [Value],
    ) {
        let each = codes.len() * self.product.sums();
        for (x, sums) in x.iter().zip(sums.chunks_mut(each)) {
            self.product.add(b, codes, q, x, sums);
        }
    }

    pub(super) fn load_codes(&self, b: &mut Builder, rows: &Rows, word: &Address) -> Vec<Word> {
        let groups = 0..rows.groups;
        groups
            .map(|g| self.load_word(b, rows.codes(g, word)))
            .collect()
    }

    /// The word at an address.
    pub(super) fn load_word(&self, b: &mut Builder, at: Address) -> Word {
        let packed = self.load_packed(b, at);
        Word::new(b, self.packing, packed)
    }

    /// The word at an address as it is.
    pub(super) fn load_packed(&self, b: &mut Builder, at: Address) -> Value {
        if self.prefetch_words > 0 {
            b.prefetch(self.w, at.clone().offset(self.prefetch_words));
        }
        b.load_vector(self.w, at, Lanes::All)
    }

    /// Words of a block of rows.
    pub(super) fn block_words(&self) -> Size {
        self.words.clone() * layout::BLOCK_ROWS as u64
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
        let at = |stride: &Size| tokens.offset(t, stride);
        let (scale, excess) = self.scale_of(b, &at(&Size::ONE));
        let out = at(&self.out_stride);
        for (g, sums) in totals.chunks(self.product.totals()).enumerate() {
            let scaled = self.scaled(b, sums, scale, excess);
            b.store(self.out, rows.out(g, &out), scaled, rows.lanes(g));
        }
    }

    /// What the sums of a token are multiplied by, or those of a group of its columns, and what they exceed those with trits
    /// by.
    pub(super) fn scale_of(&self, b: &mut Builder, token: &Address) -> (Value, Option<Value>) {
        let x_scale = b.load(self.x_scale, token.clone());
        let scale = match self.scale {
            Some(scale) => b.mul(x_scale, scale),
            None => x_scale,
        };
        let scale = b.splat(scale);
        let excess = self.product.sums_codes().then(|| {
            let x_sum = b.load(self.x_sum, token.clone());
            b.splat(x_sum)
        });
        (scale, excess)
    }

    /// The results of a group of rows.
    pub(super) fn scaled(
        &self,
        b: &mut Builder,
        sums: &[Value],
        scale: Value,
        excess: Option<Value>,
    ) -> Value {
        let number = self.number(b, sums, excess);
        b.mul(number, scale)
    }

    /// The products with trits of a group of rows, added up.
    pub(super) fn number(&self, b: &mut Builder, sums: &[Value], excess: Option<Value>) -> Value {
        let mut sum = self.product.total(b, sums);
        if let Some(excess) = excess {
            sum = b.binary(BinaryOp::Sub, sum, excess);
        }
        b.unary(UnaryOp::ToFloat, sum)
    }
}
