//! Why a model was not written.

use super::Format;
use crate::atomic_file::WriteFileError;
use crate::error::FileError;
use atome_kernels::packing::PackError;
use std::path::Path;

/// Why a model was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The model is not one that a file could hold, or a tensor cannot be read from its own file.
    #[error(transparent)]
    Source(#[from] FileError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] WriteFileError),
    /// The texts of a container are longer than its header may be.
    #[error("expected a header of at most {max} bytes, found {found}: shorten the provenance")]
    Header {
        /// The longest header that is read, in bytes.
        max: u64,
        /// The length it would have.
        found: u64,
    },
    /// The format has no place for such a model.
    #[error("{format} has no place for {what}")]
    NoPlace {
        /// The format.
        format: Format,
        /// What there is no place for.
        what: &'static str,
    },
    /// The format has no place for so long a name.
    #[error(
        "`{tensor}`: GGUF has place for a name of {max} bytes, with that of its scale it has {found}"
    )]
    Name {
        /// The tensor's name.
        tensor: String,
        /// The longest name.
        max: usize,
        /// The length found.
        found: usize,
    },
    /// A matrix cannot be packed.
    #[error("`{tensor}`: {cause}")]
    Pack {
        /// The tensor's name.
        tensor: String,
        /// What the packing found.
        cause: PackError,
    },
    /// An element of an embedding table has no f16 near it.
    #[error(
        "`{tensor}`: expected numbers up to 65504 for f16, found {found} in row {row}, column {col}: keep f32"
    )]
    TooLargeForF16 {
        /// The table's name.
        tensor: String,
        /// The element's row.
        row: usize,
        /// Its column.
        col: usize,
        /// Its value.
        found: f32,
    },
}

impl WriteError {
    /// For a file that the system would not write.
    pub(crate) fn file(path: &Path, cause: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::File(WriteFileError { path, cause })
    }
}
