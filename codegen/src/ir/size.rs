use std::ops::{Add, Mul};

/// A named shape parameter of a function, by position in [`super::Function::dims`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dim(pub u32);

/// Shape arithmetic: a non-negative number that depends only on a function's dimensions.
///
/// Operators fold constants and drop neutral elements, so a size over bound dimensions is
/// always [`Size::Const`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// A number.
    Const(u64),
    /// A dimension of the function.
    Dim(Dim),
    /// Sum.
    Add(Box<Size>, Box<Size>),
    /// Product.
    Mul(Box<Size>, Box<Size>),
    /// Difference to a constant, 0 where it would be negative.
    Sub(Box<Size>, u64),
    /// Quotient by a constant that is not 0, rounded down.
    Div(Box<Size>, u64),
    /// Remainder of the division by a constant that is not 0.
    Rem(Box<Size>, u64),
}

#[allow(
    clippy::should_implement_trait,
    reason = "the right operand is a plain number, and a difference stops at 0"
)]
impl Size {
    /// Zero.
    pub const ZERO: Size = Size::Const(0);
    /// One.
    pub const ONE: Size = Size::Const(1);

    /// The number, if it depends on no dimension.
    pub const fn as_const(&self) -> Option<u64> {
        match self {
            Size::Const(n) => Some(*n),
            _ => None,
        }
    }

    /// `max(self - n, 0)`.
    pub fn sub(self, n: u64) -> Size {
        match (self, n) {
            (size, 0) => size,
            (Size::Const(a), n) => Size::Const(a.saturating_sub(n)),
            (size, n) => Size::Sub(Box::new(size), n),
        }
    }

    /// `self / n` rounded down.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn div(self, n: u64) -> Size {
        assert_ne!(n, 0, "division of a size by 0");
        match (self, n) {
            (size, 1) => size,
            (Size::Const(a), n) => Size::Const(a / n),
            (size, n) => Size::Div(Box::new(size), n),
        }
    }

    /// `self % n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn rem(self, n: u64) -> Size {
        assert_ne!(n, 0, "remainder of a size by 0");
        match (self, n) {
            (_, 1) => Size::ZERO,
            (Size::Const(a), n) => Size::Const(a % n),
            (size, n) => Size::Rem(Box::new(size), n),
        }
    }

    /// `self / n` rounded up.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn div_ceil(self, n: u64) -> Size {
        assert_ne!(n, 0, "division of a size by 0");
        (self + Size::Const(n - 1)).div(n)
    }

    /// The value for the given dimensions, `None` if it overflows or a dimension is missing.
    pub fn eval(&self, dims: &[u64]) -> Option<u64> {
        match self {
            Size::Const(n) => Some(*n),
            Size::Dim(d) => dims.get(d.0 as usize).copied(),
            Size::Add(a, b) => a.eval(dims)?.checked_add(b.eval(dims)?),
            Size::Mul(a, b) => a.eval(dims)?.checked_mul(b.eval(dims)?),
            Size::Sub(a, n) => Some(a.eval(dims)?.saturating_sub(*n)),
            Size::Div(a, n) => a.eval(dims)?.checked_div(*n),
            Size::Rem(a, n) => a.eval(dims)?.checked_rem(*n),
        }
    }

    /// What it never exceeds whatever the dimensions are, if that is known.
    pub fn most(&self) -> Option<u64> {
        match self {
            Size::Const(n) => Some(*n),
            Size::Dim(_) => None,
            Size::Add(a, b) => a.most()?.checked_add(b.most()?),
            Size::Mul(a, b) => a.most()?.checked_mul(b.most()?),
            Size::Sub(a, n) => Some(a.most()?.saturating_sub(*n)),
            Size::Div(a, n) => a.most()?.checked_div(*n),
            Size::Rem(a, n) => Some(a.most().map_or(n - 1, |most| most.min(n - 1))),
        }
    }

    /// This size with every dimension replaced by what `f` gives for it, folded.
    pub fn map_dims(&self, f: &mut impl FnMut(Dim) -> Size) -> Size {
        match self {
            Size::Const(n) => Size::Const(*n),
            Size::Dim(d) => f(*d),
            Size::Add(a, b) => a.map_dims(f) + b.map_dims(f),
            Size::Mul(a, b) => a.map_dims(f) * b.map_dims(f),
            Size::Sub(a, n) => a.map_dims(f).sub(*n),
            Size::Div(a, n) => a.map_dims(f).div(*n),
            Size::Rem(a, n) => a.map_dims(f).rem(*n),
        }
    }

    /// Calls `f` with every dimension that occurs.
    pub fn for_each_dim(&self, f: &mut impl FnMut(Dim)) {
        match self {
            Size::Const(_) => {}
            Size::Dim(d) => f(*d),
            Size::Add(a, b) | Size::Mul(a, b) => {
                a.for_each_dim(f);
                b.for_each_dim(f);
            }
            Size::Sub(a, _) | Size::Div(a, _) | Size::Rem(a, _) => a.for_each_dim(f),
        }
    }
}

