//! The bytes of a row: by plain products, where 64 columns have none near the middle of two bytes, else by pairs.

use super::factor::Factor;
use super::pairs::two_product;
use super::row::Row;
use crate::ir::{Address, Buffer, Builder, Compare, Lanes, ReduceOp, UnaryOp, Value};
use crate::lower::quantize::{BLOCK, Columns, Rounding};

/// The bytes of a row.
pub(super) struct Bytes<'r> {
    pub(super) row: &'r Row,
    /// Which row it is.
    pub(super) number: Value,
    pub(super) factor: Factor,
    pub(super) rounding: Rounding,
    /// Scratch memory for those of 64 columns.
    pub(super) numbers: Buffer,
}

impl Bytes<'_> {
    pub(super) fn of(&self, b: &mut Builder, columns: &Columns) -> [Value; 4] {
        match columns.are_all() {
            true => self.whole(b, columns),
            false => columns
                .vectors()
                .map(|(at, lanes)| self.by_pairs(b, &at, &lanes)),
        }
    }

    fn by_pairs(&self, b: &mut Builder, at: &Address, lanes: &Lanes) -> Value {
        let (x, gamma) = self.row.load(b, self.number, at, lanes);
        let product = two_product(b, x, gamma);
        self.factor.apply(b, &self.rounding, product)
    }

    /// 64 columns, by pairs only if one of them asks for it.
    fn whole(&self, b: &mut Builder, columns: &Columns) -> [Value; 4] {
        let mut sure = b.splat_i32(0);
        let plain = columns.vectors().map(|(at, lanes)| {
            let (x, gamma) = self.row.load(b, self.number, &at, &lanes);
            let product = b.mul(x, gamma);
            let product = b.mul(product, self.factor.upper);
            let (number, rounded) = self.rounding.to_nearest(b, product);
            let left = b.sub(product, rounded);
            let left = b.unary(UnaryOp::Abs, left);
            let is_sure = b.compare(Compare::Le, left, self.factor.surely);
            sure = b.add(sure, is_sure);
            number
        });
        // A mask is -1.
        let all = b.i32(BLOCK as i32);
        let sure = b.reduce(ReduceOp::Add, sure);
        let unsure = b.add(sure, all);
        let numbers = b.when(unsure, &plain, |b, _| {
            b.for_loop(4, &[], |b, i, _| {
                let own = Address::of(&[(i, (BLOCK / 4).into())]);
                let number = self.by_pairs(b, &own.clone().plus(&columns.first), &Lanes::All);
                b.store(self.numbers, own, number, Lanes::All);
                vec![]
            });
            let place = |i| Address::at(i * BLOCK / 4);
            let loaded = [0, 1, 2, 3].map(|i| b.load_vector(self.numbers, place(i), Lanes::All));
            loaded.to_vec()
        });
        [0, 1, 2, 3].map(|i| numbers[i])
    }
}
