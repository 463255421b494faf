//! `ATOME` files: a magic, for a classifier the number of classes, then tensors one after the other. Order of the checks:
//! magic, header, config, length, and only then the tensors.

use super::files::{config_beside, one_after_the_other, read_rest};
use super::{AtomeConfig, Checkpoint, Config, Format, MAX_CLASSES, WriteError, detect, packed};
use crate::error::{FileError, TensorFault};
use crate::tensor::trits::Packing;
use crate::tensor::{Kind, Param, Source, Tensor, Ternary, Values, check_finite, check_trits};
use std::fs::File;
use std::path::Path;

/// Reads the model in `file`, which is at `path`, `file_bytes` long and starts with `bytes`, already read.
pub(super) fn load(
    path: &Path,
    mut file: File,
    file_bytes: u64,
    mut bytes: Vec<u8>,
    config: Option<&Path>,
) -> Result<Checkpoint, FileError> {
    let in_model = |fault: FileError| fault.in_file(path);
    let header = FileHeader::parse(&bytes).map_err(in_model)?;
    let config = match config {
        Some(config) => AtomeConfig::from_file(config)?,
        None => config_beside(path)?,
    };
    let empty = header.checkpoint(&config, file_bytes).map_err(in_model)?;
    read_rest(&mut file, file_bytes, &mut bytes).map_err(in_model)?;
    header.read(empty, &bytes).map_err(in_model)
}

/// Reads a model from the bytes of a file and its dimensions. Those of a container must be the same as its own.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse(bytes: &[u8], config: &AtomeConfig) -> Result<Checkpoint, FileError> {
    config.validate()?;
    if detect(bytes) == Some(Format::Container) {
        let source = Source::Memory(bytes.to_vec());
        return Ok(packed::read(source, Some(config), &mut |_, _| {})?.0);
    }
    let header = FileHeader::parse(bytes)?;
    let empty = header.checkpoint(config, bytes.len() as u64)?;
    header.read(empty, bytes)
}

/// What an `ATOME` file has around and inside its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    /// Length of the header: the magic, and for a classifier the class count after it.
    header_bytes: usize,
    /// How trits are packed.
    packing: Packing,
}

impl Frame {
    /// That of an `ATOME` format; `None` for the formats that say so themselves.
    fn of(format: Format) -> Option<Frame> {
        let (classes_bytes, packing) = match format {
            Format::Atome01 => (0, Packing::Int2),
            Format::Atome02 => (0, Packing::Base3),
            Format::AtomeCl01 => (4, Packing::Int2),
            Format::Bit2 | Format::Container => return None,
        };
        let header_bytes = format.name().len() + classes_bytes;
        Some(Frame {
            header_bytes,
            packing,
        })
    }

    /// Checks that a file of `file_bytes` holds exactly these tensors.
    ///
    /// # Errors
    /// [`FileError::Truncated`] for the first tensor that does not fit, [`FileError::TrailingBytes`] for bytes after the
    /// last, [`TensorFault::TooLarge`] for a tensor that no file could hold.
    fn check_size(self, params: &[Param], file_bytes: u64) -> Result<(), FileError> {
        let bytes = |param: &Param| self.bytes(param);
        one_after_the_other(params, self.header_bytes as u64, file_bytes, bytes)
    }

    /// Bytes of a tensor, a scale included.
    fn bytes(self, param: &Param) -> Result<u64, FileError> {
        let elems = param.elems()? as u64;
        let bytes = match param.kind {
            Kind::Ternary { .. } => self.packing.bytes(elems).checked_add(4),
            Kind::Table { .. } | Kind::Floats(_) => elems.checked_mul(4),
        };
        bytes.ok_or_else(|| param.too_large())
    }
}

/// What the first bytes of an `ATOME` file say.
struct FileHeader {
    format: Format,
    frame: Frame,
    classes: Option<usize>,
}

impl FileHeader {
    /// Reads a header from the start of a file.
    fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let known = detect(bytes).and_then(|format| Some((format, Frame::of(format)?)));
        let (format, frame) = known.ok_or_else(|| FileError::unknown_magic(bytes))?;
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

