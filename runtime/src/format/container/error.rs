//! Why a container, or a safetensors file of float weights, was refused.

use crate::error::one_line;

/// A fault of a safetensors file. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// The scale that was given for float weights is none.
    #[error("scale: expected a finite number above 0, found {found}")]
    GivenScale {
        /// What was given.
        found: f32,
    },
    /// The file does not start with a length and a JSON object.
    #[error("expected a safetensors header: its length in 8 bytes, then a JSON object")]
    NoHeader,
    /// The header's length is beyond the file's end or absurd.
    #[error("expected a header of at most {max} bytes, found the length {found} at byte 0")]
    HeaderLength {
        /// The longest header this file could have.
        max: u64,
        /// The length found.
        found: u64,
    },
    /// The header is not the JSON of a safetensors file.
    #[error("not a safetensors header: {}", one_line(cause))]
    HeaderJson {
        /// What the JSON reader said.
        cause: serde_json::Error,
    },
    /// A tensor's shape asks for more bytes than a number holds.
    #[error("`{tensor}`: {shape} takes more bytes than can be counted")]
    Overflow {
        /// The tensor's name.
        tensor: String,
        /// Its type and shape.
        shape: String,
    },
    /// A tensor's offsets do not fit its shape.
    #[error("`{tensor}`: {shape} needs {expected} bytes, the header gives it {found}")]
    TensorBytes {
        /// The tensor's name.
        tensor: String,
        /// Its type and shape.
        shape: String,
        /// Bytes that they need.
        expected: u64,
        /// Bytes between its offsets.
        found: u64,
    },
    /// A tensor leaves a hole, overlaps another, or stands at another's place.
    #[error(
        "`{tensor}`: expected its bytes to start at {expected}, where the one before it ends, found {found}"
    )]
    Place {
        /// The tensor's name.
        tensor: String,
        /// Where it must start.
        expected: u64,
        /// Where the header says that it starts.
        found: u64,
    },
    /// The file ends inside a tensor.
    #[error(
        "`{tensor}` at byte {offset} needs {expected} bytes, the file has {found} there: cut short?"
    )]
    Truncated {
        /// The tensor's name.
        tensor: String,
        /// Where it starts.
        offset: u64,
        /// Bytes it occupies.
        expected: u64,
        /// Bytes from there to the end of the file.
        found: u64,
    },
    /// The file goes on after its last tensor.
    #[error("{extra} bytes left over after byte {expected}")]
    TrailingBytes {
        /// Where the last tensor ends.
        expected: u64,
        /// Bytes beyond it.
        extra: u64,
    },
    /// A safetensors file that no writer of ours made.
    #[error(
        "a safetensors file without `format` = `atome` in its metadata: float weights are packed with `atome pack` first"
    )]
    Foreign,
    /// The metadata lacks a key.
    #[error("metadata: `{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value of the metadata is not what this version reads.
    #[error("metadata: expected `{key}` to be {expected}, found {found:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is accepted.
        expected: String,
        /// The value found, shortened.
        found: String,
    },
    /// A tensor of the model is not in the file.
    #[error("`{tensor}` is missing")]
    MissingTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor of the file is not one of the model.
    #[error("`{tensor}` is no tensor of this model: wrong dimensions?")]
    ExtraTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor has another type or shape than the model's dimensions ask for.
    #[error("`{tensor}`: expected {expected}, found {found}")]
    Kind {
        /// The tensor's name.
        tensor: String,
        /// The type and shape of the model.
        expected: String,
        /// The type and shape of the file.
        found: String,
    },
    /// A tensor's bytes are not those that were written.
    #[error(
        "`{tensor}`: {bytes} bytes at {offset} have the checksum {found:08x}, expected {expected:08x}: damaged"
    )]
    Checksum {
        /// The tensor's name.
        tensor: String,
        /// Where it starts.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// The checksum of the metadata.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The metadata is not that which was written.
    #[error("metadata: its checksum is {found:08x}, expected {expected:08x}: damaged")]
    MetadataChecksum {
        /// The checksum that the metadata states.
        expected: u32,
        /// The checksum of the metadata.
        found: u32,
    },
    /// No tensor's shape tells a dimension, and nobody else did.
    #[error("no shape tells `{key}`: give a config, or the number itself")]
    Untold {
        /// The dimension.
        key: &'static str,
    },
    /// A tensor that should be ternary already is not.
    #[error(
        "`{tensor}`: expected -s, 0 and s only, found {found} as element {index}: not ternary already"
    )]
    NotTernary {
        /// The tensor's name.
        tensor: String,
        /// The element's index.
        index: usize,
        /// Its value.
        found: f32,
    },
    /// A config was given and says something else than the container.
    #[error("the config says `{key}` is {config}, the file says {file}")]
    ConfigDiffers {
        /// The dimension.
        key: &'static str,
        /// The config's value.
        config: usize,
        /// The file's value.
        file: usize,
    },
}
