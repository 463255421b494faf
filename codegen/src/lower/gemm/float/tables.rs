//! Tables of activations that are made once for many rows and stay in the first cache: what a column's two bits of a
//! code make of its activation, by the first or the second code of the four bits that a look-up reads. They are made
//! for some columns at a time, and sums are meanwhile where the result will be.

use super::{Gemm, column, scaled};
use crate::ir::{BinaryOp, Buffer, Builder, Compare, Elem, Lanes, ShiftOp, Size, UnaryOp, Value};
use crate::lower::any;
use crate::lower::gemm::walk::{Place, Rows, Tile, Tokens, Walk};
use atome_spec::LANES;
use atome_spec::layout::{BLOCK_ROWS, WORD_COLS};

const LANES_U64: u64 = LANES as u64;
const WORD_COLS_U64: u64 = WORD_COLS as u64;
/// Elements of the tables of a word.
const WORD_LEN: u64 = WORD_COLS_U64 * LANES_U64;
/// Blocks of rows for which the tables of one token are made: of fewer, each makes its own in registers in less time.
const BLOCKS_OF_ONE: u64 = 8;
/// More blocks of rows than there are.
const MOST_BLOCKS: u64 = 1 << 40;
/// Elements of all tables: 16 KB, half of a first cache or less.
const LEN: u64 = 4096;

/// The memory of a product, and what tables are made with.
pub(super) struct Tables {
    /// The activations of a part of the columns, and zeros to a whole word.
    x: Buffer,
    /// `[token][word][column][entry]`, as bits.
    tables: Buffer,
    /// Words of a part of the columns.
    words: u64,
    /// For the first and the second code of an entry: the sign bit where it is 0.
    signs: [Value; 2],
    /// All bits where it is 0 or 2.
    kept: [Value; 2],
}

impl Tables {
    /// Those of a tile of so many tokens.
    fn new(b: &mut Builder, tokens: usize) -> Tables {
        let words = (LEN / WORD_LEN / tokens as u64).max(1);
        let entry = b.iota();
        let second = b.shift(ShiftOp::Right, entry, 2);
        let of = [entry, second].map(|entry| {
            let [zero, one, three] = [0, 1, 3].map(|n| b.splat_i32(n));
            let code = b.and(entry, three);
            let odd = b.and(entry, one);
            let sign = b.splat_i32(i32::MIN);
            let is_minus = b.compare(Compare::Eq, code, zero);
            (b.and(is_minus, sign), b.compare(Compare::Eq, odd, zero))
        });
        Tables {
            x: b.scratch("columns", Elem::F32, words * WORD_COLS_U64),
            tables: b.scratch("tables", Elem::I32, tokens as u64 * words * WORD_LEN),
            words,
            signs: of.map(|(signs, _)| signs),
            kept: of.map(|(_, kept)| kept),
        }
    }

    /// The whole product: by tables where there are blocks of rows enough for them.
    pub(super) fn run(b: &mut Builder, gemm: &Gemm, walk: &Walk) {
        let blocks = walk.rows.clone().div(BLOCK_ROWS as u64);
        let fewest = if walk.token_tile == 1 {
            BLOCKS_OF_ONE
        } else {
            2
        };
        let many = any(blocks.clone().sub(fewest - 1), MOST_BLOCKS);
        let not_many = (many.clone() + Size::ONE).rem(2);
        b.for_loop(many, &[], |b, _, _| {
            let tables = Tables::new(b, walk.token_tile);
            walk.each_tokens(b, &|b, tokens| tables.tokens(b, gemm, walk, tokens));
            vec![]
        });
        let tile: &Tile<'_> = &|b, rows, tokens| gemm.tile(b, rows, tokens);
        let all = (Size::ZERO, walk.tokens.clone());
        b.for_loop(any(blocks, MOST_BLOCKS) * not_many, &[], |b, _, _| {
            walk.full_blocks(b, all, tile);
            vec![]
        });
        walk.last_block(b, tile);
    }

