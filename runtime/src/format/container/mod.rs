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
pub(super) mod header;
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

pub(super) use layout::{Encoding, Layout};
pub(super) use metadata::Metadata;
pub(super) use read::Container;
pub(super) use write::Writer;

use super::Architecture;
use crate::error::FileError;

/// The architecture of the model in a container, from the start of its bytes; a safetensors file that is none of ours is
/// taken for an Atome model.
pub(super) fn architecture(bytes: &[u8], file_bytes: u64) -> Result<Architecture, FileError> {
    let header = header::Header::parse(bytes, file_bytes)?;
    let metadata = Metadata::of_any(header.metadata);
    if !metadata.is_container() {
        return Ok(Architecture::Atome);
    }
    family(&metadata)
}

/// The architecture that a container states.
pub(super) fn family(metadata: &Metadata) -> Result<Architecture, FileError> {
    const KEY: &str = "architecture";
    let stated = metadata.get(KEY)?;
    let known = Architecture::ALL.into_iter().find(|a| a.name() == stated);
    let names = Architecture::ALL.map(Architecture::name).join(" or ");
    Ok(known.ok_or_else(|| metadata.wrong(KEY, names))?)
}

/// The program that says it wrote a container, from the start of its bytes.
pub(super) fn written_by(bytes: &[u8], file_bytes: u64) -> Option<String> {
    let header = header::Header::parse(bytes, file_bytes).ok()?;
    let metadata = Metadata::of_any(header.metadata);
    metadata.is_container().then(|| metadata.written_by())?
}
