//! File formats: bytes from strangers in, plain checked models out.
//!
//! [`load`] reads a file of any family and gives a [`Checkpoint`]. An [`AtomeModel`] has its trits unpacked and its every
//! number checked; `write_*` are the inverse of [`parse`]: a file that loads is reproduced byte for byte. A
//! [`BitMamba2Model`] may be large: its headers are checked when it is opened, its elements as they are read.
//!
//! | module | job |
//! |---|---|
//! | `architecture` | the families |
//! | `check` | whether a model in memory is one that a file could hold |
//! | `checkpoint` | a model of any family, and which reader a file is for |
//! | `config` | dimensions of the Atome family from JSON, and their limits |
//! | `schema` | the tensors of an Atome file in order, and the length they add up to |
//! | `trits` | the two packings of Atome files |
//! | `model` | the neutral form of the Atome family |
//! | `read`, `write` | bytes to Atome model and back |
//! | `container` | the project's own format, a safetensors file |
//! | `quantize`, `floats` | float weights to trits, a file of them to a model |
//! | `packable` | any file that can be packed |
//! | `packed` | Atome models in the container |
//! | `random` | seeded Atome models for tests and benchmarks |
//! | `bitmamba2` | the BitMamba-2 family, its `BIT2` files and its containers |
//! | `source` | tensors that are read a part at a time |
//! | `parallel` | work that all threads share |
//!
//! The bytes themselves are drawn in `docs/formats.md`; what a hostile file can do, in `docs/security.md`.

mod architecture;
pub(crate) mod bitmamba2;
mod check;
mod checkpoint;
mod config;
mod container;
mod floats;
mod model;
mod packable;
mod packed;
mod parallel;
mod quantize;
mod random;
mod read;
mod schema;
mod source;
mod trits;
mod write;

pub use architecture::Architecture;
pub(crate) use bitmamba2::Elements;
pub use bitmamba2::{
    BitMamba2Config, BitMamba2Layer, BitMamba2Model, EmbeddingTable, EmbeddingType, FloatTensor,
    TernaryTensor, compare, write_packed,
};
pub use check::InvalidModel;
pub(crate) use check::check_finite;
pub use checkpoint::{Checkpoint, architecture, load, load_with, parse_checkpoint, written_by};
pub use config::AtomeConfig;
pub use container::{ContainerError, ContainerInfo, ContainerOptions, PackSummary, PackedTensor};
pub use floats::{FloatOptions, QuantizedTensor, ScaleRule, quantize_file};
pub use model::{AtomeBlock, AtomeModel, PATHWAYS, TensorRef, Ternary};
pub use packable::{Packable, packed_bytes};
pub use packed::{parse_container, write_container};
pub use quantize::{quantize, quantize_absmean};
pub use read::parse;
pub use source::{Floats, Stored, TritRows};
pub use write::{WriteError, write_atome01, write_atome02, write_atomecl01};

use schema::Frame;
use trits::Packing;

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
}

impl Format {
    /// Every format, in the order in which magics are tried.
    pub const ALL: [Self; 5] = [
        Self::Atome01,
        Self::Atome02,
        Self::AtomeCl01,
        Self::Bit2,
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
            Self::Container => "safetensors",
        }
    }

    /// Returns the bytes a file of this format starts with; a container starts with a length, not a magic.
    #[must_use]
    pub const fn magic(self) -> Option<&'static str> {
        match self {
            Self::Atome01 | Self::Atome02 | Self::AtomeCl01 => Some(self.name()),
            // The number 0x42495432, little-endian.
            Self::Bit2 => Some("2TIB"),
            Self::Container => None,
        }
    }

    /// What an `ATOME` file has around its tensors; `None` for the formats that say so themselves.
    const fn frame(self) -> Option<Frame> {
        let (classes_bytes, packing) = match self {
            Self::Atome01 => (0, Packing::Int2),
            Self::Atome02 => (0, Packing::Base3),
            Self::AtomeCl01 => (4, Packing::Int2),
            Self::Bit2 | Self::Container => return None,
        };
        let header_bytes = self.name().len() + classes_bytes;
        Some(Frame {
            header_bytes,
            packing,
        })
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
