//! Bytes to model. Order of the checks: kind of file, magic, header, config, length, and only then the tensors.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::config::open;
use super::container;
use super::model::{AtomeModel, Ternary};
use super::schema::{self, Frame, TensorName, TensorSource};
use super::source::Source;
use super::trits::Packing;
use super::{Architecture, AtomeConfig, Format, MAX_CLASSES, detect, packed};
use crate::error::LoadError;

/// Reads the `ATOME` model in `file`, which is at `path`, `file_bytes` long and starts with `bytes`, already read.
pub(super) fn load(
    path: &Path,
    mut file: File,
    file_bytes: u64,
    mut bytes: Vec<u8>,
    config: Option<&Path>,
) -> Result<AtomeModel, LoadError> {
    let in_model = |fault: LoadError| fault.in_file(path);
    let header = FileHeader::parse(&bytes).map_err(in_model)?;
    let config = match config {
        Some(config) => AtomeConfig::from_file(config)?,
        None => config_beside(path)?,
    };
    schema::check_size(header.frame, &config, header.classes, file_bytes).map_err(in_model)?;
    read_rest(&mut file, file_bytes, &mut bytes).map_err(in_model)?;
    parse(&bytes, &config).map_err(in_model)
}

/// Reads the header of the container in `file`, after the `bytes` already read, and tells the model's architecture.
pub(super) fn container_architecture(
    file: &mut File,
    file_bytes: u64,
    bytes: &mut Vec<u8>,
) -> Result<Architecture, LoadError> {
    let header = container::header::length(bytes).unwrap_or_default();
    let header = header.min(container::header::MAX_HEADER_BYTES) + bytes.len() as u64;
    read_up_to(file, header, bytes)?;
    container::architecture(bytes, file_bytes)
}

/// Reads the container in `file`, which is `file_bytes` long and starts with `bytes`, already read, the header
/// among them.
pub(super) fn load_container(
    mut file: File,
    file_bytes: u64,
    mut bytes: Vec<u8>,
    config: Option<&AtomeConfig>,
) -> Result<AtomeModel, LoadError> {
    read_rest(&mut file, file_bytes, &mut bytes)?;
    Ok(packed::read(Source::Memory(bytes), config)?.0)
}

/// Reads a model from the bytes of a file and its dimensions. Those of a container must be the same as its own.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse(bytes: &[u8], config: &AtomeConfig) -> Result<AtomeModel, LoadError> {
    config.validate()?;
    if detect(bytes) == Some(Format::Container) {
        return Ok(packed::read(Source::Memory(bytes.to_vec()), Some(config))?.0);
    }
    let header = FileHeader::parse(bytes)?;
    schema::check_size(header.frame, config, header.classes, bytes.len() as u64)?;
    let mut reader = Reader {
        bytes,
        offset: header.frame.header_bytes,
        packing: header.frame.packing,
    };
    schema::assemble(config, header.format, header.classes, &mut reader)
}

pub(super) fn config_beside(model: &Path) -> Result<AtomeConfig, LoadError> {
    let tried = model.with_extension("json");
    if tried.exists() {
        AtomeConfig::from_file(&tried)
    } else {
        Err(LoadError::NoConfig { tried }.in_file(model))
    }
}

/// Appends at most `limit` bytes of `file` to `bytes`.
fn read_up_to(file: &mut File, limit: u64, bytes: &mut Vec<u8>) -> Result<(), LoadError> {
    let no_memory = || LoadError::OutOfMemory { bytes: limit };
    let extra = usize::try_from(limit).map_err(|_| no_memory())?;
    bytes.try_reserve_exact(extra).map_err(|_| no_memory())?;
    file.take(limit)
        .read_to_end(bytes)
        .map_err(|cause| LoadError::Io { cause })?;
    Ok(())
}

/// Reads a whole file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let (mut file, file_bytes) = open(path)?;
    let mut bytes = Vec::new();
    read_rest(&mut file, file_bytes, &mut bytes)?;
    Ok(bytes)
}

