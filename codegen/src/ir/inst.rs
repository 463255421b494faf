use super::{Buffer, Size, VectorInst};

/// A value, defined once: by an instruction, as a loop's counter, or carried by a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub u32);

/// A pure operation or a load. The result's type is kept by the function.
///
/// "Both widths" means scalar and vector operands, all of one width. Masks are `i32` values
/// whose lanes are 0 or -1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Inst {
    /// A scalar f32 constant, by its bits.
    F32(u32),
    /// A scalar i32 constant.
    I32(i32),
    /// A size as the nearest f32, ties to even.
    SizeF32(Size),
    /// The scalar parameter of that number.
    Param(u32),
    /// A scalar in all lanes.
    Splat(Value),
    /// The i32 vector 0, 1, .. 15.
    Iota,
    /// One operand, both widths.
    Unary(UnaryOp, Value),
    /// Two operands of one type, both widths.
    Binary(BinaryOp, Value, Value),
    /// An i32 shifted by 0 to 31 bits, both widths.
    Shift(ShiftOp, Value, u8),
    /// A mask of the comparison of two operands of one type, both widths.
    Compare(Compare, Value, Value),
    /// Bitwise `mask ? on : off`, both widths: each bit of the mask chooses.
    Select {
        /// An i32 of the operands' width.
        mask: Value,
        /// Chosen where the mask is -1.
        on: Value,
        /// Chosen where the mask is 0.
        off: Value,
    },
    /// A vector folded to a scalar by the fixed tree: lanes `i` and `i + 8`, then `i + 4`,
    /// `i + 2`, `i + 1`, the lower lane as the left operand. A sum may be of i32.
    Reduce(ReduceOp, Value),
    /// One lane of a vector.
    Extract(Value, u8),
    /// The first lanes of a vector; the others become zero bits.
    Keep(Value, Size),
    /// For each lane, by the 2-bit code at `bit` of `codes`: 0 gives `-x`, 1 gives `+0.0`,
    /// 2 gives `+x`. A code of 3 never occurs in checked weights; it gives `+0.0`.
    TritSelect {
        /// i32 vector of packed codes.
        codes: Value,
        /// First bit of the code, even, at most 30.
        bit: u8,
        /// Scalar f32.
        x: Value,
    },
    /// An operation on i32 vectors alone.
    Vector(VectorInst),
    /// An element or sixteen consecutive ones. Lanes not named by `lanes` are not read and
    /// become zero bits.
    Load(Buffer, Address, Lanes),
    /// A non-negative i32 scalar as an index.
    ToIndex(Value),
    /// An index below 2^31 as an i32 scalar.
    FromIndex(Value),
}

/// Operations on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnaryOp {
    /// f32 with the sign bit flipped.
    Neg,
    /// f32 with the sign bit cleared.
    Abs,
    /// IEEE square root of an f32.
    Sqrt,
    /// i32 as the nearest f32, ties to even.
    ToFloat,
    /// The bits of an f32 as an i32.
    ToBits,
    /// The f32 with the bits of an i32.
    FromBits,
}

/// Operations on two operands of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOp {
    /// IEEE sum, or wrapping sum.
    Add,
    /// IEEE difference, or wrapping difference.
    Sub,
    /// IEEE product, or wrapping product.
    Mul,
    /// IEEE quotient; f32 only.
    Div,
    /// `if x > y { x } else { y }`; f32 only.
    Max,
    /// `if x < y { x } else { y }`; f32 only.
    Min,
    /// Bitwise and; i32 only.
    And,
    /// Bitwise or; i32 only.
    Or,
    /// Bitwise exclusive or; i32 only.
    Xor,
}

/// Shifts of an i32 by a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShiftOp {
    /// Towards the high bits.
    Left,
    /// Towards the low bits, filling with zeros.
    Right,
    /// Towards the low bits, filling with the sign.
    RightSigned,
}

/// Comparisons; false where an f32 operand is NaN. i32 is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compare {
    /// `x < y`
    Lt,
    /// `x <= y`
    Le,
    /// `x == y`
    Eq,
}

