//! A model of any family, and which reader a file is for.

use super::config::open;
use super::{AtomeConfig, AtomeModel, BitMamba2Model, Format, bitmamba2, detect, read};
use crate::error::LoadError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that tell any format from the others, and hold the header of an Atome file.
const MAX_HEADER_BYTES: usize = 13;

/// A model as it was read, of one of the families.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "there is one of a model")]
pub enum Checkpoint {
    /// Embedding, three pathways a block, router.
    Atome(AtomeModel),
    /// Mamba-2 with ternary projections and int8 activations.
    BitMamba2(BitMamba2Model),
}

impl Checkpoint {
    /// Returns the model if it is of the Atome family.
    #[must_use]
    pub fn into_atome(self) -> Option<AtomeModel> {
        match self {
            Checkpoint::Atome(model) => Some(model),
            Checkpoint::BitMamba2(_) => None,
        }
    }
}

/// Reads a model from a file.
///
/// The dimensions of an Atome model come from `config`, or from the `.json` beside the model that has the same stem; other
/// formats store them. Memory for an Atome model: the file's bytes and its unpacked trits, together at most six times the
/// file's length, and about a kilobyte a block; allocated only after the length has been found to be the one the
/// dimensions ask for. The tensors of other models stay in the file until they are read.
///
/// # Errors
/// The first fault found, with the path of the file it is in.
pub fn load(path: &Path, config: Option<&Path>) -> Result<Checkpoint, LoadError> {
    let in_model = |fault: LoadError| fault.in_file(path);
    let (mut file, bytes) = open(path).map_err(in_model)?;
    let start = start_of(&mut file).map_err(in_model)?;
    match detect(&start) {
        None => Err(in_model(LoadError::unknown_magic(&start))),
        Some(Format::Bit2) => bitmamba2::open_file(file, bytes)
            .map(Checkpoint::BitMamba2)
            .map_err(in_model),
        Some(Format::Container) => {
            let config = config.map(AtomeConfig::from_file).transpose()?;
            read::load_container(file, bytes, start, config.as_ref())
                .map(Checkpoint::Atome)
                .map_err(in_model)
        }
        Some(Format::Atome01 | Format::Atome02 | Format::AtomeCl01) => {
            read::load(path, file, bytes, start, config).map(Checkpoint::Atome)
        }
    }
}

/// The first bytes of a file, as many as any header needs.
fn start_of(file: &mut File) -> Result<Vec<u8>, LoadError> {
    let mut start = Vec::new();
    let mut header = file.take(MAX_HEADER_BYTES as u64);
    header
        .read_to_end(&mut start)
        .map_err(|cause| LoadError::Io { cause })?;
    Ok(start)
}
