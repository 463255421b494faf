//! Logarithmic axes.

/// An axis from one number to another, over pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// From `least` at the pixel `from` to `most` at `to`.
    pub(super) fn new((least, most): (f64, f64), (from, to): (f64, f64)) -> Axis {
        Axis {
            least,
            most,
            from,
            to,
        }
    }

    /// Where a number is.
    pub(super) fn at(&self, x: f64) -> f64 {
        let part = (x / self.least).ln() / (self.most / self.least).ln();
        self.from + part * (self.to - self.from)
    }

    pub(super) fn least(&self) -> f64 {
        self.least
    }

    pub(super) fn most(&self) -> f64 {
        self.most
    }

    /// The powers of a number that are on it.
    pub(super) fn powers(&self, base: f64) -> impl Iterator<Item = f64> {
        let exponent = |x: f64| x.ln() / base.ln();
        let first = (exponent(self.least) - 1e-9).ceil() as i32;
        let last = (exponent(self.most) + 1e-9).floor() as i32;
        (first..=last).map(move |n| base.powi(n))
    }
}

/// The least and the greatest, each rounded outwards to a power of a number.
pub(super) fn around(values: impl Iterator<Item = f64>, base: f64) -> (f64, f64) {
    let (least, most) = values
        .filter(|x| x.is_finite() && *x > 0.0)
        .fold((f64::INFINITY, 0.0f64), |(least, most), x| {
            (least.min(x), most.max(x))
        });
    if most == 0.0 {
        return (1.0, base);
    }
    let exponent = |x: f64| x.ln() / base.ln();
    let first = exponent(least).floor();
    (
        base.powf(first),
        base.powf(exponent(most).ceil().max(first + 1.0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_logarithmic() {
        let axis = Axis::new((1.0, 100.0), (200.0, 0.0));
        assert_eq!(
            [1.0, 10.0, 100.0].map(|x| axis.at(x).round()),
            [200.0, 100.0, 0.0]
        );
        assert_eq!(axis.powers(10.0).collect::<Vec<_>>(), [1.0, 10.0, 100.0]);
        assert_eq!(around([3.0, 40.0].into_iter(), 2.0), (2.0, 64.0));
        assert_eq!(around([8.0].into_iter(), 2.0), (8.0, 16.0));
        assert_eq!(around([f64::NAN, 0.0].into_iter(), 2.0), (1.0, 2.0));
    }
}