    /// The model without its tensors, which a file of `file_bytes` has.
    fn checkpoint(&self, config: &AtomeConfig, file_bytes: u64) -> Result<Checkpoint, FileError> {
        let empty = Checkpoint::empty(config.clone(), self.classes, self.format)?;
        self.frame.check_size(empty.params(), file_bytes)?;
        Ok(empty)
    }

    /// Reads the tensors of a file.
    fn read(&self, mut checkpoint: Checkpoint, bytes: &[u8]) -> Result<Checkpoint, FileError> {
        // Once more: the file may have changed.
        self.frame
            .check_size(checkpoint.params(), bytes.len() as u64)?;
        let mut reader = Reader {
            bytes,
            offset: self.frame.header_bytes,
            packing: self.frame.packing,
        };
        let mut tensors = Vec::new();
        for param in checkpoint.params() {
            tensors.push((param.name.clone(), reader.tensor(param)?));
        }
        checkpoint.tensors.extend(tensors);
        Ok(checkpoint)
    }
}

/// Checks that a file starts like an `ATOME` file.
pub(super) fn check_magic(bytes: &[u8]) -> Result<(), FileError> {
    FileHeader::parse(bytes).map(drop)
}

fn class_count(after_magic: &[u8]) -> Result<usize, FileError> {
    let offset = Format::AtomeCl01.name().len() as u64;
    let Some(&count) = after_magic.first_chunk::<4>() else {
        return Err(FileError::Truncated {
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
        .ok_or_else(|| FileError::Field {
            field: "class count",
            offset,
            expected: format!("1 to {MAX_CLASSES}"),
            found: found.into(),
        })
}

/// Walks over the bytes of a file, a tensor at a time.
struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
    packing: Packing,
}

impl<'b> Reader<'b> {
    /// Takes the next `count` bytes, which the length was checked for, and returns them with the offset of the first.
    fn take(&mut self, count: usize) -> (&'b [u8], u64) {
        let offset = self.offset as u64;
        let taken = &self.bytes[self.offset..][..count];
        self.offset += count;
        (taken, offset)
    }

    fn tensor(&mut self, param: &Param) -> Result<Tensor, FileError> {
        let name = param.name.clone();
        let (rows, cols) = param.kind.matrix();
        let count = rows * cols;
        match param.kind {
            Kind::Ternary { .. } => {
                let scale = self.scale(&name)?;
                let (bytes, start) = self.take(count.div_ceil(self.packing.per_byte()));
                let trits = self.packing.unpack_at(&name, bytes, start, count)?;
                let matrix = Ternary {
                    name,
                    rows,
                    cols,
                    scale,
                    trits,
                };
                Ok(matrix.into())
            }
            Kind::Table { .. } | Kind::Floats(_) => {
                let (bytes, start) = self.take(4 * count);
                let values = floats(&name, bytes, start)?;
                Ok(Values { name, values }.into())
            }
        }
    }

    fn scale(&mut self, name: &str) -> Result<f32, FileError> {
        let (bytes, offset) = self.take(4);
        let scale = bytes
            .first_chunk()
            .map_or(f32::NAN, |&b| f32::from_le_bytes(b));
        if scale.is_finite() && scale.is_sign_positive() {
            Ok(scale)
        } else {
            Err(FileError::tensor(
                name.to_owned(),
                TensorFault::Scale {
                    expected: "scale of 0 or more",
                    offset,
                    found: scale,
                },
            ))
        }
    }
}

/// The finite numbers of a tensor whose bytes stand at `start` of the file.
fn floats(name: &str, bytes: &[u8], start: u64) -> Result<Vec<f32>, FileError> {
    let (words, _) = bytes.as_chunks();
    let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(index) => Err(FileError::tensor(
            name.to_owned(),
            TensorFault::NotFinite {
                offset: start + 4 * index as u64,
                index,
                found: values[index],
            },
        )),
    }
}

/// Returns an Atome model as an `ATOME01` file: trits 2 bits each. A classifier's head has no place in it and is left out.
///
/// # Errors
/// If no file could hold the model ([`Checkpoint::check`]), or it is of another family.
pub fn write_atome01(model: &Checkpoint) -> Result<Vec<u8>, WriteError> {
    write(model, None, Format::Atome01)
}

/// Returns an Atome model as an `ATOME02` file: five trits a byte. A classifier's head has no place in it and is left out.
///
/// # Errors
/// As [`write_atome01`].
pub fn write_atome02(model: &Checkpoint) -> Result<Vec<u8>, WriteError> {
    write(model, None, Format::Atome02)
}

/// Returns a classifier as an `ATOMECL01` file.
///
/// # Errors
/// As [`write_atome01`], and for a language model.
pub fn write_atomecl01(model: &Checkpoint) -> Result<Vec<u8>, WriteError> {
    write(model, model.classes(), Format::AtomeCl01)
}

fn write(
    model: &Checkpoint,
    classes: Option<usize>,
    format: Format,
) -> Result<Vec<u8>, WriteError> {
    let no_place = |what| WriteError::NoPlace { format, what };
    let (Some(frame), Config::Atome(config)) = (Frame::of(format), model.config()) else {
        return Err(no_place("a model of another family"));
    };
    model.check()?;
    let mut out: Vec<u8> = format.name().into();
    if format == Format::AtomeCl01 {
        let classes = classes.and_then(|n| i32::try_from(n).ok());
        let classes = classes.ok_or_else(|| no_place("a language model"))?;
        out.extend(classes.to_le_bytes());
    }
    for param in Checkpoint::empty(config.clone(), classes, format)?.params() {
        let name = param.name.as_str();
        match &model.tensors[name] {
            Tensor::Ternary(w) => {
                let w = w.read()?;
                check_trits(name, 0, &w.trits).map_err(FileError::from)?;
                out.extend(w.scale.to_le_bytes());
                frame.packing.pack_into(&w.trits, &mut out);
            }
            Tensor::Floats(values) => {
                let mut read = vec![0.0; param.elems()?];
                values.read(0, &mut read)?;
                check_finite(name, 0, &read).map_err(FileError::from)?;
                out.extend(read.iter().flat_map(|value| value.to_le_bytes()));
            }
            Tensor::Table(_) => return Err(no_place("a table of numbers")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: AtomeConfig = AtomeConfig {
        vocab_size: 256,
        d_model: 256,
        n_layers: 8,
        d_head: 64,
        top_k: 4,
        kernel_size: 5,
        max_seq: 256,
    };
    const CLASSIFIER: AtomeConfig = AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 2,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    };

    fn check_size(
        format: Format,
        config: &AtomeConfig,
        classes: Option<usize>,
        file_bytes: u64,
    ) -> Result<(), FileError> {
        let empty = Checkpoint::empty(config.clone(), classes, format)?;
        let frame = Frame::of(format).expect("an `ATOME` format");
        frame.check_size(empty.params(), file_bytes)
    }

    /// Lengths of the files published for these dimensions.
    #[test]
    fn lengths_of_the_published_models() {
        check_size(Format::Atome01, &PUBLISHED, None, 276_655).unwrap();
        check_size(Format::Atome02, &PUBLISHED, None, 229_975).unwrap();
        for (classes, bytes) in [(4, 6625), (5, 6633), (6, 6641)] {
            check_size(Format::AtomeCl01, &CLASSIFIER, Some(classes), bytes).unwrap();
        }
    }

    #[test]
    fn a_wrong_length_names_the_tensor_and_its_offset() {
        let unembed = 276_655 - (4 + 256 * 256 / 4);
        match check_size(Format::Atome01, &PUBLISHED, None, 276_654) {
            Err(FileError::Truncated {
                tensor,
                offset,
                expected,
                found,
            }) => {
                assert_eq!(
                    (tensor.as_str(), offset, expected, found),
                    ("unembed", unembed, 16_388, 16_387)
                );
            }
            other => panic!("{other:?}"),
        }
        match check_size(Format::Atome01, &PUBLISHED, None, 276_660) {
            Err(FileError::TrailingBytes {
                expected: 276_655,
                extra: 5,
            }) => {}
            other => panic!("{other:?}"),
        }
        match check_size(Format::Atome01, &PUBLISHED, None, 0) {
            Err(FileError::Truncated {
                tensor,
                offset: 7,
                found: 0,
                ..
            }) => assert_eq!(tensor, "embed"),
            other => panic!("{other:?}"),
        }
    }
}
