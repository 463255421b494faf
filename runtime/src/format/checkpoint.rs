//! A model of any family, and which reader a file is for.

use super::config::open;
use super::source::Source;
use super::{
    Architecture, AtomeConfig, AtomeModel, BitMamba2Model, Format, bitmamba2, container, detect,
    packed, read,
};
use crate::error::LoadError;
use crate::fill::Progress;
use crate::mapped::MappedFile;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

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
    load_with(path, config, &mut |_, _| {})
}

/// Like [`load`]; `progress` is told how many bytes of a file that is checked as a whole, of how many, are checked.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: &Path,
    config: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Checkpoint, LoadError> {
    let in_model = |fault: LoadError| fault.in_file(path);
    let Opened {
        mut file,
        bytes,
        mut start,
        format,
    } = Opened::new(path).map_err(in_model)?;
    match format {
        Format::Bit2 => bitmamba2::open_file(file, bytes)
            .map(Checkpoint::BitMamba2)
            .map_err(in_model),
        Format::Container => {
            let config = config.map(AtomeConfig::from_file).transpose()?;
            match read::container_architecture(&mut file, bytes, &mut start).map_err(in_model)? {
                Architecture::BitMamba2 => mapped(&file)
                    .and_then(|source| bitmamba2::packed::read(source, progress))
                    .map(Checkpoint::BitMamba2)
                    .map_err(in_model),
                Architecture::Atome => read::load_container(file, bytes, start, config.as_ref())
                    .map(Checkpoint::Atome)
                    .map_err(in_model),
            }
        }
        Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => {
            read::load(path, file, bytes, start, config).map(Checkpoint::Atome)
        }
    }
}

/// Reads a model from the bytes of a container.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse_checkpoint(bytes: &[u8]) -> Result<Checkpoint, LoadError> {
    match container::architecture(bytes, bytes.len() as u64)? {
        Architecture::BitMamba2 => {
            bitmamba2::packed::read(Source::Memory(bytes.to_vec()), &mut |_, _| {})
                .map(Checkpoint::BitMamba2)
        }
        Architecture::Atome => Ok(Checkpoint::Atome(packed::parse_container(bytes)?.0)),
    }
}

/// Tells the family of the model in a file from its first bytes. Float weights are taken for those of an Atome model.
///
/// # Errors
/// If the file cannot be read or starts like no format.
pub fn architecture(path: &Path) -> Result<Architecture, LoadError> {
    let found = || {
        let mut opened = Opened::new(path)?;
        match opened.format {
            Format::Bit2 => Ok(Architecture::BitMamba2),
            Format::Container => {
                let Opened {
                    file, bytes, start, ..
                } = &mut opened;
                read::container_architecture(file, *bytes, start)
            }
            _ => Ok(Architecture::Atome),
        }
    };
    found().map_err(|fault: LoadError| fault.in_file(path))
}

/// The program that says it wrote a container: `None` where it does not say, and for any other file.
#[must_use]
pub fn written_by(path: &Path) -> Option<String> {
    let Opened {
        mut file,
        bytes,
        mut start,
        format,
    } = Opened::new(path).ok()?;
    if format != Format::Container {
        return None;
    }
    read::container_architecture(&mut file, bytes, &mut start).ok()?;
    container::written_by(&start, bytes)
}

fn mapped(file: &File) -> Result<Source, LoadError> {
    let file = MappedFile::new(file).map_err(|cause| LoadError::Io { cause })?;
    Ok(Source::Mapped(Arc::new(file)))
}

/// A file of a known format.
struct Opened {
    file: File,
    bytes: u64,
    /// What has been read of it.
    start: Vec<u8>,
    format: Format,
}

impl Opened {
    fn new(path: &Path) -> Result<Opened, LoadError> {
        let (mut file, bytes) = open(path)?;
        let start = start_of(&mut file)?;
        let format = detect(&start).ok_or_else(|| LoadError::unknown_magic(&start))?;
        Ok(Opened {
            file,
            bytes,
            start,
            format,
        })
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
