//! The project's own container: a safetensors file with packed trits, and everything else in its metadata.
//!
//! | file | concept |
//! |---|---|
//! | `header` | the outer format: safetensors |
//! | `entries` | what our entries of the metadata mean in every architecture |
//! | `order` | which tensors there are |
//! | `metadata` | the entries of an Atome model |
//! | `read`, `write` | container to model and back |
//! | `error` | why a file was refused |
//!
//! `docs/formats.md` describes it byte by byte.

pub(super) mod entries;
mod error;
pub(super) mod header;
mod metadata;
pub(super) mod order;
mod read;
mod write;

pub use error::ContainerError;
pub use metadata::ContainerInfo;
pub use write::{ContainerOptions, write_container};

pub(super) use read::Outline;

use atome_spec::Packing;
use header::Entry;

use super::schema::{self, Shape};
use super::{Architecture, AtomeConfig};
use crate::error::LoadError;

/// Where tensors start: a multiple of this many bytes, as for any safetensors file.
const ALIGN_BYTES: usize = 8;

/// Element type of packed trits.
const TRITS_DTYPE: &str = "U8";
/// Element type of vectors.
const FLOATS_DTYPE: &str = "F32";

/// The architecture of the model in a container, from the start of its bytes; a safetensors file that is none of ours is
/// taken for an Atome model.
pub(super) fn architecture(bytes: &[u8], file_bytes: u64) -> Result<Architecture, LoadError> {
    let header = header::Header::parse(bytes, file_bytes)?;
    let stated = entries::architecture(&header.metadata)?;
    Ok(stated.unwrap_or(Architecture::Atome))
}

/// The program that says it wrote a container, from the start of its bytes.
pub(super) fn written_by(bytes: &[u8], file_bytes: u64) -> Option<String> {
    let mut header = header::Header::parse(bytes, file_bytes).ok()?;
    entries::architecture(&header.metadata).ok()??;
    header.metadata.remove(entries::WRITTEN_BY)
}

/// The tensors of a container, in the one order that is written and read: f32 vectors, then trits, each in the order
/// of the schema, so that vectors are aligned.
fn expected_entries(
    config: &AtomeConfig,
    classes: Option<usize>,
    packing: Packing,
) -> impl Iterator<Item = Result<Entry, LoadError>> {
    let floats =
        schema::tensors(config, classes).filter(|t| matches!(t.shape, Shape::Floats { .. }));
    let trits = schema::tensors(config, classes).filter(|t| matches!(t.shape, Shape::Trits { .. }));
    let packing = super::trits::Packing::from(packing);
    let mut begin = 0u64;
    floats.chain(trits).map(move |spec| {
        let elems = spec.elems()?;
        let (dtype, length, bytes) = match spec.shape {
            Shape::Floats { .. } => (FLOATS_DTYPE, elems, elems.checked_mul(4)),
            Shape::Trits { .. } => {
                let bytes = packing.bytes(elems);
                (TRITS_DTYPE, bytes, Some(bytes))
            }
        };
        let end = bytes.and_then(|bytes| begin.checked_add(bytes));
        let end = end.ok_or_else(|| spec.too_large())?;
        let entry = Entry {
            name: spec.name.to_string(),
            dtype: dtype.to_owned(),
            shape: vec![length],
            begin,
            end,
        };
        begin = end;
        Ok(entry)
    })
}
