//! The bytes of a file, and parts of them that are as kernels read them.

use super::BlockSums;
use crate::error::{FileError, TensorFault};
use crate::mapped::{MappedFile, ModelBytes};
use std::fs::File;
use std::io;
use std::ops::Range;
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

    /// Bytes that somebody gave.
    pub(crate) fn held(bytes: ModelBytes) -> Source {
        Source::Mapped(Arc::new(bytes.into()))
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

    /// Gives back the memory of bytes that are copied when they are wanted.
    pub(crate) fn let_go(&self) {
        if let Source::Mapped(file) = self {
            file.let_go();
        }
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
    checked: bool,
    blocks: Option<Arc<BlockSums>>,
}

impl Stored {
    /// The `bytes` bytes from `offset` on, which the caller has checked to be there. If the file states the checksum of
    /// them and what pads the tensor, and nothing else is said, it was checked, and what they hold.
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
            checked: crc32.is_some(),
            blocks: None,
        }
    }

    /// The same, but nobody looked at the bytes yet: they are checked by these blocks, when they are wanted.
    pub(crate) fn unchecked(self, blocks: Arc<BlockSums>) -> Stored {
        Stored {
            checked: false,
            blocks: Some(blocks),
            ..self
        }
    }

    /// Whether the bytes were checked when the file was opened.
    pub(crate) fn is_checked(&self) -> bool {
        self.checked
    }

    /// The bytes of a range, which are those that were written as far as the file has checksums of blocks.
    ///
    /// # Errors
    /// The fault of the first block that is damaged.
    ///
    /// # Panics
    /// If there are not so many.
    pub(crate) fn sound(&self, range: Range<usize>) -> Result<&[u8], TensorFault> {
        let bytes = &self.source.bytes()[self.offset as usize..][..self.bytes];
        if let Some(blocks) = &self.blocks {
            blocks.check(bytes, range.clone(), self.offset)?;
        }
        Ok(&bytes[range])
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
