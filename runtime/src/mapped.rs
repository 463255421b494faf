//! Files as bytes in memory: mapped with the feature `mmap`, otherwise read; or bytes that somebody gave.
#![allow(
    unsafe_code,
    reason = "what a mapped file holds is up to whoever may write to it; memory is a raw pointer"
)]

use crate::region::Region;
use std::fmt;
use std::fs::File;
use std::io;

/// A whole file as bytes.
pub(crate) struct MappedFile(Bytes);

enum Bytes {
    /// Which the system reads when they are looked at and shares with other processes. They start at a page. Where the
    /// system can, it reads the file in large pages and maps those.
    #[cfg(feature = "mmap")]
    Mapped(memmap2::Mmap),
    /// In memory of our own, which is aligned as tensors are.
    Held(ModelBytes),
}

/// The bytes of a model's file in memory that is aligned as tensors are: a model that is loaded of them with
/// [`Model::from_model_bytes`](crate::Model::from_model_bytes) keeps what of them kernels read as it is, and copies none of it.
///
/// ```
/// use atome::ModelBytes;
///
/// let mut bytes = ModelBytes::new(3).expect("there is memory");
/// bytes.as_mut_slice().copy_from_slice(b"abc");
/// assert_eq!(bytes.as_slice(), b"abc");
/// ```
pub struct ModelBytes {
    memory: Region,
    len: usize,
}

impl ModelBytes {
    /// So many bytes, all 0; `None` if there is no memory for them.
    #[must_use]
    pub fn new(len: usize) -> Option<ModelBytes> {
        let memory = Region::new(len)?;
        Some(ModelBytes { memory, len })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the region has so many bytes, initialised, which nobody writes while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.memory.base(), self.len) }
    }

    /// The bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` proves that nobody else reads them.
        unsafe { std::slice::from_raw_parts_mut(self.memory.base(), self.len) }
    }
}

impl fmt::Debug for ModelBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelBytes({} bytes)", self.len)
    }
}

impl From<ModelBytes> for MappedFile {
    fn from(bytes: ModelBytes) -> MappedFile {
        MappedFile(Bytes::Held(bytes))
    }
}

impl MappedFile {
    /// Maps a file, which must not be written to while it is mapped: `docs/security.md` says so
    /// to whoever has such a model open, and our own writers replace files by renaming.
    ///
    /// # Errors
    /// If the system refuses.
    #[cfg(feature = "mmap")]
    pub(crate) fn new(file: &File) -> io::Result<MappedFile> {
        // SAFETY: the map is only read. Should somebody write to the file all the same, readers
        // see other numbers, which no access to memory depends on once the file is checked;
        // should somebody cut it short, the system ends the process.
        let map = unsafe { memmap2::Mmap::map(file) }?;
        // A system that refuses gives small pages, which do as well.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(MappedFile(Bytes::Mapped(map)))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If the system refuses, the file is cut short meanwhile, or there is no memory for it.
    #[cfg(not(feature = "mmap"))]
    pub(crate) fn new(file: &File) -> io::Result<MappedFile> {
        read(file).map(MappedFile::from)
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            #[cfg(feature = "mmap")]
            Bytes::Mapped(map) => map,
            Bytes::Held(bytes) => bytes.as_slice(),
        }
    }

    /// Gives back the memory that the system has read a mapped file into for this process. It reads what is looked at again once
    /// more, most often from its own memory.
    pub(crate) fn let_go(&self) {
        #[cfg(all(feature = "mmap", target_os = "linux"))]
        if let Bytes::Mapped(map) = &self.0 {
            // SAFETY: the map is shared with the file and never written, so there is nothing in it that the file has not.
            let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        }
    }

    /// Has the system map the file by small pages.
    pub(crate) fn forgo_huge_pages(&self) {
        #[cfg(all(feature = "mmap", target_os = "linux"))]
        if let Bytes::Mapped(map) = &self.0 {
            let _ = map.advise(memmap2::Advice::NoHugePage);
        }
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedFile({} bytes)", self.bytes().len())
    }
}

/// Reads a whole file.
#[cfg(any(test, not(feature = "mmap")))]
fn read(mut file: &File) -> io::Result<ModelBytes> {
    use std::io::{Read, Seek};
    let no_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
    let len = usize::try_from(file.metadata()?.len()).map_err(|_| no_memory())?;
    let mut bytes = ModelBytes::new(len).ok_or_else(no_memory)?;
    file.rewind()?;
    file.read_exact(bytes.as_mut_slice())?;
    Ok(bytes)
}

#[cfg(test)]
#[test]
fn a_file_is_read_as_a_whole() -> io::Result<()> {
    use std::io::Write;
    let mut file = tempfile::tempfile()?;
    assert_eq!(read(&file)?.as_slice(), b"");
    file.write_all(b"ternary")?;
    let read = MappedFile::from(read(&file)?);
    assert_eq!(read.bytes(), b"ternary");
    assert!(read.bytes().as_ptr().addr().is_multiple_of(Region::ALIGN));
    Ok(())
}
