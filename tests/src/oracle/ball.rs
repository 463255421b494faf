//! A number in f64 with how far f32 arithmetic may be from it.

/// Half a step of an f32 beside the number.
const ROUNDING: f64 = 1.0 / (1u32 << 24) as f64;
/// The step of subnormal numbers.
const LEAST: f64 = 1.401_298_464_324_817e-45;
/// Steps by which a numeric function may be off.
const FUNCTION_STEPS: f64 = 8.0;

/// A radius that says nothing of a number, and from which sums are not infinite.
const ANYTHING: f64 = 1e300;

/// What exact arithmetic gives, within f64, and what f32 arithmetic may make of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ball {
    /// The number, infinite or NaN where it is in f64.
    pub mid: f64,
    /// How far an f32 result may be from it.
    pub radius: f64,
    /// The greatest magnitude met on the way: where it is beyond f32, the result may be infinite or NaN.
    pub peak: f64,
}

/// Whether `x` leaves the range of f32, or is NaN.
fn overflows(x: f64) -> bool {
    x.is_nan() || x.abs() > f64::from(f32::MAX)
}

impl Ball {
    /// An f32 as it is.
    pub(super) fn exact(x: f32) -> Ball {
        Ball::known(f64::from(x))
    }

    /// A number that f32 arithmetic is given, and need not hold.
    pub(super) fn known(mid: f64) -> Ball {
        Ball {
            mid,
            radius: 0.0,
            peak: mid.abs(),
        }
    }

    /// A result that is rounded to f32, of operands with these peaks.
    pub(super) fn rounded(mid: f64, radius: f64, peaks: &[f64]) -> Ball {
        // What was lost of infinities says nothing.
        let radius = if radius.is_nan() { ANYTHING } else { radius };
        let own = mid.abs() + radius;
        let peak = peaks
            .iter()
            .fold(own, |m, p| if p.is_nan() || *p > m { *p } else { m });
        let radius = match mid.is_finite() {
            true => radius + ROUNDING * own + LEAST,
            false => 0.0,
        };
        Ball { mid, radius, peak }
    }

    pub(super) fn add(self, other: Ball) -> Ball {
        let peaks = [self.peak, other.peak];
        Ball::rounded(self.mid + other.mid, self.radius + other.radius, &peaks)
    }

    pub(super) fn neg(self) -> Ball {
        Ball {
            mid: -self.mid,
            ..self
        }
    }

    pub(super) fn mul(self, other: Ball) -> Ball {
        let (a, b) = (self, other);
        let radius = a.mid.abs() * b.radius + b.mid.abs() * a.radius + a.radius * b.radius;
        Ball::rounded(a.mid * b.mid, radius, &[a.peak, b.peak])
    }

    /// What nothing is known of.
    pub(super) fn anything() -> Ball {
        Ball {
            mid: 0.0,
            radius: ANYTHING,
            peak: f64::INFINITY,
        }
    }

    /// Anything, if the divisor may be zero or infinite.
    pub(super) fn div(self, other: Ball) -> Ball {
        let (a, b) = (self, other);
        let least = b.mid.abs() - b.radius;
        if b.radius > 0.0 && (least <= 0.0 || overflows(b.peak)) {
            return Ball::anything();
        }
        let quotient = a.mid / b.mid;
        let radius = (a.radius + quotient.abs() * b.radius) / least;
        Ball::rounded(quotient, radius, &[a.peak, b.peak])
    }

    /// Anything, if the number may be negative and may not.
    pub(super) fn root(self) -> Ball {
        match self.radius > 0.0 && self.mid.abs() <= 2.0 * self.radius {
            true => Ball::anything(),
            false => self.map(f64::sqrt, None),
        }
    }

    /// Whether it is less than another, if that is certain.
    pub(super) fn less(self, other: Ball) -> Likely {
        self.compare(other, |a, b| a < b)
    }

