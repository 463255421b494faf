use crate::name::named;

/// How the product of a ternary weight and an activation is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Sign-select: add, subtract or skip; no multiply.
    Select,
    /// Table lookup of partial sums; no multiply.
    Lut,
    /// The instruction set's dot-product instruction.
    Dot,
}

named!(Method, "method", { Select => "select", Lut => "lut", Dot => "dot" });