/// Folds of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReduceOp {
    /// Sum.
    Add,
    /// Greatest, by [`BinaryOp::Max`]; f32 only.
    Max,
}

/// Which codes [`VectorOp::Base3`](super::VectorOp::Base3) gives; a code is its trit + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base3Part {
    /// Those of `t0` to `t3`, in the 2-bit fields of the byte, `t0`'s the lowest.
    Fields,
    /// That of `t4`, as a byte.
    Fifth,
}

/// An affine element offset into a buffer: `base + sum(index * stride)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Index values, each with its stride in elements.
    pub terms: Vec<(Value, Size)>,
    /// Constant part, in elements.
    pub base: Size,
}

/// Which lanes a vector load or store touches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lanes {
    /// All sixteen (or the one element of a scalar).
    All,
    /// The first of them; more than sixteen means all.
    First(Size),
}

impl Inst {
    /// Calls `f` with every operand, in order.
    pub fn for_each_value(&self, mut f: impl FnMut(Value)) {
        self.clone().map_values(|v| {
            f(v);
            v
        });
    }

    /// The instruction with every operand replaced by what `f` gives for it.
    pub fn map_values(mut self, mut f: impl FnMut(Value) -> Value) -> Inst {
        match &mut self {
            Inst::F32(_) | Inst::I32(_) | Inst::SizeF32(_) | Inst::Param(_) | Inst::Iota => {}
            Inst::Splat(x)
            | Inst::Unary(_, x)
            | Inst::Shift(_, x, _)
            | Inst::Reduce(_, x)
            | Inst::Extract(x, _)
            | Inst::Keep(x, _)
            | Inst::ToIndex(x)
            | Inst::FromIndex(x) => *x = f(*x),
            Inst::Binary(_, x, y) | Inst::Compare(_, x, y) => {
                *x = f(*x);
                *y = f(*y);
            }
            Inst::Select { mask, on, off } => {
                *mask = f(*mask);
                *on = f(*on);
                *off = f(*off);
            }
            Inst::TritSelect { codes, x, .. } => {
                *codes = f(*codes);
                *x = f(*x);
            }
            Inst::Vector(inst) => inst.map_values(f),
            Inst::Load(_, address, _) => address.map_values(f),
        }
        self
    }

    /// The instruction with every size replaced by what `f` gives for it.
    pub fn map_sizes(mut self, mut f: impl FnMut(&Size) -> Size) -> Inst {
        match &mut self {
            Inst::SizeF32(size) | Inst::Keep(_, size) => *size = f(size),
            Inst::Load(_, address, lanes) => {
                address.map_sizes(&mut f);
                lanes.map_sizes(&mut f);
            }
            Inst::F32(_)
            | Inst::I32(_)
            | Inst::Param(_)
            | Inst::Splat(_)
            | Inst::Iota
            | Inst::Unary(..)
            | Inst::Binary(..)
            | Inst::Shift(..)
            | Inst::Compare(..)
            | Inst::Select { .. }
            | Inst::Reduce(..)
            | Inst::Extract(..)
            | Inst::TritSelect { .. }
            | Inst::Vector(_)
            | Inst::ToIndex(_)
            | Inst::FromIndex(_) => {}
        }
        self
    }

    /// Whether the result depends on the operands alone: everything but a load.
    pub const fn is_pure(&self) -> bool {
        !matches!(self, Inst::Load(..))
    }
}

impl Address {
    /// Replaces every index value by what `f` gives for it.
    pub fn map_values(&mut self, mut f: impl FnMut(Value) -> Value) {
        for (index, _) in &mut self.terms {
            *index = f(*index);
        }
    }

    /// Replaces every size by what `f` gives for it.
    pub fn map_sizes(&mut self, f: &mut impl FnMut(&Size) -> Size) {
        for (_, stride) in &mut self.terms {
            *stride = f(stride);
        }
        self.base = f(&self.base);
    }
}

impl Lanes {
    /// Replaces the size, if there is one, by what `f` gives for it.
    pub fn map_sizes(&mut self, f: &mut impl FnMut(&Size) -> Size) {
        if let Lanes::First(size) = self {
            *size = f(size);
        }
    }
}
