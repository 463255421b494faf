//! Mean squares and their roots. Squares of numbers above 2^63 are infinite, so where a sum is above 2^120 a second one takes
//! the same numbers times 2^-80. Scaling by a power of two is exact, so it does not show in the result.

use super::quantize::not_a_number;
use crate::ir::{Address, BinaryOp, Builder, Compare, Lanes, ReduceOp, Size, UnaryOp, Value};
use atome_spec::numerics::{LEAST, SQUARES_DOWN, SQUARES_LIMIT, SQUARES_UP};

/// Gives the terms of some columns of a row.
pub(super) type Terms<'t> = &'t dyn Fn(&mut Builder, &Address, &Lanes) -> Value;

/// Sixteen partial sums of squares after sixteen more terms.
pub(super) fn add_squares(b: &mut Builder, sums: Value, terms: Value) -> Value {
    let squares = b.mul(terms, terms);
    b.add(sums, squares)
}

/// A mean of squares, or 2^-160 of it.
#[derive(Clone, Copy)]
pub(super) struct MeanSquare {
    pub value: Value,
    fits: Value,
}

impl MeanSquare {
    /// That of a row's terms, `width` of them; `count` is their number.
    pub(super) fn of_row(
        b: &mut Builder,
        (width, count): (&Size, Value),
        terms: Terms<'_>,
    ) -> MeanSquare {
        let zeros = b.splat_f32(0.0);
        let sums = b.for_each_vector(width, &[zeros], |b, at, lanes, sums| {
            let terms = terms(b, &at, &lanes);
            vec![add_squares(b, sums[0], terms)]
        });
        MeanSquare::of_sums(b, sums[0], (width, count), terms)
    }

    /// That of a row's terms whose squares were added up.
    pub(super) fn of_sums(
        b: &mut Builder,
        sums: Value,
        (width, count): (&Size, Value),
        terms: Terms<'_>,
    ) -> MeanSquare {
        let sum = b.reduce(ReduceOp::Add, sums);
        let limit = b.f32(SQUARES_LIMIT);
        // Not where it is NaN either.
        let fits = b.compare(Compare::Le, sum, limit);
        let one = b.i32(1);
        let exceeds = b.add(fits, one);
        let sums = b.when(exceeds, &[sum], |b, _| {
            let (zeros, down) = (b.splat_f32(0.0), b.splat_f32(SQUARES_DOWN));
            let less = b.for_each_vector(width, &[zeros], |b, at, lanes, sums| {
                let terms = terms(b, &at, &lanes);
                let less = b.mul(terms, down);
                vec![add_squares(b, sums[0], less)]
            });
            vec![b.reduce(ReduceOp::Add, less[0])]
        });
        MeanSquare {
            value: b.div(sums[0], count),
            fits,
        }
    }

    /// `eps`, as far as it counts beside the mean.
    pub(super) fn eps(self, b: &mut Builder, eps: Value) -> Value {
        let least = b.f32(LEAST);
        b.select(self.fits, eps, least)
    }

    /// A number whose square is compared with the mean.
    pub(super) fn down(self, b: &mut Builder, x: Value) -> Value {
        let (one, down) = (b.f32(1.0), b.f32(SQUARES_DOWN));
        let down = b.select(self.fits, one, down);
        b.mul(x, down)
    }

    /// The mean less the square of `x`, not below 0; NaN stays.
    pub(super) fn without(self, b: &mut Builder, x: Value) -> MeanSquare {
        let less = self.down(b, x);
        let less = b.mul(less, less);
        let value = b.sub(self.value, less);
        let zero = b.f32(0.0);
        let value = b.binary(BinaryOp::Max, zero, value);
        MeanSquare { value, ..self }
    }

    /// `sqrt(value + eps)`, at most the greatest finite number; NaN of a mean that is none.
    pub(super) fn root(self, b: &mut Builder, eps: Value) -> Value {
        let eps = self.eps(b, eps);
        let shifted = b.add(self.value, eps);
        let root = b.unary(UnaryOp::Sqrt, shifted);
        let (one, up) = (b.f32(1.0), b.f32(SQUARES_UP));
        let up = b.select(self.fits, one, up);
        let root = b.mul(root, up);
        let most = b.f32(f32::MAX);
        let root = b.binary(BinaryOp::Min, most, root);
        not_a_number(b, self.value, root)
    }
}
