//! File formats: bytes from strangers in, plain checked models out.
//!
//! [`load`] reads a file, [`parse`] reads bytes; both give an [`AtomeModel`], whose trits are unpacked and whose every
//! number has been checked. `write_*` are the inverse: a file that loads is reproduced byte for byte.
//!
//! | module | job |
//! |---|---|
//! | `config` | dimensions from JSON, and their limits |
//! | `schema` | the tensors of a file in order, and the length they add up to |
//! | `trits` | the two packings of the files |
//! | `model` | the neutral form |
//! | `read`, `write` | bytes to model and back |
//! | `random` | seeded models for tests and benchmarks |
//!
//! The bytes themselves are drawn in `docs/formats.md`; what a hostile file can do, in `docs/security.md`.

mod config;
mod model;
mod random;
mod read;
mod schema;
mod trits;
mod write;

pub use config::AtomeConfig;
pub use model::{AtomeBlock, AtomeModel, PATHWAYS, Ternary};
pub use read::{load, parse};
pub use write::{write_atome01, write_atome02, write_atomecl01};

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
}

impl Format {
    /// Every format, in the order in which magics are tried.
    pub const ALL: [Self; 3] = [Self::Atome01, Self::Atome02, Self::AtomeCl01];

    /// Returns the bytes a file of this format starts with.
    #[must_use]
    pub const fn magic(self) -> &'static str {
        match self {
            Self::Atome01 => "ATOME01",
            Self::Atome02 => "ATOME02",
            Self::AtomeCl01 => "ATOMECL01",
        }
    }

    /// Length in bytes of the header: the magic, and for a classifier the class count after it.
    const fn header_bytes(self) -> usize {
        match self {
            Self::Atome01 | Self::Atome02 => self.magic().len(),
            Self::AtomeCl01 => self.magic().len() + 4,
        }
    }

    const fn packing(self) -> Packing {
        match self {
            Self::Atome01 | Self::AtomeCl01 => Packing::Int2,
            Self::Atome02 => Packing::Base3,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.magic())
    }
}

/// Returns the format whose magic `bytes` start with, or `None`.
///
/// Nine bytes are enough for any format; fewer than a magic needs give `None`.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    Format::ALL
        .into_iter()
        .find(|format| bytes.starts_with(format.magic().as_bytes()))
}
