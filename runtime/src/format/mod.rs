//! File formats: bytes from strangers in, named tensors out. A format knows tensors and no family.
//!
//! [`crate::checkpoint`] makes models of them.
//!
//! | module | job |
//! |---|---|
//! | `files` | files on disk, read as far as their length says |
//! | `atome` | `ATOME` files |
//! | `bit2` | `BIT2` files |
//! | `container` | the project's own format, a safetensors file |
//! | `gguf` | GGUF files |
//! | `folder` | a directory of float weights |
//! | `floats`, `quantize` | float weights in a safetensors file, and trits of them |
//! | `write` | why a model was not written |
//!
//! The bytes themselves are drawn in `docs/formats.md`; what a hostile file can do, in `docs/security.md`.

pub(crate) mod atome;
pub(crate) mod bit2;
pub(crate) mod container;
pub(crate) mod files;
mod floats;
pub(crate) mod folder;
pub(crate) mod gguf;
mod quantize;
mod write;

pub use container::{ContainerInfo, ContainerOptions, PackSummary, PackedTensor};
pub(crate) use floats::FloatFile;
pub use floats::{QuantizedTensor, ScaleRule};
pub use quantize::{quantize, quantize_absmean};
pub use write::WriteError;

use crate::tensor::trits;
use atome_spec::Packing;

/// The largest number of classes a classifier may have.
pub const MAX_CLASSES: usize = 1 << 16;

/// A model file format, as its magic tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `ATOME01`: a language model, trits in `int2` (2 bits each).
    Atome01,
    /// `ATOME02`: the same tensors, trits in base 3 (1.6 bits each).
    Atome02,
    /// `ATOMECL01`: a classifier, a class count in the header and a head after the last tensor, trits in `int2`.
    AtomeCl01,
    /// `BIT2`: a BitMamba-2 model, trits 2 bits each, dimensions in the header.
    Bit2,
    /// The project's own container: safetensors, either kind of model, trits in either packing.
    Container,
    /// GGUF: keys and tensors of any model; those of our families are run.
    Gguf,
    /// A directory of float weights, as model hubs have them: `config.json`, and safetensors files.
    Folder,
}

impl Format {
    /// Every format, in the order in which magics are tried.
    pub const ALL: [Self; 6] = [
        Self::Atome01,
        Self::Atome02,
        Self::AtomeCl01,
        Self::Bit2,
        Self::Gguf,
        Self::Container,
    ];

    /// Returns the format's name: the magic, or `safetensors`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Atome01 => "ATOME01",
            Self::Atome02 => "ATOME02",
            Self::AtomeCl01 => "ATOMECL01",
            Self::Bit2 => "BIT2",
            Self::Gguf => "GGUF",
            Self::Container => "safetensors",
            Self::Folder => "safetensors directory",
        }
    }

    /// Returns the bytes a file of this format starts with; a container starts with a length, not a magic.
    #[must_use]
    pub const fn magic(self) -> Option<&'static str> {
        match self {
            Self::Atome01 | Self::Atome02 | Self::AtomeCl01 | Self::Gguf => Some(self.name()),
            // The number 0x42495432, little-endian.
            Self::Bit2 => Some("2TIB"),
            Self::Container | Self::Folder => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the format that `bytes` start like, or `None`.
///
/// Nine bytes are enough for any format; fewer than a magic needs give `None`. Eight bytes of a length and an opening
/// brace are taken for a safetensors file.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let starts = |format: &Format| match format.magic() {
        Some(magic) => bytes.starts_with(magic.as_bytes()),
        None => container::header::length(bytes).is_some(),
    };
    Format::ALL.into_iter().find(starts)
}

/// Bytes that the trits of a tensor take in a file, row after row without gaps and without the scale.
#[must_use]
pub fn packed_bytes(packing: Packing, trits: usize) -> u64 {
    trits::TritBytes::from(packing).bytes(trits as u64)
}
