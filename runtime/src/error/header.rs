use super::one_line;

/// Why the header of a safetensors file, or what a container states in it, was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The file does not start with a length and a JSON object.
    #[error("expected a safetensors header: its length in 8 bytes, then a JSON object")]
    Missing,
    /// The header's length is beyond the file's end or absurd.
    #[error("expected a header of at most {max} bytes, found the length {found} at byte 0")]
    Length {
        /// The longest header this file could have.
        max: u64,
        /// The length found.
        found: u64,
    },
    /// The header is not the JSON of a safetensors file.
    #[error("not a safetensors header: {}", one_line(cause))]
    Json {
        /// The JSON reader's reason.
        cause: serde_json::Error,
    },
    /// The index of a directory's files is not one.
    #[error("not an index of safetensors files: {}", one_line(cause))]
    Index {
        /// The JSON reader's reason.
        cause: serde_json::Error,
    },
    /// The index of a directory's files names something else.
    #[error("the index: expected `{tensor}` in a file of the directory, found it in {found:?}")]
    Outside {
        /// The tensor.
        tensor: String,
        /// Where the index says that it is.
        found: String,
    },
    /// A safetensors file that no writer of ours made.
    #[error("a safetensors file without `format` = `atome` in its metadata")]
    Foreign,
    /// The metadata lacks a key.
    #[error("metadata: `{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value of the metadata is not one that this version reads.
    #[error("metadata: expected `{key}` to be {expected}, found {found:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// The accepted values.
        expected: String,
        /// The value found, shortened.
        found: String,
    },
    /// A key of a GGUF file has a value that this version does not read.
    #[error("metadata: expected `{key}` to be {expected}, found {found:?}")]
    Key {
        /// The key.
        key: String,
        /// The accepted values.
        expected: String,
        /// The value found, shortened.
        found: String,
    },
    /// The metadata is not that which was written.
    #[error("metadata: its checksum is {found:08x}, expected {expected:08x}: damaged")]
    Checksum {
        /// The checksum that the metadata states.
        expected: u32,
        /// The checksum of the metadata.
        found: u32,
    },
}