    fn tokens(&self, b: &mut Builder, gemm: &Gemm, walk: &Walk, tokens: &Tokens<'_>) {
        let zero = b.splat_f32(0.0);
        walk.each_block(b, &|b, rows| {
            gemm.store(b, rows, tokens, &|_, _| zero);
        });
        let of_part = self.words * WORD_COLS_U64;
        let full = gemm.cols.clone().div(of_part);
        b.for_loop(full.clone(), &[], |b, part, _| {
            let place = Place::first().step(part, self.words, WORD_COLS_U64);
            self.part(b, (gemm, walk), tokens, (&place, &of_part.into()));
            vec![]
        });
        let rest = gemm.cols.clone().rem(of_part);
        b.for_loop(any(rest.clone(), of_part), &[], |b, _, _| {
            let place = Place::first().offset(&(full * self.words), WORD_COLS_U64);
            self.part(b, (gemm, walk), tokens, (&place, &rest));
            vec![]
        });
        walk.each_block(b, &|b, rows| {
            let sums = gemm.load(b, rows, tokens);
            gemm.store(b, rows, tokens, &|b, i| scaled(b, sums[i], gemm.scale));
        });
    }

    /// Adds the products of so many columns from a place on.
    fn part(
        &self,
        b: &mut Builder,
        (gemm, walk): (&Gemm, &Walk),
        tokens: &Tokens<'_>,
        (place, cols): (&Place, &Size),
    ) {
        let words = cols.clone().div_ceil(WORD_COLS_U64);
        for t in 0..tokens.count {
            self.make(b, gemm, (tokens, t), (place, cols));
        }
        walk.each_block(b, &|b, rows| {
            let sums = gemm.load(b, rows, tokens);
            let sums = b.for_loop(words.clone(), &sums, |b, word, sums| {
                self.word(b, gemm, rows, tokens.count, (place, word), sums)
            });
            gemm.store(b, rows, tokens, &|_, i| sums[i]);
        });
    }

    /// The tables of a token.
    fn make(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        (tokens, t): (&Tokens<'_>, usize),
        (place, cols): (&Place, &Size),
    ) {
        let from = tokens.offset(t, &gemm.cols).plus(&place.x);
        let whole = cols.clone().div(WORD_COLS_U64);
        b.for_loop(whole.clone(), &[], |b, word, _| {
            let at = from.clone().step(word, WORD_COLS_U64);
            let x = b.load_vector(gemm.x, at, Lanes::All);
            b.store(
                self.x,
                Place::first().step(word, 1, WORD_COLS_U64).x,
                x,
                Lanes::All,
            );
            vec![]
        });
        let rest = cols.clone().rem(WORD_COLS_U64);
        b.for_loop(any(rest.clone(), WORD_COLS_U64), &[], |b, _, _| {
            let at = whole.clone() * WORD_COLS_U64;
            let x = from.clone().offset(at.clone());
            let x = b.load_vector(gemm.x, x, Lanes::First(rest));
            b.store(self.x, Place::first().x.offset(at), x, Lanes::All);
            vec![]
        });
        let words = cols.clone().div_ceil(WORD_COLS_U64);
        b.for_loop(words, &[], |b, word, _| {
            let place = Place::first().step(word, WORD_LEN, 1);
            let x = Place::first().step(word, 1, WORD_COLS_U64).x;
            for k in 0..WORD_COLS {
                let second = k / 4 % 2;
                let x = b.load(self.x, x.clone().offset(k as u64));
                let x = b.splat(x);
                let x = b.unary(UnaryOp::ToBits, x);
                let signed = b.binary(BinaryOp::Xor, x, self.signs[second]);
                let table = b.and(signed, self.kept[second]);
                let at = place.word.clone().offset(self.at(t, k));
                b.store(self.tables, at, table, Lanes::All);
            }
            vec![]
        });
    }

    /// The sums with the products of a word.
    fn word(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        rows: &Rows,
        tokens: usize,
        (place, word): (&Place, Value),
        sums: &[Value],
    ) -> Vec<Value> {
        let of_word = place.clone().step(word, 1, WORD_COLS_U64).word;
        let words = gemm.load_words(b, rows, of_word.times(&rows.stride));
        let table = Place::first().step(word, WORD_LEN, 1).word;
        let mut sums = sums.to_vec();
        for k in 0..WORD_COLS {
            let (codes, bit) = column(&words, k);
            for t in 0..tokens {
                let at = table.clone().offset(self.at(t, k));
                let table = b.load_vector(self.tables, at, Lanes::All);
                for (codes, sum) in codes.iter().zip(&mut sums[t * rows.groups..]) {
                    // Two codes from the first of them on.
                    let term = b.lookup(table, *codes, bit as u8 & !3);
                    let term = b.unary(UnaryOp::FromBits, term);
                    *sum = b.add(*sum, term);
                }
            }
        }
        sums
    }

    /// Where the table of a token's column `k` is in its word's.
    fn at(&self, t: usize, k: usize) -> u64 {
        t as u64 * self.words * WORD_LEN + k as u64 * LANES_U64
    }
}
