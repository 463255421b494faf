//! Files mapped into memory.
#![allow(
    unsafe_code,
    reason = "what a mapped file holds is up to whoever may write to it"
)]

use memmap2::Mmap;
use std::fs::File;
use std::io;

/// A whole file as bytes, which the system reads when they are looked at and shares with other
/// processes. It starts at a page.
#[derive(Debug)]
pub(crate) struct MappedFile(Mmap);

impl MappedFile {
    /// Maps a file, which must not be written to while it is mapped: `docs/security.md` says so
    /// to whoever has such a model open, and our own writers replace files by renaming.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn new(file: &File) -> io::Result<MappedFile> {
        // SAFETY: the map is only read. Should somebody write to the file all the same, readers
        // see other numbers, which no access to memory depends on once the file is checked;
        // should somebody cut it short, the system ends the process.
        let map = unsafe { Mmap::map(file) }?;
        Ok(MappedFile(map))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