impl From<u64> for Size {
    fn from(n: u64) -> Size {
        Size::Const(n)
    }
}

impl From<Dim> for Size {
    fn from(d: Dim) -> Size {
        Size::Dim(d)
    }
}

impl<T: Into<Size>> Add<T> for Size {
    type Output = Size;

    fn add(self, other: T) -> Size {
        match (self, other.into()) {
            (Size::Const(0), x) | (x, Size::Const(0)) => x,
            // A sum too great for u64 stays symbolic, so that `eval` reports it.
            (Size::Const(a), Size::Const(b)) if a.checked_add(b).is_some() => Size::Const(a + b),
            (Size::Add(x, y), Size::Const(b)) => match *y {
                Size::Const(a) if a.checked_add(b).is_some() => *x + Size::Const(a + b),
                y => Size::Add(
                    Box::new(Size::Add(x, Box::new(y))),
                    Box::new(Size::Const(b)),
                ),
            },
            (a, b) => Size::Add(Box::new(a), Box::new(b)),
        }
    }
}

impl<T: Into<Size>> Mul<T> for Size {
    type Output = Size;

    fn mul(self, other: T) -> Size {
        match (self, other.into()) {
            (Size::Const(0), _) | (_, Size::Const(0)) => Size::ZERO,
            (Size::Const(1), x) | (x, Size::Const(1)) => x,
            (Size::Const(a), Size::Const(b)) if a.checked_mul(b).is_some() => Size::Const(a * b),
            (a, b) => Size::Mul(Box::new(a), Box::new(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_folds_to_a_constant() {
        let rows = Size::Dim(Dim(0));
        let words = rows.clone().div_ceil(16) * 16 * (Size::Dim(Dim(1)).div_ceil(16));
        assert_eq!(words.eval(&[387, 256]), Some(25 * 16 * 16));
        let bound = words.map_dims(&mut |d| Size::Const([387, 256][d.0 as usize]));
        assert_eq!(bound, Size::Const(6400));
        assert_eq!(rows.clone().rem(16).eval(&[387]), Some(3));
        assert_eq!(rows.sub(400).eval(&[387]), Some(0));
    }

    #[test]
    fn what_a_size_never_exceeds() {
        let n = Size::Dim(Dim(0));
        assert_eq!(n.most(), None);
        assert_eq!(n.clone().div(3).most(), None);
        let rest = n.rem(320);
        assert_eq!(rest.most(), Some(319));
        assert_eq!(rest.clone().div_ceil(320).most(), Some(1));
        assert_eq!(rest.clone().sub(64).rem(400).most(), Some(255));
        assert_eq!((rest * Size::Const(u64::MAX)).most(), None);
    }

    #[test]
    fn overflow_is_reported_not_wrapped() {
        let huge = Size::Const(u64::MAX) + Size::ONE;
        assert_eq!(huge.eval(&[]), None);
        assert_eq!(
            (Size::Dim(Dim(0)) * Size::Dim(Dim(0))).eval(&[1 << 40]),
            None
        );
        assert_eq!(Size::Dim(Dim(3)).eval(&[1]), None);
    }
}
