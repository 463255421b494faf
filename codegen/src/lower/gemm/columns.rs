//! Columns of a row that int8 activations multiply in one go: words that have all their columns, and what is left.

use super::groups::Groups;
use super::int8::{Gemm, PER_WORD};
use super::walk::{Place, Rows, Tokens};
use super::word::Word;
use crate::ir::{Builder, ShiftOp, Size, Value};
use crate::lower::any;
use atome_spec::Packing;

/// Some columns of a row.
pub(super) struct Columns {
    pub(super) first: Place,
    /// Words that have all their columns.
    pub(super) full: Size,
    /// Quads of the word after them; what is left of it only pads.
    pub(super) rest: Size,
}

impl Gemm {
    /// All columns: activations are padded to whole words of int2, which so has no rest.
    pub(super) fn all(&self) -> Columns {
        let cols = self.word_quads() * PER_WORD;
        let (full, rest) = match self.packing {
            Packing::Int2 | Packing::Sorted => (self.cols.clone().div_ceil(cols), Size::ZERO),
            Packing::Base3 => {
                let rest = self.cols.clone().rem(cols);
                (self.cols.clone().div(cols), rest.div_ceil(PER_WORD))
            }
        };
        Columns {
            first: Place::first(),
            full,
            rest,
        }
    }

    /// Those of a group that has scales, by its number.
    pub(super) fn group(&self, groups: &Groups, number: Value) -> Columns {
        Columns {
            first: groups.place(number, &groups.cols.clone().div(PER_WORD)),
            full: groups.full_words(),
            rest: groups.rest_quads(),
        }
    }

    /// Adds the products of some columns.
    pub(super) fn columns(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        columns: &Columns,
        sums: &[Value],
    ) -> Vec<Value> {
        let sums = self.words(b, rows, tokens, columns, sums);
        self.rest(b, rows, tokens, columns, &sums)
    }

    /// Adds the products of the words that have all their columns.
    fn words(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        columns: &Columns,
        sums: &[Value],
    ) -> Vec<Value> {
        b.for_loop(columns.full.clone(), sums, |b, word, sums| {
            let place = columns.first.clone().step(word, 1, self.word_quads());
            let codes = self.load_codes(b, rows, &place.word.times(&rows.stride));
            let mut sums = sums.to_vec();
            let mut q = 0;
            while q < self.quads() {
                let count = self.product.quads_from(q);
                let x = place.x.clone().offset(q as u64);
                self.quad(b, tokens, &codes, (q, count), &x, &mut sums);
                q += count;
            }
            sums
        })
    }

    /// Adds the products of what is left of the columns: as many quads of a word as there are.
    fn rest(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        columns: &Columns,
        sums: &[Value],
    ) -> Vec<Value> {
        let (quads, rest) = (self.word_quads(), &columns.rest);
        let last = columns.first.clone().offset(&columns.full, quads);
        if self.groups.is_some() {
            return self.rest_of_group(b, rows, tokens, (&last, rest), sums);
        }
        b.for_loop(any(rest.clone(), quads), sums, |b, _, sums| {
            let codes = self.load_codes(b, rows, &last.word.times(&rows.stride));
            let mut sums = sums.to_vec();
            for q in 0..self.quads() {
                let codes = self.product.codes(b, &codes, q);
                let there = any(rest.clone().sub(q as u64), quads);
                sums = b.for_loop(there, &sums, |b, _, sums| {
                    let mut sums = sums.to_vec();
                    let x = last.x.clone().offset(q as u64);
                    let x = self.activations(b, tokens, 1, &x);
                    self.add(b, &codes, q, &x, &mut sums);
                    sums
                });
            }
            sums
        })
    }

    /// Adds the products of a group's last word, of which there are one to four quads: each comes down to the lowest field, so
    /// that there is one code for all, small beside that of full words. Sums of 16 bits have room for them: a part has a full
    /// word less than they hold.
    fn rest_of_group(
        &self,
        b: &mut Builder,
        rows: &Rows,
        tokens: &Tokens<'_>,
        (last, rest): (&Place, &Size),
        sums: &[Value],
    ) -> Vec<Value> {
        if *rest == Size::ZERO {
            return sums.to_vec();
        }
        let words = self.load_codes(b, rows, &last.word.times(&rows.stride));
        let fields = words.iter().map(|word| word.field(0).0);
        let carried: Vec<Value> = fields.chain(sums.iter().copied()).collect();
        let copies = rest.as_const().map_or(1, |quads| quads as u32);
        let carried = b.for_unrolled(rest.clone(), copies, &carried, |b, quad, carried| {
            let (fields, sums) = carried.split_at(words.len());
            let mut sums = sums.to_vec();
            let words: Vec<Word> = fields.iter().map(|f| Word::of_fields(*f)).collect();
            let x = last.x.clone().step(quad, 1);
            self.quad(b, tokens, &words, (0, 1), &x, &mut sums);
            let next = fields.iter().map(|f| b.shift(ShiftOp::Right, *f, 2));
            next.collect::<Vec<Value>>()
                .into_iter()
                .chain(sums)
                .collect()
        });
        carried[words.len()..].to_vec()
    }
}
