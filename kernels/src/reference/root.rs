use super::reduce::{fault, sum};
use atome_spec::numerics::{LEAST, SQUARES_DOWN, SQUARES_LIMIT, SQUARES_UP};

/// A mean of squares, or 2^-160 of it where the sum of the squares is above 2^120.
#[derive(Clone, Copy)]
pub(super) struct MeanSquare {
    pub(super) value: f32,
    fits: bool,
}

impl MeanSquare {
    /// Over `width` terms; a sum has 16 partials and the fixed tree.
    pub(super) fn of(terms: impl Iterator<Item = f32> + Clone, width: usize) -> MeanSquare {
        let plain = sum(terms.clone().map(|x| x * x));
        let fits = plain <= SQUARES_LIMIT;
        let less = || sum(terms.map(|x| (x * SQUARES_DOWN) * (x * SQUARES_DOWN)));
        let sum = if fits { plain } else { less() };
        let value = sum / width as f32;
        MeanSquare { value, fits }
    }

    /// `eps`, as far as it counts beside the mean.
    pub(super) fn eps(self, eps: f32) -> f32 {
        if self.fits { eps } else { LEAST }
    }

    /// A number whose square is compared with the mean.
    pub(super) fn down(self, x: f32) -> f32 {
        x * if self.fits { 1.0 } else { SQUARES_DOWN }
    }

    /// The mean less the square of `x`, not below 0; NaN stays.
    pub(super) fn without(self, x: f32) -> MeanSquare {
        let less = self.down(x);
        let value = self.value - less * less;
        let value = if 0.0 > value { 0.0 } else { value };
        MeanSquare { value, ..self }
    }

    /// `sqrt(value + eps)`, at most the greatest finite number; NaN of a mean that is none.
    pub(super) fn root(self, eps: f32) -> f32 {
        let up = if self.fits { 1.0 } else { SQUARES_UP };
        let root = limited(libm::sqrtf(self.value + self.eps(eps)) * up);
        root + fault(self.value)
    }
}

/// The smaller of a number and the greatest finite one; NaN stays.
pub(super) fn limited(x: f32) -> f32 {
    if f32::MAX < x { f32::MAX } else { x }
}
