use super::{ConfigError, EntryFault, HeaderError, InvalidModel, TensorFault};
use crate::graph::{GraphError, ParseError};
use crate::tokenizer::TokenizerError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a model file, the config that gives its dimensions, or a model in memory was refused.
///
/// Reading stops at the first fault. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A fault, and the file it is in. [`FileError::fault`] looks through this variant.
    #[error("{}: {fault}", path.display())]
    InFile {
        /// The file that was being read.
        path: PathBuf,
        /// The fault.
        fault: Box<FileError>,
    },
    /// The operating system would not open or read the file.
    #[error("cannot read the file: {cause}")]
    Io {
        /// The operating system's reason.
        cause: io::Error,
    },
    /// The path names a directory, or a pipe, a socket or a device, whose length is unknown before it is read; or the file
    /// has no bytes.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// The accepted kind of file.
        expected: &'static str,
        /// The kind found.
        found: &'static str,
    },
    /// The file does not start like any format this crate reads.
    #[error(
        "expected the magic `ATOME01`, `ATOME02`, `ATOMECL01`, `GGUF` or that of `BIT2`, or a safetensors header, at byte 0, found \"{found}\""
    )]
    Magic {
        /// The first bytes of the file, at most nine, escaped to printable ASCII.
        found: String,
    },
    /// There is no memory for the file.
    #[error("no memory for a file of {bytes} bytes")]
    OutOfMemory {
        /// The file's length.
        bytes: u64,
    },
    /// The dimensions are missing, or are not those of a model.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The header or the metadata of a safetensors file is broken.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A GGUF file is broken, or holds what is not read.
    #[error(transparent)]
    Gguf(#[from] atome_gguf::Error),
    /// A number of a file's header is outside the range this crate accepts.
    #[error("`{field}` at byte {offset}: expected {expected}, found {found}")]
    Field {
        /// The number's name.
        field: &'static str,
        /// Where it is stored.
        offset: u64,
        /// The accepted values.
        expected: String,
        /// The file's value.
        found: i64,
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
    /// A tensor of a safetensors file is not the one that is expected.
    #[error("`{tensor}`{fault}")]
    Entry {
        /// The tensor's name.
        tensor: String,
        /// The fault.
        fault: EntryFault,
    },
    /// The bytes of a tensor are not its numbers.
    #[error("`{tensor}`: {fault}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// The fault.
        fault: TensorFault,
    },
    /// The graph of the model is none.
    #[error("graph: {0}")]
    Graph(#[from] GraphError),
    /// The text of a graph is none.
    #[error("graph: {0}")]
    GraphText(#[from] ParseError),
    /// A model in memory is not one that a file could hold.
    #[error(transparent)]
    Invalid(#[from] InvalidModel),
    /// The file names a tokenizer that there is not, or one with another number of ids.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl FileError {
    /// Says which file the fault is in.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            path: path.to_path_buf(),
            fault: Box::new(self),
        }
    }

    /// Says which tensor of a safetensors file has the fault.
    pub(crate) fn entry(tensor: impl Into<String>, fault: EntryFault) -> Self {
        let tensor = tensor.into();
        Self::Entry { tensor, fault }
    }

    /// Says which tensor has the fault.
    pub(crate) fn tensor(tensor: impl Into<String>, fault: TensorFault) -> Self {
        let tensor = tensor.into();
        Self::Tensor { tensor, fault }
    }

    /// For a file that starts with none of the magics.
    pub(crate) fn unknown_magic(start: &[u8]) -> Self {
        if start.is_empty() {
            return Self::Kind {
                expected: "a model",
                found: "an empty file",
            };
        }
        let found = start[..start.len().min(9)].escape_ascii().to_string();
        Self::Magic { found }
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
