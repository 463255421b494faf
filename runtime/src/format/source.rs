//! Tensors that are read a part at a time, so that a large file is never in memory twice.

use super::check::InvalidModel;
use super::model::Ternary;
use crate::error::LoadError;
use crate::mapped::MappedFile;
use atome_spec::Packing;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// A ternary matrix whose rows are read when they are wanted.
pub trait TritRows: Send + Sync + fmt::Debug {
    /// Where the matrix stands in the model, such as `layers.3.in_proj`.
    fn name(&self) -> &str;

    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Writes `rows` to `trits`, row-major, each element -1, 0 or 1.
    ///
    /// # Errors
    /// If the rows cannot be read or hold something else than trits.
    ///
    /// # Panics
    /// If there are no such rows or `trits` is not as long as they are.
    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), LoadError>;

    /// The bytes of the matrix as kernels read it in this packing, if a file holds them.
    fn stored(&self, packing: Packing) -> Option<&Stored> {
        let _ = packing;
        None
    }
}

/// Floats that are read when they are wanted.
pub trait Floats: Send + Sync + fmt::Debug {
    /// Where the tensor stands in the model, such as `layers.3.dt_bias`.
    fn name(&self) -> &str;

    /// Number of elements.
    fn elems(&self) -> usize;

    /// Writes the elements from `first` on to `values`.
    ///
    /// # Errors
    /// If they cannot be read or are not finite.
    ///
    /// # Panics
    /// If there are not so many.
    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), LoadError>;

    /// All elements.
    ///
    /// # Errors
    /// As [`Floats::read`].
    fn all(&self) -> Result<Vec<f32>, LoadError> {
        let mut values = vec![0.0; self.elems()];
        self.read(0, &mut values)?;
        Ok(values)
    }

    /// The bytes of the tensor as kernels read it, if a file holds them.
    fn stored(&self) -> Option<&Stored> {
        None
    }
}

impl TritRows for Ternary {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), LoadError> {
        // The fields are public, so they may disagree.
        let whole = self.rows.checked_mul(self.cols) == Some(self.trits.len());
        let at = |row: usize| row.saturating_mul(self.cols);
        let found = self
            .trits
            .get(at(rows.start)..at(rows.end))
            .filter(|_| whole);
        let Some(found) = found.filter(|found| found.len() == trits.len()) else {
            let expected = format!("{} trits in rows {rows:?}", trits.len());
            return Err(InvalidModel::shape(&self.name, expected, self.shape_found()).into());
        };
        trits.copy_from_slice(found);
        Ok(())
    }
}

/// The bytes of a file: in it, or in memory.
#[derive(Debug)]
pub(super) enum Source {
    /// Read where and when they are wanted.
    File { file: File, bytes: u64 },
    /// In memory.
    Memory(Vec<u8>),
    /// In memory as far as they are wanted.
    Mapped(Arc<MappedFile>),
}

impl Source {
    /// Number of bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Source::File { bytes, .. } => *bytes,
            Source::Memory(bytes) => bytes.len() as u64,
            Source::Mapped(file) => file.bytes().len() as u64,
        }
    }

    /// All bytes, if they are in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Source::File { .. } => None,
            Source::Memory(bytes) => Some(bytes),
            Source::Mapped(file) => Some(file.bytes()),
        }
    }

    /// Reads the bytes from `offset` on, which the caller has checked to be there.
    pub(super) fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), LoadError> {
        if let Source::File { file, .. } = self {
            return read_exact_at(file, to, offset).map_err(|cause| LoadError::Io { cause });
        }
        let (start, bytes) = (offset as usize, self.in_memory().unwrap_or_default());
        to.copy_from_slice(&bytes[start..start + to.len()]);
        Ok(())
    }
}

/// Part of a file that is as kernels read it.
#[derive(Debug, Clone)]
pub struct Stored {
    source: Arc<Source>,
    offset: u64,
    bytes: usize,
    crc32: u32,
}

impl Stored {
    /// The `bytes` bytes from `offset` on, which the caller has checked to be there and, with what pads the tensor, to
    /// have this checksum.
    pub(super) fn new(source: &Arc<Source>, offset: u64, bytes: usize, crc32: u32) -> Stored {
        let source = Arc::clone(source);
        Stored {
            source,
            offset,
            bytes,
            crc32,
        }
    }

    /// The checksum that the file states of the tensor.
    pub(crate) fn crc32(&self) -> u32 {
        self.crc32
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Offset in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The file, if it is mapped into memory.
    pub(crate) fn file(&self) -> Option<&Arc<MappedFile>> {
        match &*self.source {
            Source::Mapped(file) => Some(file),
            _ => None,
        }
    }

    /// Reads the bytes from `first` on.
    ///
    /// # Panics
    /// If there are not so many.
    pub(crate) fn read(&self, first: usize, to: &mut [u8]) -> Result<(), LoadError> {
        let end = first.checked_add(to.len());
        assert!(end.is_some_and(|end| end <= self.bytes), "within the part");
        self.source.read(self.offset + first as u64, to)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, to: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut to: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !to.is_empty() {
        match file.seek_read(to, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                to = &mut to[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}
