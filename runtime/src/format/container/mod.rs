//! The project's own container: a safetensors file with packed trits, and everything else in its metadata. It knows
//! tensors by name and shape, and no family of models.
//!
//! | file | concept |
//! |---|---|
//! | `header` | the outer format: safetensors |
//! | `metadata` | the entries beside the tensors, and their checksum |
//! | `layout` | which tensor lies where |
//! | `order` | whether a file has the tensors of its model |
//! | `part` | parts of tensors, for all threads |
//! | `pack`, `write` | tensors to a container |
//! | `check`, `read` | a container to tensors |
//! | `matrix` | matrices as kernels read them, unpacked when they are wanted |
//!
//! `docs/formats.md` describes it byte by byte.

mod check;
pub(crate) mod header;
mod layout;
mod matrix;
mod metadata;
mod order;
mod pack;
mod part;
mod read;
mod write;

pub use metadata::ContainerInfo;
pub use write::{ContainerOptions, PackSummary, PackedTensor};

pub(crate) use layout::{Encoding, Layout, has_groups};
pub(crate) use metadata::Metadata;
pub(crate) use read::Container;
pub(crate) use write::Writer;
