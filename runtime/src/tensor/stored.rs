//! The bytes of a file, and parts of them that are as kernels read them.

use crate::error::FileError;
use crate::mapped::MappedFile;
use std::fs::File;
use std::sync::Arc;

/// The bytes of a file: in it, or in memory.
#[derive(Debug)]
pub(crate) enum Source {
    /// Read where and when they are wanted.
    #[cfg(any(unix, windows))]
    File { file: File, bytes: u64 },
    /// In memory.
    Memory(Vec<u8>),
    /// In memory as far as they are wanted.
    Mapped(Arc<MappedFile>),
}

impl Source {
    /// The bytes of an open file of this length; where a file has no positions to read at, they are read now.
    ///
    /// # Errors
    /// If they are read, and the system refuses.
    pub(crate) fn file(file: File, bytes: u64) -> Result<Source, FileError> {
        #[cfg(any(unix, windows))]
        return Ok(Source::File { file, bytes });
        #[cfg(not(any(unix, windows)))]
        {
            let _ = bytes;
            let mapped = MappedFile::new(&file).map_err(|cause| FileError::Io { cause })?;
            Ok(Source::Mapped(Arc::new(mapped)))
        }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            #[cfg(any(unix, windows))]
            Source::File { bytes, .. } => *bytes,
            Source::Memory(bytes) => bytes.len() as u64,
            Source::Mapped(file) => file.bytes().len() as u64,
        }
    }

    /// All bytes, if they are in memory.
    pub(crate) fn in_memory(&self) -> Option<&[u8]> {
        match self {
            #[cfg(any(unix, windows))]
            Source::File { .. } => None,
            Source::Memory(bytes) => Some(bytes),
            Source::Mapped(file) => Some(file.bytes()),
        }
    }

    /// Reads the bytes from `offset` on, which the caller has checked to be there.
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), FileError> {
        #[cfg(any(unix, windows))]
        if let Source::File { file, .. } = self {
            return read_exact_at(file, to, offset).map_err(|cause| FileError::Io { cause });
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
    pub(crate) fn new(source: &Arc<Source>, offset: u64, bytes: usize, crc32: u32) -> Stored {
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
    pub(crate) fn read(&self, first: usize, to: &mut [u8]) -> Result<(), FileError> {
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
