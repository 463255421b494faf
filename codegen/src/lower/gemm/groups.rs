//! Matrices whose groups of columns have scales of their own: each group's sum is scaled and added to what the result is so
//! far, where it is kept. A tile's sums so have the registers for themselves.

use super::walk::{Place, Rows, Tokens};
use super::{GROUP_STEP, Shape, group_words};
use crate::ir::{Address, Buffer, Builder, Size, Value};
use crate::lower::Lowering;
use atome_spec::layout::word_cols;

/// The scales, and where groups begin.
pub(super) struct Groups {
    pub(super) scales: Buffer,
    /// Groups of a row.
    pub(super) count: Size,
    /// Columns of a group.
    pub(super) cols: Size,
    /// Its words.
    pub(super) words: Size,
    /// Columns of a word.
    word_cols: u64,
}

/// Columns that are multiplied together.
const QUAD: u64 = 4;

/// A sum for each token and 16 rows, and what it is multiplied by besides the scale of its weights.
pub(super) type Sums = Vec<(Value, Option<Value>)>;

impl Groups {
    /// Those of a shape, if it has such.
    pub(super) fn new(l: &Lowering<'_>, shape: &Shape) -> Option<Groups> {
        let [count, cols] = shape.groups.clone()?;
        let packing = l.dims.packing();
        Some(Groups {
            scales: l.buffer("scales"),
            count,
            words: group_words(packing, &cols),
            cols,
            word_cols: word_cols(packing) as u64,
        })
    }

    /// Words of a group that only have columns of it.
    pub(super) fn full_words(&self) -> Size {
        self.cols.clone().div(self.word_cols)
    }

    /// Quads of a group's last word that are columns of it, where the others only pad.
    pub(super) fn rest_quads(&self) -> Size {
        match GROUP_STEP.is_multiple_of(self.word_cols) {
            true => Size::ZERO,
            false => self.cols.clone().rem(self.word_cols).div(QUAD),
        }
    }

    /// Where the words of a group begin, by its number, and what they are multiplied by: `of_cols` for a group.
    pub(super) fn place(&self, number: Value, of_cols: &Size) -> Place {
        Place {
            word: Address::of(&[(number, self.words.clone())]),
            x: Address::of(&[(number, of_cols.clone())]),
        }
    }

    /// Adds up some tiles of rows, one after the other for each group of columns; `sums` gives those of a tile, by the
    /// number of the group.
    pub(super) fn each(
        &self,
        b: &mut Builder,
        (tiles, tokens): (&[Rows], &Tokens<'_>),
        (out, stride): (Buffer, &Size),
        sums: impl Fn(&mut Builder, &Rows, Value) -> Sums,
    ) {
        let place = |rows: &Rows, t: usize, g: usize| rows.out(g, &tokens.offset(t, stride));
        let zero = b.splat_f32(0.0);
        for rows in tiles {
            for t in 0..tokens.count {
                for g in 0..rows.groups {
                    b.store(out, place(rows, t, g), zero, rows.lanes(g));
                }
            }
        }
        b.for_loop(self.count.clone(), &[], |b, number, _| {
            for rows in tiles {
                let sums = sums(b, rows, number);
                let number = Address::of(&[(number, rows.stride.clone())]);
                let scales: Vec<Value> = (0..rows.groups)
                    .map(|g| b.load_vector(self.scales, rows.scales(g, &number), rows.lanes(g)))
                    .collect();
                for (t, sums) in sums.chunks(rows.groups).enumerate() {
                    for (g, ((sum, factor), scale)) in sums.iter().zip(&scales).enumerate() {
                        let scale = match factor {
                            Some(factor) => b.mul(*factor, *scale),
                            None => *scale,
                        };
                        let part = b.mul(*sum, scale);
                        let old = b.load_vector(out, place(rows, t, g), rows.lanes(g));
                        let new = b.add(old, part);
                        b.store(out, place(rows, t, g), new, rows.lanes(g));
                    }
                }
            }
            vec![]
        });
    }
}