/// Reads what is left of a file, and one byte more than announced, so that a file that has grown since is noticed.
fn read_rest(file: &mut File, file_bytes: u64, bytes: &mut Vec<u8>) -> Result<(), LoadError> {
    let rest = (file_bytes + 1).saturating_sub(bytes.len() as u64);
    read_up_to(file, rest, bytes)
}

/// What the first bytes of an `ATOME` file say.
struct FileHeader {
    format: Format,
    frame: Frame,
    classes: Option<usize>,
}

impl FileHeader {
    /// Reads a header from the start of a file.
    fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let known = detect(bytes).and_then(|format| Some((format, format.frame()?)));
        let (format, frame) = known.ok_or_else(|| LoadError::unknown_magic(bytes))?;
        let classes = match format {
            Format::AtomeCl01 => Some(class_count(&bytes[format.name().len()..])?),
            _ => None,
        };
        Ok(Self {
            format,
            frame,
            classes,
        })
    }
}

/// Checks that a file starts like an `ATOME` file.
pub(super) fn check_magic(bytes: &[u8]) -> Result<(), LoadError> {
    FileHeader::parse(bytes).map(drop)
}

fn class_count(after_magic: &[u8]) -> Result<usize, LoadError> {
    let offset = Format::AtomeCl01.name().len() as u64;
    let Some(&count) = after_magic.first_chunk::<4>() else {
        return Err(LoadError::Truncated {
            tensor: "class count".into(),
            offset,
            expected: 4,
            found: after_magic.len() as u64,
        });
    };
    let found = i32::from_le_bytes(count);
    usize::try_from(found)
        .ok()
        .filter(|classes| (1..=MAX_CLASSES).contains(classes))
        .ok_or(LoadError::ClassCount {
            offset,
            max: MAX_CLASSES,
            found,
        })
}

/// Walks over the bytes of a file, a tensor at a time.
struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
    packing: Packing,
}

impl<'b> Reader<'b> {
    /// Takes the next `count` bytes, and returns them with the offset of the first.
    fn take(&mut self, name: TensorName, count: usize) -> Result<(&'b [u8], u64), LoadError> {
        let (offset, rest) = (self.offset as u64, &self.bytes[self.offset..]);
        let Some(taken) = rest.get(..count) else {
            return Err(LoadError::Truncated {
                tensor: name.to_string(),
                offset,
                expected: count as u64,
                found: rest.len() as u64,
            });
        };
        self.offset += count;
        Ok((taken, offset))
    }

    fn scale(&mut self, name: TensorName) -> Result<f32, LoadError> {
        let (bytes, offset) = self.take(name, 4)?;
        let scale = bytes
            .first_chunk()
            .map_or(f32::NAN, |&b| f32::from_le_bytes(b));
        if scale.is_finite() && scale.is_sign_positive() {
            Ok(scale)
        } else {
            Err(LoadError::BadScale {
                tensor: name.to_string(),
                offset,
                found: scale,
            })
        }
    }
}

/// Reads the finite numbers of a tensor whose bytes stand at `start` of the file.
fn read_floats(name: TensorName, bytes: &[u8], start: u64) -> Result<Vec<f32>, LoadError> {
    let (words, _) = bytes.as_chunks();
    let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(index) => Err(LoadError::NotFinite {
            tensor: name.to_string(),
            offset: start + 4 * index as u64,
            index,
            found: values[index],
        }),
    }
}

impl TensorSource for Reader<'_> {
    type Error = LoadError;

    fn ternary(
        &mut self,
        name: TensorName,
        rows: usize,
        cols: usize,
    ) -> Result<Ternary, LoadError> {
        let scale = self.scale(name)?;
        let count = rows * cols;
        let (bytes, start) = self.take(name, count.div_ceil(self.packing.per_byte()))?;
        let name = name.to_string();
        let trits = self.packing.unpack_at(&name, bytes, start, count)?;
        Ok(Ternary {
            name,
            rows,
            cols,
            scale,
            trits,
        })
    }

    fn floats(&mut self, name: TensorName, len: usize) -> Result<Vec<f32>, LoadError> {
        let (bytes, start) = self.take(name, 4 * len)?;
        read_floats(name, bytes, start)
    }
}
