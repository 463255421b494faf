//! Bytes to model. Order of the checks: kind of file, magic, header, config, length, and only then the tensors.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::config::open;
use super::model::{AtomeModel, Ternary};
use super::schema::{self, TensorName, TensorSource};
use super::trits::{Fault, Packing};
use super::{AtomeConfig, Format, MAX_CLASSES, detect};
use crate::error::LoadError;

/// The longest header of any format, in bytes.
const MAX_HEADER_BYTES: usize = 13;

/// Reads a model from a file.
///
/// The dimensions come from `config`, or from the `.json` beside the model that has the same stem.
/// Memory: the file's bytes and its unpacked trits, together at most six times the file's length, and about a kilobyte
/// a block; allocated only after the length has been found to be the one the dimensions ask for.
///
/// # Errors
/// The first fault found, with the path of the file it is in.
pub fn load(path: &Path, config: Option<&Path>) -> Result<AtomeModel, LoadError> {
    let in_model = |fault: LoadError| fault.in_file(path);
    let (mut file, file_bytes) = open(path).map_err(in_model)?;
    let mut bytes = Vec::new();
    read_up_to(&mut file, MAX_HEADER_BYTES as u64, &mut bytes).map_err(in_model)?;
    let header = Header::parse(&bytes).map_err(in_model)?;

    let config = match config {
        Some(config) => AtomeConfig::from_file(config)?,
        None => config_beside(path)?,
    };
    schema::check_size(header.format, &config, header.classes, file_bytes).map_err(in_model)?;

    // One byte more than announced, so that a file that has grown since is noticed.
    read_up_to(
        &mut file,
        (file_bytes + 1).saturating_sub(bytes.len() as u64),
        &mut bytes,
    )
    .map_err(in_model)?;
    parse(&bytes, &config).map_err(in_model)
}

/// Reads a model from the bytes of a file and its dimensions.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse(bytes: &[u8], config: &AtomeConfig) -> Result<AtomeModel, LoadError> {
    let header = Header::parse(bytes)?;
    config.validate()?;
    schema::check_size(header.format, config, header.classes, bytes.len() as u64)?;
    let mut reader = Reader {
        bytes,
        offset: header.format.header_bytes(),
        packing: header.format.packing(),
    };
    schema::assemble(config, header.format, header.classes, &mut reader)
}

fn config_beside(model: &Path) -> Result<AtomeConfig, LoadError> {
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

/// What the first bytes of a file say.
struct Header {
    format: Format,
    classes: Option<usize>,
}

impl Header {
    /// Reads a header from the start of a file; [`MAX_HEADER_BYTES`] are enough.
    fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.is_empty() {
            return Err(LoadError::Empty);
        }
        let Some(format) = detect(bytes) else {
            let found = &bytes[..bytes.len().min(9)];
            return Err(LoadError::BadMagic {
                found: found.escape_ascii().to_string(),
            });
        };
        let classes = match format {
            Format::AtomeCl01 => Some(class_count(&bytes[format.magic().len()..])?),
            Format::Atome01 | Format::Atome02 => None,
        };
        Ok(Self { format, classes })
    }
}

fn class_count(after_magic: &[u8]) -> Result<usize, LoadError> {
    let offset = Format::AtomeCl01.magic().len() as u64;
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

    fn trits(&mut self, name: TensorName, count: usize) -> Result<Vec<i8>, LoadError> {
        let (bytes, start) = self.take(name, count.div_ceil(self.packing.per_byte()))?;
        self.packing.unpack(bytes, count).map_err(|fault| {
            let tensor = name.to_string();
            let at = |index: usize| (start + index as u64, bytes[index]);
            match fault {
                Fault::Code { index } => {
                    let (offset, byte) = at(index);
                    match self.packing {
                        Packing::Int2 => LoadError::BadInt2 {
                            tensor,
                            offset,
                            byte,
                        },
                        Packing::Base3 => LoadError::BadBase3 {
                            tensor,
                            offset,
                            byte,
                        },
                    }
                }
                Fault::Padding { index, unused } => {
                    let (offset, byte) = at(index);
                    LoadError::BadPadding {
                        tensor,
                        offset,
                        byte,
                        unused,
                    }
                }
            }
        })
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
        let trits = self.trits(name, rows * cols)?;
        Ok(Ternary {
            name: name.to_string(),
            rows,
            cols,
            scale,
            trits,
        })
    }

    fn floats(&mut self, name: TensorName, len: usize) -> Result<Vec<f32>, LoadError> {
        let (bytes, start) = self.take(name, 4 * len)?;
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
}
