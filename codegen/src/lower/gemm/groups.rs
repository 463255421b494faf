//! Matrices whose groups of columns have scales of their own: each group's sum is scaled and added to what the result is so
//! far, where it is kept. A tile's sums so have the registers for themselves.

use super::Shape;
use super::walk::{Rows, Tokens};
use crate::ir::{Address, Buffer, Builder, Size, Value};
use crate::lower::Lowering;

/// The scales, and where groups begin.
pub(super) struct Groups {
    pub(super) scales: Buffer,
    /// Groups of a row.
    pub(super) count: Size,
    /// Words of a group.
    pub(super) words: Size,
}

/// A sum for each token and 16 rows, and what it is multiplied by besides the scale of its weights.
pub(super) type Sums = Vec<(Value, Option<Value>)>;

impl Groups {
    /// Those of a shape, if it has such.
    pub(super) fn new(l: &Lowering<'_>, shape: &Shape) -> Option<Groups> {
        let [count, words] = shape.groups.clone()?;
        Some(Groups {
            scales: l.buffer("scales"),
            count,
            words,
        })
    }

    /// Adds up some tiles of rows, one after the other for each group of columns; `sums` gives those of a tile, by the
    /// first word of the group and its number.
    pub(super) fn each(
        &self,
        b: &mut Builder,
        (tiles, tokens): (&[Rows], &Tokens<'_>),
        (out, stride): (Buffer, &Size),
        sums: impl Fn(&mut Builder, &Rows, &Address, &Address) -> Sums,
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
            let first = Address::of(&[(number, self.words.clone())]);
            for rows in tiles {
                let sums = sums(b, rows, &first, &Address::of(&[(number, Size::ONE)]));
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
