//! Mean squares and their roots. Squares of numbers above 2^63 are infinite, so a second sum takes
//! the same numbers times 2^-80, and counts where the first is above 2^120. Scaling by a power
//! of two is exact, so it does not show in the result.

use super::quantize::not_a_number;
use crate::ir::{BinaryOp, Builder, Compare, ReduceOp, UnaryOp, Value};
use atome_spec::numerics::{LEAST, SQUARES_DOWN, SQUARES_LIMIT, SQUARES_UP};

/// Sixteen partial sums of the squares, and of the smaller ones.
pub(super) struct Squares([Value; 2]);

impl Squares {
    /// How many values a loop carries for them.
    pub(super) const COUNT: usize = 2;

    pub(super) fn carried(sums: &[Value]) -> Squares {
        Squares([sums[0], sums[1]])
    }

    /// The sums after sixteen more terms.
    pub(super) fn add(self, b: &mut Builder, term: Value) -> [Value; 2] {
        let square = b.mul(term, term);
        let down = b.splat_f32(SQUARES_DOWN);
        let less = b.mul(term, down);
        let less = b.mul(less, less);
        [b.add(self.0[0], square), b.add(self.0[1], less)]
    }

    /// The mean over `count` terms.
    pub(super) fn mean(self, b: &mut Builder, count: Value) -> MeanSquare {
        let [sum, less] = self.0.map(|sums| b.reduce(ReduceOp::Add, sums));
        let limit = b.f32(SQUARES_LIMIT);
        // Not where it is NaN either.
        let fits = b.compare(Compare::Le, sum, limit);
        let sum = b.select(fits, sum, less);
        MeanSquare {
            value: b.div(sum, count),
            fits,
        }
    }
}

/// A mean of squares, or 2^-160 of it.
#[derive(Clone, Copy)]
pub(super) struct MeanSquare {
    pub value: Value,
    fits: Value,
}

impl MeanSquare {
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