    /// Whether it is at most another.
    pub(super) fn at_most(self, other: Ball) -> Likely {
        self.compare(other, |a, b| a <= b)
    }

    /// Whether it is equal to another.
    pub(super) fn equals(self, other: Ball) -> Likely {
        self.compare(other, |a, b| a == b)
    }

    fn compare(self, other: Ball, holds: fn(f64, f64) -> bool) -> Likely {
        let radius = self.radius + other.radius;
        let is_exact = radius == 0.0;
        let apart = (self.mid - other.mid).abs();
        let is_clear = apart > 2.0 * radius && !overflows(self.peak) && !overflows(other.peak);
        Likely((is_exact || is_clear).then(|| holds(self.mid, other.mid)))
    }

    /// The sum in any order: every partial sum is rounded, and may be as large as all magnitudes together.
    pub(super) fn sum(terms: &[Ball]) -> Ball {
        let mid: f64 = terms.iter().map(|t| t.mid).sum();
        let radius: f64 = terms.iter().map(|t| t.radius).sum();
        let all: f64 = terms.iter().map(|t| t.mid.abs() + t.radius).sum();
        let count = terms.len() as f64;
        let peak = terms
            .iter()
            .fold(all, |m, t| if t.peak > m { t.peak } else { m });
        Ball::rounded(mid, radius + count * (ROUNDING * all + LEAST), &[peak])
    }

    /// A function that rises or falls throughout the ball, or whose slope is at most `slope`.
    pub(super) fn map(self, f: impl Fn(f64) -> f64, slope: Option<f64>) -> Ball {
        let mid = f(self.mid);
        let radius = match slope {
            Some(slope) => slope * self.radius,
            None => [self.mid - self.radius, self.mid + self.radius]
                .into_iter()
                .map(|x| (f(x) - mid).abs())
                .fold(0.0, f64::max),
        };
        let steps = FUNCTION_STEPS * (ROUNDING * mid.abs() + LEAST);
        Ball::rounded(mid, radius + steps, &[self.peak])
    }

    /// # Errors
    /// If `found` is finite and wrong, or not finite though everything on the way fits f32.
    pub(super) fn judge(self, found: f32) -> Result<(), String> {
        let Ball { mid, radius, peak } = self;
        if !found.is_finite() {
            return match overflows(peak) || overflows(mid) {
                true => Ok(()),
                false => Err(format!(
                    "{found}, though it is {mid:e} and nothing exceeds {peak:e}"
                )),
            };
        }
        let apart = (f64::from(found) - mid).abs();
        // Twice, as the bounds are of the first order.
        match mid.is_finite() && apart <= 2.0 * radius {
            true => Ok(()),
            false => Err(format!(
                "{found:e}, finite and wrong: it is {mid:e}, within {radius:e}"
            )),
        }
    }
}

/// Whether something holds, if that is known.
#[derive(Clone, Copy)]
pub(super) struct Likely(Option<bool>);

impl Likely {
    /// `yes` or `no`; where it is not known, anything.
    pub(super) fn choose(self, yes: Ball, no: Ball) -> Ball {
        match self.0 {
            Some(true) => yes,
            Some(false) => no,
            None => Ball::anything(),
        }
    }
}

pub(super) fn exp(x: Ball) -> Ball {
    x.map(f64::exp, None)
}

pub(super) fn tanh(x: Ball) -> Ball {
    x.map(f64::tanh, None)
}

pub(super) fn softplus(x: Ball) -> Ball {
    x.map(softplus_of, None)
}

pub(super) fn silu(x: Ball) -> Ball {
    // It has its minimum at -1.28.
    let slope = (x.mid.abs() < 3.0).then_some(1.1);
    x.map(silu_of, slope)
}

pub(super) fn softplus_of(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub(super) fn silu_of(x: f64) -> f64 {
    match x == f64::NEG_INFINITY {
        true => -0.0,
        false => x / (1.0 + (-x).exp()),
    }
}
