//! What is wrong with a file, and where.

use crate::{TypeId, ValueType};
use std::fmt;

/// What is wrong with a file: what was expected, what was found, and where. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The key or tensor.
    pub place: Place,
    /// Where in the file; `None` for what is not there.
    pub offset: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)?;
        match self.offset {
            Some(offset) => write!(f, ", at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The part of a file that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// What stands before the first key.
    Header,
    /// The key of this index, whose name is not known.
    KeyIndex(u64),
    /// A key or its value.
    Key(String),
    /// The tensor of this index, whose name is not known.
    TensorIndex(u64),
    /// A tensor.
    Tensor(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("GGUF header"),
            Self::KeyIndex(index) => write!(f, "key {index}"),
            Self::Key(name) => write!(f, "key `{}`", name.escape_debug()),
            Self::TensorIndex(index) => write!(f, "tensor {index}"),
            Self::Tensor(name) => write!(f, "tensor `{}`", name.escape_debug()),
        }
    }
}

/// How a part of a file is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is no GGUF file.
    #[error("expected a file that starts with `GGUF`, found `{}`", .found.escape_ascii())]
    Magic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// The numbers are those of a machine of the other byte order.
    #[error("expected a little-endian file, found a big-endian one of version {version}")]
    BigEndian {
        /// Its version.
        version: u32,
    },
    /// The version is not one that is read.
    #[error("expected version 2 or 3, found version {found}")]
    Version {
        /// The version of the file.
        found: u32,
    },
    /// The file ends too soon.
    #[error("expected {needs} bytes of {what}, found {left} before the end of the file")]
    Cut {
        /// What is read.
        what: &'static str,
        /// Its length.
        needs: u64,
        /// The bytes that there are.
        left: u64,
    },
    /// A count is larger than the rest of the file has room for.
    #[error("expected at most {most} {what}, for which there are bytes, found {found}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// As many as there is room for.
        most: u64,
        /// The number in the file; it may be negative.
        found: i128,
    },
    /// A string is not UTF-8.
    #[error("expected {what} in UTF-8, found the bytes `{}`", .found.escape_ascii())]
    NotUtf8 {
        /// What is read.
        what: &'static str,
        /// The first bytes that are not.
        found: Vec<u8>,
    },
    /// A name is empty or too long.
    #[error("expected a name of 1 to {most} bytes, found {found}")]
    NameLength {
        /// The length that a name may have.
        most: usize,
        /// The length of this one.
        found: usize,
    },
    /// A name is there twice.
    #[error("expected a name that is there once, found it at byte {first} too")]
    Duplicate {
        /// Where the other is.
        first: u64,
    },
    /// The number of a value's type is none.
    #[error("expected a type of value from 0 to 12, found {found}")]
    ValueType {
        /// The number in the file.
        found: u32,
    },
    /// An array holds arrays.
    #[error("expected an array of numbers or strings, found an array of arrays")]
    Nested,
    /// A key is not there.
    #[error("expected {expected}, found no such key")]
    MissingKey {
        /// What its value should be.
        expected: &'static str,
    },
    /// A value is not of the type that was asked for.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// The type that was asked for.
        expected: &'static str,
        /// The type that the file gives it.
        found: Found,
    },
    /// A number is outside its range.
    #[error("expected {expected}, found {found}")]
    Number {
        /// The numbers that it may be.
        expected: &'static str,
        /// The number of the file.
        found: i128,
    },
    /// The shape has more elements than can be counted.
    #[error("{dims:?} elements take more bytes than can be counted")]
    Overflow {
        /// The dimensions, that of neighbours first.
        dims: Vec<u64>,
    },
    /// A row does not consist of whole blocks.
    #[error(
        "expected rows of a multiple of {block} weights, which is a block of {type_id}, found {cols}"
    )]
    Row {
        /// Weights of a row.
        cols: u64,
        /// Weights of a block.
        block: u64,
        /// The type of the tensor.
        type_id: TypeId,
    },
    /// A tensor does not start where the one before it ends.
    #[error("expected its bytes at {expected} of the data, {why}, found {found}")]
    Offset {
        /// Where they should be.
        expected: u64,
        /// Why there.
        why: &'static str,
        /// Where the file says that they are.
        found: u64,
    },
    /// Tensors of type 42 fit neither size of its blocks.
    #[error(
        "expected blocks of {type_id} of 18 bytes for 64 weights or of 34 bytes for 128 in every such tensor, found {room} bytes for {elems} weights"
    )]
    Groups {
        /// The type.
        type_id: TypeId,
        /// Bytes up to the next tensor.
        room: u64,
        /// Weights of the tensor.
        elems: u64,
    },
    /// The bytes of a tensor have a type that is not read.
    #[error("expected weights of a type that is read ({read}), found {found}{why}")]
    Unread {
        /// The types that are.
        read: &'static str,
        /// The type of the tensor.
        found: TypeId,
        /// Why it is not, with a separator before it.
        why: &'static str,
    },
    /// Trits are asked of a tensor that does not hold any.
    #[error("expected a ternary type, found {found}")]
    NotTernary {
        /// Its type.
        found: TypeId,
    },
    /// A code is not that of a trit.
    #[error("expected codes 0, 1 or 2, found 3 at weight {index}")]
    NotATrit {
        /// The weight's index in the tensor.
        index: u64,
    },
    /// Not all files of a split model belong together.
    #[error("expected {expected} as the {what} of a split file, found {found}")]
    Split {
        /// The number that differs.
        what: &'static str,
        /// What the others say.
        expected: u64,
        /// What this one says.
        found: u64,
    },
}

/// The type of a value that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// One value.
    Value(ValueType),
    /// An array of values.
    Array(ValueType),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(kind) => write!(f, "{kind}"),
            Self::Array(kind) => write!(f, "an array of {kind}"),
        }
    }
}

/// A [`Place`] that borrows its name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    Header,
    KeyIndex(u64),
    Key(&'a str),
    TensorIndex(u64),
    Tensor(&'a str),
}

impl At<'_> {
    pub(crate) fn error(self, offset: u64, fault: Fault) -> Error {
        self.fault(Some(offset), fault)
    }

    /// An error about something that is not there.
    pub(crate) fn missing(self, fault: Fault) -> Error {
        self.fault(None, fault)
    }

    fn fault(self, offset: Option<u64>, fault: Fault) -> Error {
        let place = match self {
            Self::Header => Place::Header,
            Self::KeyIndex(index) => Place::KeyIndex(index),
            Self::Key(name) => Place::Key(name.to_owned()),
            Self::TensorIndex(index) => Place::TensorIndex(index),
            Self::Tensor(name) => Place::Tensor(name.to_owned()),
        };
        Error {
            place,
            offset,
            fault,
        }
    }
}

/// The first bytes that are not UTF-8, for a message.
pub(crate) fn not_utf8(what: &'static str, bytes: &[u8], error: std::str::Utf8Error) -> Fault {
    let from = error.valid_up_to();
    let found = bytes[from..].iter().take(8).copied().collect();
    Fault::NotUtf8 { what, found }
}
