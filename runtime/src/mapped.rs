//! Files as bytes in memory: mapped with the feature `mmap`, otherwise read.
#![allow(
    unsafe_code,
    reason = "what a mapped file holds is up to whoever may write to it"
)]

#[cfg(feature = "mmap")]
pub(crate) use map::MappedFile;
#[cfg(not(feature = "mmap"))]
pub(crate) use read::MappedFile;

#[cfg(feature = "mmap")]
mod map {
    use memmap2::Mmap;
    use std::fs::File;
    use std::io;

    /// A whole file as bytes, which the system reads when they are looked at and shares with other
    /// processes. It starts at a page. Where the system can, it reads the file in large pages and maps those.
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
            // A system that refuses gives small pages, which do as well.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            Ok(MappedFile(map))
        }

        /// The bytes.
        pub(crate) fn bytes(&self) -> &[u8] {
            &self.0
        }

        /// Has the system map the file by small pages.
        pub(crate) fn forgo_huge_pages(&self) {
            #[cfg(target_os = "linux")]
            let _ = self.0.advise(memmap2::Advice::NoHugePage);
        }
    }
}

#[cfg(any(test, not(feature = "mmap")))]
#[cfg_attr(
    feature = "mmap",
    allow(dead_code, reason = "tested, though this build maps files")
)]
mod read {
    use crate::region::Region;
    use std::fmt;
    use std::fs::File;
    use std::io::{self, Read, Seek};

    /// A whole file as bytes, read now. It is aligned as tensors are.
    pub(crate) struct MappedFile {
        memory: Region,
        len: usize,
    }

    impl MappedFile {
        /// Reads a file.
        ///
        /// # Errors
        /// If the system refuses, the file is cut short meanwhile, or there is no memory for it.
        pub(crate) fn new(mut file: &File) -> io::Result<MappedFile> {
            let no_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
            let len = usize::try_from(file.metadata()?.len()).map_err(|_| no_memory())?;
            let memory = Region::new(len).ok_or_else(no_memory)?;
            // SAFETY: the region has so many bytes, initialised, and nobody else knows of them.
            let bytes = unsafe { std::slice::from_raw_parts_mut(memory.base(), len) };
            file.rewind()?;
            file.read_exact(bytes)?;
            Ok(MappedFile { memory, len })
        }

        /// It is not mapped by large ones.
        pub(crate) fn forgo_huge_pages(&self) {}

        /// The bytes.
        pub(crate) fn bytes(&self) -> &[u8] {
            // SAFETY: the region has so many bytes, initialised, which are only read from now on.
            unsafe { std::slice::from_raw_parts(self.memory.base(), self.len) }
        }
    }

    impl fmt::Debug for MappedFile {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "MappedFile({} bytes)", self.len)
        }
    }

    #[cfg(test)]
    #[test]
    fn a_file_is_read_as_a_whole() -> io::Result<()> {
        use std::io::Write;
        let mut file = tempfile::tempfile()?;
        assert_eq!(MappedFile::new(&file)?.bytes(), b"");
        file.write_all(b"ternary")?;
        let read = MappedFile::new(&file)?;
        assert_eq!(read.bytes(), b"ternary");
        assert!(read.bytes().as_ptr().addr().is_multiple_of(Region::ALIGN));
        Ok(())
    }
}
