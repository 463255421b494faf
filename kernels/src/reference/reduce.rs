use atome_spec::LANES;

/// Sixteen partial results of a reduction: element `i` goes into partial `i mod 16`, and a
/// fixed tree folds the partials. So a vector unit of any width gives the same bits.
pub(super) struct Partials([f32; LANES]);

impl Partials {
    /// These partials.
    pub(super) const fn of(partials: [f32; LANES]) -> Partials {
        Partials(partials)
    }

    /// Every partial at `start`.
    pub(super) const fn new(start: f32) -> Partials {
        Partials([start; LANES])
    }

    /// Combines the partial of element `i` with `x`.
    pub(super) fn push(&mut self, i: usize, x: f32, combine: impl Fn(f32, f32) -> f32) {
        let partial = &mut self.0[i % LANES];
        *partial = combine(*partial, x);
    }

    /// Folds partials `l` and `l + 8`, then `l + 4`, `l + 2` and `l + 1`; the lower one is
    /// the left operand.
    pub(super) fn fold(mut self, combine: impl Fn(f32, f32) -> f32) -> f32 {
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for l in 0..width {
                self.0[l] = combine(self.0[l], self.0[l + width]);
            }
        }
        self.0[0]
    }
}

/// The sum of terms in the order of [`Partials`], from +0.0.
pub(super) fn sum(terms: impl Iterator<Item = f32>) -> f32 {
    let mut partials = Partials::new(0.0);
    for (i, term) in terms.enumerate() {
        partials.push(i, term, |a, b| a + b);
    }
    partials.fold(|a, b| a + b)
}

/// `x - x`: 0, or NaN where `x` is no finite number.
pub(super) fn fault(x: f32) -> f32 {
    if x.is_finite() { 0.0 } else { f32::NAN }
}

/// The greatest element in the order of [`Partials`], from negative infinity.
pub(super) fn max(x: &[f32]) -> f32 {
    let greater = |a, b| if a > b { a } else { b };
    let mut partials = Partials::new(f32::NEG_INFINITY);
    for (i, x) in x.iter().enumerate() {
        partials.push(i, *x, greater);
    }
    partials.fold(greater)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_the_stated_one() {
        // 2^24 swallows each single 1, but not their sum: lane 0 meets 8, 4, 2, 1 in turn.
        let mut x = [0.0; LANES];
        x[0] = 16_777_216.0;
        x[8] = 1.0;
        x[4] = 1.0;
        x[12] = 1.0;
        // 0 + 8 rounds to 2^24; 4 + 12 is 2; their sum is exact.
        assert_eq!(sum(x.into_iter()), 16_777_218.0);
        x.swap(8, 12);
        x[12] = 0.0;
        // 0 + 8 rounds, then 0 + 4 rounds.
        assert_eq!(sum(x.into_iter()), 16_777_216.0);
    }

    #[test]
    fn elements_sixteen_apart_share_a_partial() {
        let mut x = [0.0; 40];
        (x[3], x[19], x[35]) = (16_777_216.0, 1.0, 1.0);
        assert_eq!(sum(x.into_iter()), 16_777_216.0);
        (x[19], x[35], x[20], x[36]) = (0.0, 0.0, 1.0, 1.0);
        assert_eq!(sum(x.into_iter()), 16_777_218.0);
    }

    #[test]
    fn reductions_of_nothing() {
        assert_eq!(sum([].into_iter()).to_bits(), 0);
        assert_eq!(max(&[]), f32::NEG_INFINITY);
        assert_eq!(sum([-0.0].into_iter()).to_bits(), 0);
    }
}
