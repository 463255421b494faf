//! What the bytes of a row are measured by: its root, the greatest magnitude of its products, and what that lacks.

use super::pairs::{limited, two_product};
use crate::ir::{
    Address, BinaryOp, Buffer, Builder, Compare, Lanes, ReduceOp, Size, UnaryOp, Value,
};
use crate::lower::quantize::{BLOCK, not_a_number};
use crate::lower::root::{MeanSquare, add_squares};

/// Half a unit in the last place of the number 1.
const HALF_ULP: f32 = f32::EPSILON / 2.0;

/// The inputs.
pub(super) struct Row {
    pub(super) x: Buffer,
    pub(super) gamma: Buffer,
    pub(super) width: Size,
}

impl Row {
    pub(super) fn load(
        &self,
        b: &mut Builder,
        row: Value,
        at: &Address,
        lanes: &Lanes,
    ) -> (Value, Value) {
        let x = at.clone().step(row, self.width.clone());
        let x = b.load_vector(self.x, x, lanes.clone());
        (x, b.load_vector(self.gamma, at.clone(), lanes.clone()))
    }

    /// The root of a row's mean square, NaN where a product is no finite number, and the greatest magnitude
    /// of a product.
    pub(super) fn sums(
        &self,
        b: &mut Builder,
        row: Value,
        count: Value,
        eps: Value,
    ) -> (Value, Value) {
        let zero = b.splat_f32(0.0);
        let sums = b.for_each_vector(&self.width, &[zero; 3], |b, at, lanes, sums| {
            let (x, gamma) = self.load(b, row, &at, &lanes);
            let squares = add_squares(b, sums[0], x);
            let product = b.mul(x, gamma);
            let fault = not_a_number(b, product, sums[1]);
            let product = b.unary(UnaryOp::Abs, product);
            let greatest = b.binary(BinaryOp::Max, product, sums[2]);
            vec![squares, fault, greatest]
        });
        let x = |b: &mut Builder, at: &Address, lanes: &Lanes| self.load(b, row, at, lanes).0;
        let square = MeanSquare::of_sums(b, sums[0], (&self.width, count), &x);
        let root = square.root(b, eps);
        let fault = b.reduce(ReduceOp::Add, sums[1]);
        let greatest = b.reduce(ReduceOp::Max, sums[2]);
        (b.add(root, fault), limited(b, greatest))
    }

    /// What the greatest magnitude is short of the exact product, the most of all that round to it.
    pub(super) fn lower_half_of_greatest(
        &self,
        b: &mut Builder,
        row: Value,
        greatest: Value,
    ) -> Value {
        let least = b.f32(-HALF_ULP);
        let least = b.mul(greatest, least);
        let all = Greatest {
            row: self,
            number: row,
            value: b.splat(greatest),
            least: b.splat(least),
        };
        let blocks = self.width.clone().div(BLOCK);
        let lower = b.for_loop(blocks.clone(), &[all.least], |b, block, best| {
            let first = Address::of(&[(block, BLOCK.into())]);
            let most = all.most(b, &first);
            let has_greatest = b.compare(Compare::Le, greatest, most);
            b.when(has_greatest, best, |b, best| {
                all.lower_halves(b, &first, &BLOCK.into(), best[0])
            })
        });
        let (first, rest) = (blocks * BLOCK, self.width.clone().rem(BLOCK));
        let lower = all.lower_halves(b, &Address::at(first), &rest, lower[0]);
        b.reduce(ReduceOp::Max, lower[0])
    }
}

/// The greatest magnitude of a row's products.
struct Greatest<'r> {
    row: &'r Row,
    /// Which row it is.
    number: Value,
    value: Value,
    /// The least that a lower half of it may be.
    least: Value,
}

impl Greatest<'_> {
    /// The greatest magnitude of 64 columns.
    fn most(&self, b: &mut Builder, first: &Address) -> Value {
        let mut most = b.splat_f32(0.0);
        for vector in 0..4 {
            let at = first.clone().offset(vector * BLOCK / 4);
            let (x, gamma) = self.row.load(b, self.number, &at, &Lanes::All);
            let product = b.mul(x, gamma);
            let product = b.unary(UnaryOp::Abs, product);
            most = b.binary(BinaryOp::Max, product, most);
        }
        b.reduce(ReduceOp::Max, most)
    }

    /// The greatest of `best` and the lower halves of those of some columns that are the greatest.
    fn lower_halves(
        &self,
        b: &mut Builder,
        first: &Address,
        columns: &Size,
        best: Value,
    ) -> Vec<Value> {
        b.for_each_vector(columns, &[best], |b, at, lanes, best| {
            let (x, gamma) = self.row.load(b, self.number, &at.plus(first), &lanes);
            let (x, gamma) = (b.unary(UnaryOp::Abs, x), b.unary(UnaryOp::Abs, gamma));
            let (upper, lower) = two_product(b, x, gamma);
            let is_greatest = b.compare(Compare::Eq, upper, self.value);
            let lower = b.select(is_greatest, lower, self.least);
            vec![b.binary(BinaryOp::Max, lower, best[0])]
        })
    }
}
