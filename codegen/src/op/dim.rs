use atome_spec::{Activation, layout};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Greatest dimension: element numbers stay far from overflow.
const MAX_DIM: u64 = 1 << 31;

/// A dimension of an op: a number that a kernel is called with or made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dim {
    /// Its name.
    pub name: Cow<'static, str>,
    min: u64,
    max: u64,
    max_i8: u64,
    /// What its values are multiples of.
    pub multiple_of: u64,
    /// How it relates to another dimension.
    pub bound: Option<Bound>,
    /// Buffers whose length tells it: the first of these that a kernel has.
    pub told_by: &'static [&'static str],
}

/// What a dimension's values have to do with those of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Less than that dimension.
    Below(&'static str),
    /// That dimension or less.
    AtMost(&'static str),
    /// That dimension or more; just as much, if nothing else is said.
    AtLeast(&'static str),
}

/// A dimension of any value.
pub(crate) const fn dim(name: &'static str) -> Dim {
    named(Cow::Borrowed(name))
}

/// The same with a name that an expression gives.
pub(crate) const fn named(name: Cow<'static, str>) -> Dim {
    Dim {
        name,
        min: 0,
        max: MAX_DIM,
        max_i8: MAX_DIM,
        multiple_of: 1,
        bound: None,
        told_by: &[],
    }
}

impl Dim {
    /// The values that it may have with some type of activations, bound or open.
    pub fn range(&self, activation: Activation) -> RangeInclusive<u64> {
        let max = match activation {
            Activation::F32 => self.max,
            Activation::I8 => self.max_i8,
        };
        self.min..=max
    }

    /// Values from `min` to `max`.
    pub(crate) const fn from(mut self, min: u64, max: u64) -> Dim {
        (self.min, self.max, self.max_i8) = (min, max, max);
        self
    }

    /// With int8 activations, few enough columns that no sum leaves an i32.
    pub(crate) const fn summed(mut self) -> Dim {
        self.max_i8 = layout::MAX_I8_COLS as u64;
        self
    }

    pub(crate) const fn multiple_of(mut self, n: u64) -> Dim {
        self.multiple_of = n;
        self
    }

    pub(crate) const fn bound(mut self, bound: Bound) -> Dim {
        self.bound = Some(bound);
        self
    }

    pub(crate) const fn told_by(mut self, buffers: &'static [&'static str]) -> Dim {
        self.told_by = buffers;
        self
    }
}
