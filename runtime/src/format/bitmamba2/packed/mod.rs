//! BitMamba-2 models in the project's container: matrices, and the embedding table, as kernels read them, each at a
//! multiple of 256 bytes, so that a mapped file needs no repacking.
//!
//! | file | job |
//! |---|---|
//! | `layout` | which tensor lies where |
//! | `metadata` | the entries of the header |
//! | `pack` | parts of a model as the bytes of a file |
//! | `write` | a model to a file |
//! | `check` | checksums and codes of all tensors, by all threads |
//! | `read` | a file to a model |
//! | `compare` | two models, number by number |
//!
//! `docs/formats.md` describes the file byte by byte.

mod check;
mod compare;
mod layout;
mod metadata;
mod pack;
mod read;
mod write;

pub use compare::compare;
pub(in crate::format) use read::{open_file, parse};
pub use write::{PackOptions, PackSummary, PackedTensor, write_packed};
