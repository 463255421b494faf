use atome_kernels::packing::PackError;
use std::fmt;

/// How a tensor of a safetensors file is not the one that is expected. A message goes on after the tensor's name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// It is not in the file.
    #[error(" is missing")]
    Missing,
    /// It is in a file in which the index of the directory does not have it.
    #[error(" is in this file, the index has it elsewhere or not at all")]
    NotIndexed,
    /// It is not one of the model.
    #[error(" is no tensor of this model: wrong dimensions?")]
    Unknown,
    /// It has another type or shape than the model's dimensions ask for.
    #[error(": expected {expected}, found {found}")]
    Kind {
        /// The type and shape of the model.
        expected: String,
        /// The type and shape of the file.
        found: String,
    },
    /// Its shape asks for more bytes than a number holds.
    #[error(": {shape} takes more bytes than can be counted")]
    Overflow {
        /// Its type and shape.
        shape: String,
    },
    /// Its offsets do not fit its shape.
    #[error(": {shape} needs {expected} bytes, the header gives it {found}")]
    Bytes {
        /// Its type and shape.
        shape: String,
        /// Bytes that they need.
        expected: u64,
        /// Bytes between its offsets.
        found: u64,
    },
    /// It leaves a hole, overlaps another, or stands at another's place.
    #[error(
        ": expected its bytes to start at {expected}, where the one before it ends, found {found}"
    )]
    Place {
        /// Where it must start.
        expected: u64,
        /// Where the header says that it starts.
        found: u64,
    },
    /// Its bytes are not those that were written.
    #[error(
        ": {bytes} bytes at {offset} have the checksum {found:08x}, expected {expected:08x}: damaged"
    )]
    Checksum {
        /// Where it starts.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// The checksum of the metadata.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
}

/// How the bytes of a tensor are not its numbers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFault {
    /// It has more elements than this machine can address.
    #[error("{rows} x {cols} elements are more than this machine can address")]
    TooLarge {
        /// Rows that the dimensions ask for.
        rows: usize,
        /// Columns that they ask for.
        cols: usize,
    },
    /// Its own header does not say what the model's dimensions ask for.
    #[error("expected {expected} as the {field} at byte {offset}, found {found}")]
    Header {
        /// The name of the number.
        field: &'static str,
        /// Where it is stored.
        offset: u64,
        /// The number that the dimensions ask for.
        expected: i32,
        /// The file's number.
        found: i32,
    },
    /// Its scale, or the number that its trits are divided by, is none.
    #[error("expected a finite {expected} at byte {offset}, found {found}")]
    Scale {
        /// The accepted numbers.
        expected: &'static str,
        /// Where it is stored.
        offset: u64,
        /// The file's number.
        found: f32,
    },
    /// An element is NaN or infinite.
    #[error("expected finite numbers, found {found} at byte {offset} (element {index})")]
    NotFinite {
        /// Where the element is stored.
        offset: u64,
        /// The element's index.
        index: usize,
        /// Its value.
        found: f32,
    },
    /// A byte does not hold the trits, or the padding, that it should.
    #[error("expected {expected} in the byte at {offset}, found {byte:#04x}")]
    Byte {
        /// The contents of such bytes.
        expected: Contents,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A packed matrix holds a word that no trits give.
    #[error("{cause} (words from byte {offset})")]
    Words {
        /// Where the words start that the cause counts.
        offset: u64,
        /// The word.
        cause: PackError,
    },
    /// A row of an embedding table holds what is never written.
    #[error(
        "expected finite {kind} numbers, padded with 0, in row {row} at byte {offset}, found others"
    )]
    Row {
        /// Where the row starts.
        offset: u64,
        /// The row.
        row: usize,
        /// The type of the elements.
        kind: &'static str,
    },
    /// A part of an embedding table is not the one that was written.
    #[error(
        "{bytes} bytes at {offset} have the checksum {found:08x}, expected {expected:08x}: damaged"
    )]
    Block {
        /// Where the part starts.
        offset: u64,
        /// Its length.
        bytes: usize,
        /// The checksum of the metadata.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// Groups of a ternary matrix have scales of their own, where there is to be one.
    #[error("expected one scale for all groups, found {expected} and, at byte {offset}, {found}")]
    Scales {
        /// The scale of the groups before it.
        expected: f32,
        /// Where the group with another is stored.
        offset: u64,
        /// Its scale.
        found: f32,
    },
    /// A code of a group is not that of a trit.
    #[error("expected codes 0, 1 or 2, found 3 as element {index}, in the group at byte {offset}")]
    Code {
        /// Where the group is stored.
        offset: u64,
        /// The element's index.
        index: usize,
    },
    /// It should be ternary already and is not.
    #[error("expected -s, 0 and s only, found {found} as element {index}: not ternary already")]
    NotTernary {
        /// The element's index.
        index: usize,
        /// Its value.
        found: f32,
    },
}

/// The contents of a byte of packed trits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// Four trits in `int2`.
    Int2,
    /// Four trits of a `BIT2` file.
    Bit2,
    /// Five trits in base 3.
    Base3,
    /// So many zero trits behind the last one.
    ZeroTrits(usize),
    /// Nothing.
    Zero,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int2 => f.write_str("only the codes 00 (0), 01 (+1) and 11 (-1)"),
            Self::Bit2 => f.write_str("only the codes 00 (-1), 01 (0) and 10 (+1)"),
            Self::Base3 => f.write_str("five trits, at most 0xf2,"),
            Self::ZeroTrits(unused) => write!(f, "{unused} zero trits of padding"),
            Self::Zero => f.write_str("0 as padding"),
        }
    }
}
