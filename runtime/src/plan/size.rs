//! Sums and products of sizes that never wrap around.

use std::ops::{Add, AddAssign, Mul};

/// A number of bytes or elements, in 64 bits on every machine. What does not fit stays at the greatest number, which no
/// machine can address, so one look at a result says whether anything before it was too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(u64);

impl Size {
    pub(crate) const ZERO: Size = Size(0);

    /// The size as a number that this machine can address.
    pub(crate) fn addressable(self) -> Option<usize> {
        isize::try_from(self.0).ok().map(isize::cast_unsigned)
    }

    /// The size, for messages.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    /// The next multiple of an alignment, which is not 0.
    pub(crate) fn aligned(self, align: usize) -> Size {
        let aligned = self.0.checked_next_multiple_of(align as u64);
        Size(aligned.unwrap_or(u64::MAX))
    }
}

impl From<usize> for Size {
    fn from(n: usize) -> Size {
        // What is at its greatest has overflowed.
        Size(if n == usize::MAX { u64::MAX } else { n as u64 })
    }
}

impl Add for Size {
    type Output = Size;

    fn add(self, other: Size) -> Size {
        Size(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Size) {
        *self = *self + other;
    }
}

impl Mul<usize> for Size {
    type Output = Size;

    fn mul(self, n: usize) -> Size {
        Size(self.0.saturating_mul(Size::from(n).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_wraps() {
        let large = Size::from(usize::MAX);
        for size in [
            large + Size::from(1),
            large * 2,
            large.aligned(256),
            Size::from(usize::MAX / 2 + 1) * 2,
            Size::from(usize::MAX / 4) * 5,
            Size::from(usize::MAX - 1).aligned(256),
            Size::from(isize::MAX.cast_unsigned()) + Size::from(1),
        ] {
            assert_eq!(size.addressable(), None, "{size:?}");
        }
        assert_eq!(Size::from(257).aligned(256).addressable(), Some(512));
        assert_eq!((Size::from(3) * 5 + Size::from(1)).addressable(), Some(16));
    }
}
