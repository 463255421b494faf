//! The bytes of a file, and parts of them that are as kernels read them.

use crate::error::FileError;
use crate::mapped::MappedFile;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// The bytes of a file.
#[derive(Debug)]
pub(crate) enum Source {
    /// In memory.
    Memory(Vec<u8>),
    /// In memory as far as they are wanted.
    Mapped(Arc<MappedFile>),
}

impl Source {
    /// The bytes of an open file.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn map(file: &File) -> Result<Source, FileError> {
        let file = MappedFile::new(file).map_err(|cause| FileError::Io { cause })?;
        Ok(Source::Mapped(Arc::new(file)))
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Source::Memory(bytes) => bytes,
            Source::Mapped(file) => file.bytes(),
        }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    /// Reads the bytes from `offset` on.
    ///
    /// # Errors
    /// If there are not so many.
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), FileError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = self
            .bytes()
            .get(start..)
            .and_then(|rest| rest.get(..to.len()));
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        to.copy_from_slice(from.ok_or_else(|| FileError::Io { cause: cut() })?);
        Ok(())
    }
}

/// Part of a file that is as kernels read it.
#[derive(Debug, Clone)]
pub struct Stored {
    source: Arc<Source>,
    offset: u64,
    bytes: usize,
    crc32: Option<u32>,
}

impl Stored {
    /// The `bytes` bytes from `offset` on, which the caller has checked to be there and, with what pads the tensor, to
    /// have this checksum, if the file states one.
    pub(crate) fn new(
        source: &Arc<Source>,
        offset: u64,
        bytes: usize,
        crc32: Option<u32>,
    ) -> Stored {
        let source = Arc::clone(source);
        Stored {
            source,
            offset,
            bytes,
            crc32,
        }
    }

    /// The checksum that the file states of the tensor, if it does.
    pub(crate) fn crc32(&self) -> Option<u32> {
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
    pub(crate) fn read(&self, first: usize, to: &mut [u8]) -> Result<(), FileError> {
        let end = first.checked_add(to.len());
        assert!(end.is_some_and(|end| end <= self.bytes), "within the part");
        self.source.read(self.offset + first as u64, to)
    }
}
