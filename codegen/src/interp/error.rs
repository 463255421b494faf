use crate::ir::{BinaryOp, Buffer, Elem, Type, Value};

/// Why a function cannot be interpreted. The verifier rules all of these out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// A value is used where it is not defined.
    #[error("value {} is not defined where it is used", .0.0)]
    Undefined(Value),
    /// A value of another type than its place asks for.
    #[error("value {} is {found}, expected {expected}", value.0)]
    Type {
        /// The value.
        value: Value,
        /// What the place asks for.
        expected: &'static str,
        /// What the value is.
        found: Type,
    },
    /// An operation that the element type does not have.
    #[error("{op:?} of {elem}")]
    Operation {
        /// The operation.
        op: BinaryOp,
        /// The element type.
        elem: Elem,
    },
    /// A buffer that is not a parameter.
    #[error("buffer {} is not a parameter", .0.0)]
    UnknownBuffer(Buffer),
    /// A scalar that is not a parameter.
    #[error("scalar {0} is not a parameter")]
    UnknownScalar(u32),
    /// A shift, a code's bit or a lane beyond the width.
    #[error("{what} {found} of at most {most}")]
    OutOfRange {
        /// What is too great.
        what: &'static str,
        /// Greatest allowed.
        most: u8,
        /// What the instruction says.
        found: u8,
    },
    /// More of something than 32 bits can number.
    #[error("more than 2^32 {0}")]
    TooMany(&'static str),
}

/// Why a call stopped. What was stored before stays stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trap {
    /// The function is malformed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A store into the part of the memory that is only read.
    #[error("a store into buffer `{buffer}`, which lies in shared memory")]
    ReadOnly {
        /// The buffer's name.
        buffer: String,
    },
    /// The call has too few or too many arguments of a kind.
    #[error("{found} {what}, expected {expected}")]
    Arguments {
        /// Buffers, dimensions or scalars.
        what: &'static str,
        /// Number of parameters.
        expected: usize,
        /// Number of arguments.
        found: usize,
    },
    /// A buffer argument that is not inside memory or is shorter than the parameter says.
    #[error("buffer {buffer}: bytes {start}..{end} of {memory}, expected {expected} bytes")]
    Range {
        /// Name of the buffer.
        buffer: String,
        /// Length that the parameter asks for, in bytes.
        expected: u64,
        /// First byte of the argument.
        start: usize,
        /// End of the argument.
        end: usize,
        /// Length of memory.
        memory: usize,
    },
    /// A size that does not fit 64 bits for these dimensions.
    #[error("size overflow: {size}")]
    SizeOverflow {
        /// The expression, in Rust's debug form.
        size: String,
    },
    /// An address that does not fit 64 bits.
    #[error("buffer {buffer}: address overflow")]
    AddressOverflow {
        /// Name of the buffer.
        buffer: String,
    },
    /// An access beyond a buffer's end.
    #[error("buffer {buffer}: element {index} of {len}")]
    OutOfBounds {
        /// Name of the buffer.
        buffer: String,
        /// The first element of the access that does not exist.
        index: u64,
        /// Length of the buffer in elements.
        len: u64,
    },
    /// A negative number as an index.
    #[error("{0} as an index")]
    NegativeIndex(i32),
    /// An index of 2^31 or more as an i32.
    #[error("index {0} as an i32")]
    IndexTooGreat(u64),
}
