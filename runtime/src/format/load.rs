//! A model of any family from a file of any format: which reader a file is for.

use super::config::open;
use super::files::{read_header, read_rest};
use super::{
    Architecture, AtomeConfig, Checkpoint, Format, atome, bit2, container, detect, packed,
};
use crate::error::FileError;
use crate::mapped::MappedFile;
use crate::progress::Progress;
use crate::tensor::Source;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Bytes that tell any format from the others, and hold the header of an Atome file.
const MAX_HEADER_BYTES: usize = 13;

/// Reads a model from a file.
///
/// The dimensions of an Atome model come from `config`, or from the `.json` beside the model that has the same stem; other
/// formats store them. Memory for an Atome model: the file's bytes and its unpacked trits, together at most six times the
/// file's length, and about a kilobyte a block; allocated only after the length has been found to be the one the
/// dimensions ask for. The tensors of other models stay in the file until they are read.
///
/// # Errors
/// The first fault found, with the path of the file it is in.
pub fn load(path: &Path, config: Option<&Path>) -> Result<Checkpoint, FileError> {
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
) -> Result<Checkpoint, FileError> {
    let in_model = |fault: FileError| fault.in_file(path);
    let Opened {
        mut file,
        bytes,
        mut start,
        format,
    } = Opened::new(path).map_err(in_model)?;
    match format {
        Format::Bit2 => bit2::open(Source::File { file, bytes }).map_err(in_model),
        Format::Container => {
            let config = config.map(AtomeConfig::from_file).transpose()?;
            let mut source = || {
                read_header(&mut file, &mut start)?;
                if packed::is_mapped(container::architecture(&start, bytes)?) {
                    return mapped(&file);
                }
                read_rest(&mut file, bytes, &mut start)?;
                Ok(Source::Memory(std::mem::take(&mut start)))
            };
            let model = source().and_then(|file| packed::read(file, config.as_ref(), progress));
            Ok(model.map_err(in_model)?.0)
        }
        Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => {
            atome::load(path, file, bytes, start, config)
        }
    }
}

/// Reads a model from the bytes of a container.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse_checkpoint(bytes: &[u8]) -> Result<Checkpoint, FileError> {
    Ok(packed::parse_container(bytes)?.0)
}

/// Tells the family of the model in a file from its first bytes. Float weights are taken for those of an Atome model.
///
/// # Errors
/// If the file cannot be read or starts like no format.
pub fn architecture(path: &Path) -> Result<Architecture, FileError> {
    let found = || {
        let mut opened = Opened::new(path)?;
        match opened.format {
            Format::Bit2 => Ok(Architecture::BitMamba2),
            Format::Container => {
                let Opened {
                    file, bytes, start, ..
                } = &mut opened;
                read_header(file, start)?;
                container::architecture(start, *bytes)
            }
            _ => Ok(Architecture::Atome),
        }
    };
    found().map_err(|fault: FileError| fault.in_file(path))
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
    read_header(&mut file, &mut start).ok()?;
    container::written_by(&start, bytes)
}

fn mapped(file: &File) -> Result<Source, FileError> {
    let file = MappedFile::new(file).map_err(|cause| FileError::Io { cause })?;
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
    fn new(path: &Path) -> Result<Opened, FileError> {
        let (mut file, bytes) = open(path)?;
        let start = start_of(&mut file)?;
        let format = detect(&start).ok_or_else(|| FileError::unknown_magic(&start))?;
        Ok(Opened {
            file,
            bytes,
            start,
            format,
        })
    }
}

/// The first bytes of a file, as many as any header needs.
fn start_of(file: &mut File) -> Result<Vec<u8>, FileError> {
    let mut start = Vec::new();
    let mut header = file.take(MAX_HEADER_BYTES as u64);
    header
        .read_to_end(&mut start)
        .map_err(|cause| FileError::Io { cause })?;
    Ok(start)
}
