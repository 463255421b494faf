//! `ATOME` files: a magic, for a classifier the number of classes, then tensors one after the other. Order of the checks:
//! magic, header, config, length, and only then the tensors.

use super::files::one_after_the_other;
use super::{Format, MAX_CLASSES, WriteError, detect};
use crate::error::{FileError, TensorFault};
use crate::tensor::trits::TritBytes;
use crate::tensor::{Kind, Param, Tensor, Tensors, Ternary, Values, check_finite, check_trits};

/// What an `ATOME` file has around and inside its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    /// Length of the header: the magic, and for a classifier the class count after it.
    header_bytes: usize,
    /// How trits are packed.
    packing: TritBytes,
}

impl Frame {
    /// That of an `ATOME` format; `None` for the formats that say so themselves.
    fn of(format: Format) -> Option<Frame> {
        let (classes_bytes, packing) = match format {
            Format::Atome01 => (0, TritBytes::Fours),
            Format::Atome02 => (0, TritBytes::Fives),
            Format::AtomeCl01 => (4, TritBytes::Fours),
            Format::Bit2 | Format::Gguf | Format::Container | Format::Folder => return None,
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
pub(crate) struct FileHeader {
    pub(crate) format: Format,
    frame: Frame,
    pub(crate) classes: Option<usize>,
}

impl FileHeader {
    /// Reads a header from the start of a file.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FileError> {
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

    /// Checks that a file of `file_bytes` holds exactly these tensors.
    pub(crate) fn check_size(&self, params: &[Param], file_bytes: u64) -> Result<(), FileError> {
        self.frame.check_size(params, file_bytes)
    }

    /// Reads the tensors of a file.
    pub(crate) fn tensors(&self, params: &[Param], bytes: &[u8]) -> Result<Tensors, FileError> {
        // Once more: the file may have changed.
        self.check_size(params, bytes.len() as u64)?;
        let mut reader = Reader {
            bytes,
            offset: self.frame.header_bytes,
            packing: self.frame.packing,
        };
        let mut tensors = Vec::new();
        for param in params {
            tensors.push((param.name.clone(), reader.tensor(param)?));
        }
        Ok(tensors.into_iter().collect())
    }
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
    packing: TritBytes,
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

/// The bytes of a file of one of the `ATOME` formats, with the tensors that `params` ask for.
///
/// # Errors
/// If it is another format, or has no place for classes or for a tensor; for an element that no file could hold.
pub(crate) fn encode(
    format: Format,
    classes: Option<usize>,
    params: &[Param],
    tensors: &Tensors,
) -> Result<Vec<u8>, WriteError> {
    let no_place = |what| WriteError::NoPlace { format, what };
    let frame = Frame::of(format).ok_or_else(|| no_place("tensors one after the other"))?;
    let mut out: Vec<u8> = format.name().into();
    if format == Format::AtomeCl01 {
        let classes = classes.and_then(|n| i32::try_from(n).ok());
        let classes = classes.ok_or_else(|| no_place("a language model"))?;
        out.extend(classes.to_le_bytes());
    }
    for param in params {
        let name = param.name.as_str();
        match &tensors[name] {
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
