use std::fmt;

/// Element type of a buffer, four bytes each, little-endian in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Elem {
    /// IEEE binary32.
    F32,
    /// Two's complement 32 bits; also packed codes.
    I32,
}

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// A loop counter or a row number: 64 bits, only for addresses.
    Index,
    /// One element.
    Scalar(Elem),
    /// Sixteen elements.
    Vector(Elem),
}

impl Type {
    /// A scalar `f32`.
    pub const F32: Type = Type::Scalar(Elem::F32);
    /// A scalar `i32`.
    pub const I32: Type = Type::Scalar(Elem::I32);
    /// Sixteen `f32`.
    pub const F32X16: Type = Type::Vector(Elem::F32);
    /// Sixteen `i32`.
    pub const I32X16: Type = Type::Vector(Elem::I32);

    /// The element type; `None` for an index.
    pub const fn elem(self) -> Option<Elem> {
        match self {
            Type::Index => None,
            Type::Scalar(e) | Type::Vector(e) => Some(e),
        }
    }

    /// Whether the type has sixteen lanes.
    pub const fn is_vector(self) -> bool {
        matches!(self, Type::Vector(_))
    }

    /// The same width with elements of type `elem`; an index stays an index.
    pub const fn with_elem(self, elem: Elem) -> Type {
        match self {
            Type::Index => Type::Index,
            Type::Scalar(_) => Type::Scalar(elem),
            Type::Vector(_) => Type::Vector(elem),
        }
    }
}

impl fmt::Display for Elem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Elem::F32 => "f32",
            Elem::I32 => "i32",
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Index => f.write_str("index"),
            Type::Scalar(e) => write!(f, "{e}"),
            Type::Vector(e) => write!(f, "{e}x16"),
        }
    }
}
