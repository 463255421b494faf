//! What can go wrong at the crate's boundaries: reading a model ([`LoadError`]), making it ready to run
//! ([`PrepareError`]), running it ([`RunError`]).
//!
//! Every message is one complete line: what was expected, what was found, and where.

mod prepare;
mod run;

pub use prepare::PrepareError;
pub use run::RunError;

use crate::format::{ContainerError, InvalidModel};
use crate::tokenizer::TokenizerError;
use atome_kernels::packing::PackError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a model file, or the config that gives its dimensions, was refused.
///
/// Loading stops at the first fault. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A fault, and the file it is in. [`LoadError::fault`] looks through this variant.
    #[error("{}: {fault}", path.display())]
    InFile {
        /// The file that was being read.
        path: PathBuf,
        /// What is wrong with it.
        fault: Box<LoadError>,
    },
    /// The operating system would not open or read the file.
    #[error("cannot read the file: {cause}")]
    Io {
        /// What the operating system said.
        cause: io::Error,
    },
    /// The path names a directory.
    #[error("expected a file, found a directory")]
    Directory,
    /// The path names a pipe, a socket or a device, whose length is unknown before it is read.
    #[error("expected a regular file, found a pipe, a socket or a device")]
    NotAFile,
    /// The file has no bytes.
    #[error("expected a model, found an empty file")]
    Empty,
    /// The file does not start like any format this crate reads.
    #[error(
        "expected the magic `ATOME01`, `ATOME02`, `ATOMECL01` or that of `BIT2`, or a safetensors header, at byte 0, found \"{found}\""
    )]
    BadMagic {
        /// The first bytes of the file, at most nine, escaped to printable ASCII.
        found: String,
    },
    /// No config was named and there is none beside the model.
    #[error(
        "the file stores no dimensions, no config was given and `{}` does not exist",
        tried.display()
    )]
    NoConfig {
        /// Where the config was looked for.
        tried: PathBuf,
    },
    /// The config is far longer than seven numbers need.
    #[error("expected a config of at most {max} bytes, found {found}")]
    ConfigTooLong {
        /// The file's length in bytes.
        found: u64,
        /// The longest config that is read, in bytes.
        max: u64,
    },
    /// The config is not JSON, lacks a key, or has a value of the wrong type; the cause names the key, line and column.
    #[error("not a model config: {}", one_line(cause))]
    ConfigJson {
        /// What the JSON reader said.
        cause: serde_json::Error,
    },
    /// A dimension of the config is outside the range this crate accepts.
    #[error("config: expected `{key}` from 1 to {max}, found {found}")]
    Dimension {
        /// The config's key.
        key: &'static str,
        /// The largest accepted value.
        max: usize,
        /// The config's value.
        found: usize,
    },
    /// A classifier's class count is not positive or is absurdly large.
    #[error("class count at byte {offset}: expected 1 to {max}, found {found}")]
    ClassCount {
        /// Where the count is stored.
        offset: u64,
        /// The largest accepted count.
        max: usize,
        /// The file's value.
        found: i32,
    },
    /// A model in memory is not one that a file could hold.
    #[error(transparent)]
    Invalid(#[from] InvalidModel),
    /// A safetensors file is broken, or is no container of ours.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The model cannot be made ready to run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The file names a tokenizer that there is not, or one with another number of ids.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A tensor has more elements than this machine can address.
    #[error("`{tensor}`: {rows} x {cols} elements are more than this machine can address")]
    TooLarge {
        /// The tensor's name.
        tensor: String,
        /// Rows the config or the options ask for.
        rows: usize,
        /// Columns they ask for.
        cols: usize,
    },
    /// The file ends inside a tensor.
    #[error(
        "`{tensor}` at byte {offset} needs {expected} bytes, the file has {found} there: cut short, or wrong dimensions?"
    )]
    Truncated {
        /// The tensor's name.
        tensor: String,
        /// Where the tensor starts.
        offset: u64,
        /// Bytes the tensor occupies, its scale included.
        expected: u64,
        /// Bytes from `offset` to the end of the file.
        found: u64,
    },
    /// The file goes on after its last tensor.
    #[error("{extra} bytes left over after byte {expected}: wrong dimensions?")]
    TrailingBytes {
        /// The length the dimensions ask for.
        expected: u64,
        /// Bytes beyond it.
        extra: u64,
    },
    /// A tensor's scale is NaN, infinite or negative.
    #[error("`{tensor}`: expected a finite scale of 0 or more at byte {offset}, found {found}")]
    BadScale {
        /// The tensor's name.
        tensor: String,
        /// Where the scale is stored.
        offset: u64,
        /// The scale.
        found: f32,
    },
    /// An element of an f32 vector is NaN or infinite.
    #[error(
        "`{tensor}`: expected finite numbers, found {found} at byte {offset} (element {index})"
    )]
    NotFinite {
        /// The vector's name.
        tensor: String,
        /// Where the element is stored.
        offset: u64,
        /// The element's index.
        index: usize,
        /// Its value.
        found: f32,
    },
    /// A byte of an int2 tensor contains the code 10, which stands for no trit.
    #[error(
        "`{tensor}`: byte {byte:#04x} at {offset} has the code 10, expected only 00 (0), 01 (+1) and 11 (-1)"
    )]
    BadInt2 {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A byte of a base-3 tensor is above 242, the largest number of five base-3 digits.
    #[error("`{tensor}`: expected five trits in a byte of at most 242, found {byte} at {offset}")]
    BadBase3 {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// The unused places of a tensor's last byte are not zero trits.
    #[error(
        "`{tensor}`: expected {unused} zero trits of padding in the byte at {offset}, found {byte:#04x}"
    )]
    BadPadding {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
        /// Places of the byte that hold no element.
        unused: usize,
    },
    /// A byte of a `BIT2` tensor contains the code 3, which stands for no trit.
    #[error(
        "`{tensor}`: byte {byte:#04x} at {offset} has the code 11, expected only 00 (-1), 01 (0) and 10 (+1)"
    )]
    BadBit2 {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A dimension of a file's header is outside the range this crate accepts.
    #[error("`{field}` at byte {offset}: expected {expected}, found {found}")]
    Header {
        /// The dimension's name.
        field: &'static str,
        /// Where it is stored.
        offset: u64,
        /// What is accepted.
        expected: String,
        /// The file's value.
        found: i64,
    },
    /// A tensor's own header does not say what the model's dimensions ask for.
    #[error("`{tensor}`: expected {expected} as the {field} at byte {offset}, found {found}")]
    TensorHeader {
        /// The tensor's name.
        tensor: String,
        /// Which number of its header.
        field: &'static str,
        /// Where it is stored.
        offset: u64,
        /// What the dimensions ask for.
        expected: i32,
        /// The file's value.
        found: i32,
    },
    /// The number that a tensor's trits are divided by is zero, negative, NaN or infinite, or its inverse is.
    #[error("`{tensor}`: expected a finite divisor above 0 at byte {offset}, found {found}")]
    BadDivisor {
        /// The tensor's name.
        tensor: String,
        /// Where the divisor is stored.
        offset: u64,
        /// The divisor.
        found: f32,
    },
    /// There is no memory for the file.
    #[error("no memory for a file of {bytes} bytes")]
    OutOfMemory {
        /// The file's length.
        bytes: u64,
    },
    /// A packed matrix of a file holds what no trits give.
    #[error("`{tensor}` at byte {offset}: {cause}")]
    Stored {
        /// The tensor's name.
        tensor: String,
        /// Where the words start that the cause counts.
        offset: u64,
        /// What was found.
        cause: PackError,
    },
    /// The bytes that fill up a tensor of a file are not all 0.
    #[error("`{tensor}`: expected 0 as padding at byte {offset}, found {byte:#04x}")]
    StoredPadding {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A row of an embedding table of a file holds what is never written.
    #[error(
        "`{tensor}`: expected finite {kind} numbers, padded with 0, in row {row} at byte {offset}, found others"
    )]
    StoredRow {
        /// The table's name.
        tensor: String,
        /// Where the row starts.
        offset: u64,
        /// The row.
        row: usize,
        /// The type of the elements.
        kind: &'static str,
    },
}

impl LoadError {
    /// Says which file the fault is in.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            path: path.to_path_buf(),
            fault: Box::new(self),
        }
    }

    /// For a file that starts with none of the magics.
    pub(crate) fn unknown_magic(start: &[u8]) -> Self {
        if start.is_empty() {
            return Self::Empty;
        }
        let found = start[..start.len().min(9)].escape_ascii().to_string();
        Self::BadMagic { found }
    }

    /// Returns the fault itself, without the path of the file it is in.
    #[must_use]
    pub fn fault(&self) -> &Self {
        match self {
            Self::InFile { fault, .. } => fault.fault(),
            fault => fault,
        }
    }
}

/// What the JSON reader said, with control characters of the file's texts escaped.
pub(crate) fn one_line(cause: &serde_json::Error) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    cause.to_string().chars().map(escaped).collect()
}
