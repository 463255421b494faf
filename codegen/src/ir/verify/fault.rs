//! What the verifier reports.

use crate::ir::{Elem, MOST_SCRATCH, Type, Value, VectorOp};
use std::fmt;

/// All that is wrong with a function; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    pub(super) function: String,
    pub(super) list: Vec<Violation>,
}

impl Violations {
    /// The violations, in the order of the text form.
    pub fn as_slice(&self) -> &[Violation] {
        &self.list
    }
}

impl std::error::Error for Violations {}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a valid function", self.function)?;
        for violation in &self.list {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which statement: its place in the body, then in that loop's body, and so on; from 0.
    /// Empty for the header.
    pub path: Vec<usize>,
    /// The statement's text (a loop without its body), or the header's or buffer's.
    pub text: String,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str("header")?;
        } else {
            f.write_str("statement ")?;
        }
        for (i, at) in self.path.iter().enumerate() {
            write!(f, "{}{at}", if i > 0 { "." } else { "" })?;
        }
        write!(f, ", `{}`: {}", self.text, self.fault)
    }
}

/// A way to break an invariant; numbers in parentheses refer to the list of [the module](super).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A name is not an identifier (1).
    #[error("`{name}` is not a name of letters, digits and `_` that starts with no digit")]
    NotAName {
        /// The name.
        name: String,
    },
    /// Two parameters have one name (1).
    #[error("another parameter is named `{name}` too")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A dimension that does not exist (2).
    #[error("there is no dimension {number}, the function has {count}")]
    NoSuchDim {
        /// Its number.
        number: u32,
        /// How many there are.
        count: usize,
    },
    /// A buffer that does not exist (2).
    #[error("there is no buffer {number}, the function has {count}")]
    NoSuchBuffer {
        /// Its number.
        number: u32,
        /// How many there are.
        count: usize,
    },
    /// Scratch memory whose length is no constant, or that is too much, or that is not read and
    /// written (3).
    #[error(
        "scratch memory `{name}`, expected a constant length, at most {MOST_SCRATCH} elements in all, read and written"
    )]
    Scratch {
        /// Its name.
        name: String,
    },
    /// A scalar that does not exist (2).
    #[error("there is no scalar {number}, the function has {count}")]
    NoSuchScalar {
        /// Its number.
        number: u32,
        /// How many there are.
        count: usize,
    },
    /// A size divides by 0 (3).
    #[error("the size `{size}` divides by 0")]
    DivisionByZero {
        /// The size.
        size: String,
    },
    /// A size is not as the operators of [`crate::ir::Size`] make it (3).
    #[error("the size `{size}` is not folded, expected `{folded}`")]
    NotFolded {
        /// The size.
        size: String,
        /// The size folded.
        folded: String,
    },
    /// A sum or product of constants does not fit 64 bits (3).
    #[error("the size `{size}` does not fit 64 bits")]
    SizeOverflow {
        /// The size.
        size: String,
    },
    /// A value has no entry in the type table (4).
    #[error("{value} has no type, the function has {count} values")]
    NoType {
        /// The value.
        value: Value,
        /// Length of the type table.
        count: usize,
    },
    /// A value has two definitions (4).
    #[error("{value} is already defined")]
    DefinedTwice {
        /// The value.
        value: Value,
    },
    /// A value is used and has no definition (5).
    #[error("{value} is defined nowhere")]
    Undefined {
        /// The value.
        value: Value,
    },
    /// A value is used before its definition (5).
    #[error("{value} is defined only after this")]
    UsedEarly {
        /// The value.
        value: Value,
    },
    /// A value of a loop's body is used after the loop (5).
    #[error("{value} is defined in a loop that has ended")]
    OutOfScope {
        /// The value.
        value: Value,
    },
    /// An operand has a type that the instruction does not take (6).
    #[error("{operand} {value} is {found}, expected {expected}")]
    Operand {
        /// Which operand.
        operand: &'static str,
        /// The value.
        value: Value,
        /// What the instruction takes.
        expected: Expected,
        /// The value's type.
        found: Type,
    },
    /// The type table disagrees with what the instruction gives (7).
    #[error("the result is declared as {found}, expected {expected}")]
    Result {
        /// What the instruction gives.
        expected: Type,
        /// What the type table says.
        found: Type,
    },
    /// A shift by more than 31 bits (8).
    #[error("a shift by {bits} bits, expected at most 31")]
    ShiftBits {
        /// The distance.
        bits: u8,
    },
    /// The code of a trit select is not at one of the sixteen places (8).
    #[error("a code at bit {bit}, expected an even number of at most 30")]
    TritBit {
        /// The place.
        bit: u8,
    },
    /// A bit that an operation on vectors may not name (8).
    #[error("`{}` by the bits from {bit}, expected at most {}", op.word(), op.greatest_bit().unwrap_or(0))]
    VectorBit {
        /// The operation.
        op: VectorOp,
        /// The bit.
        bit: u8,
    },
    /// A lane that vectors do not have (8).
    #[error("lane {lane} of sixteen, expected at most 15")]
    NoSuchLane {
        /// The lane.
        lane: u8,
    },
    /// Lanes are given for a scalar (9).
    #[error("lanes of a scalar, expected none")]
    ScalarLanes,
    /// A load from a buffer that is only written (10).
    #[error("`{buffer}` is only written, but read here")]
    NotReadable {
        /// The buffer.
        buffer: String,
    },
    /// A store to a buffer that is only read (10).
    #[error("`{buffer}` is only read, but written here")]
    NotWritable {
        /// The buffer.
        buffer: String,
    },
    /// A loop's counter is no index (11).
    #[error("the counter {counter} is {found}, expected index")]
    CounterType {
        /// The counter.
        counter: Value,
        /// Its type.
        found: Type,
    },
    /// What decides whether a loop runs is no i32 (11).
    #[error("the condition {condition} is {found}, expected i32")]
    ConditionType {
        /// The condition.
        condition: Value,
        /// Its type.
        found: Type,
    },
    /// A carried value changes its type (11).
    #[error("the {role} {value} is {found}, expected {expected} as the loop's parameter")]
    CarriedType {
        /// "initial value", "next value" or "result".
        role: &'static str,
        /// The value.
        value: Value,
        /// The type of the parameter.
        expected: Type,
        /// The value's type.
        found: Type,
    },
    /// A loop wants no copy of its body (11).
    #[error("an unroll of 0, expected at least 1")]
    NoCopies,
    /// An access surely leaves its buffer (12).
    #[error("element {last} of `{buffer}`, which has {len}")]
    OutOfBounds {
        /// The buffer.
        buffer: String,
        /// Its length in elements.
        len: u64,
        /// The greatest element accessed.
        last: u128,
    },
    /// An index surely exceeds an i32 (12).
    #[error("{index} reaches {greatest}, expected at most 2147483647")]
    IndexTooGreat {
        /// The index.
        index: Value,
        /// The greatest number it takes.
        greatest: u64,
    },
}

/// The types an operand may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// That type.
    Exactly(Type),
    /// A scalar or a vector of that element type.
    Of(Elem),
    /// A scalar of any element type.
    Scalar,
    /// A vector of any element type.
    Vector,
    /// A scalar or a vector of any element type.
    Element,
}

impl Expected {
    pub(super) fn admits(self, ty: Type) -> bool {
        match self {
            Expected::Exactly(expected) => ty == expected,
            Expected::Of(elem) => ty.elem() == Some(elem),
            Expected::Scalar => matches!(ty, Type::Scalar(_)),
            Expected::Vector => ty.is_vector(),
            Expected::Element => ty != Type::Index,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Exactly(ty) => write!(f, "{ty}"),
            Expected::Of(elem) => write!(f, "{elem} or {elem}x16"),
            Expected::Scalar => f.write_str("f32 or i32"),
            Expected::Vector => f.write_str("f32x16 or i32x16"),
            Expected::Element => f.write_str("anything but an index"),
        }
    }
}
