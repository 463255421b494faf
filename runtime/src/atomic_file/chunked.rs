//! Writing in large chunks: systems keep what is written at once in pages as large, and map those faster than small ones.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Bytes that are written at once, and what the places of chunks are multiples of: a large page on most machines.
const CHUNK: usize = 2 << 20;

/// A file that is written chunk by chunk. What is left at the end needs a [`Write::flush`].
#[derive(Debug)]
pub(super) struct Chunked {
    file: File,
    /// Where `waiting` goes.
    position: u64,
    waiting: Vec<u8>,
}

impl Chunked {
    pub(super) fn new(file: File) -> Chunked {
        Chunked {
            file,
            position: 0,
            waiting: Vec::new(),
        }
    }

    /// The file, to which everything that was flushed is written.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Write for Chunked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.position + self.waiting.len() as u64;
        let room = CHUNK - (end % CHUNK as u64) as usize;
        let taken = room.min(bytes.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        if taken == room {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.position += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

impl Seek for Chunked {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.flush()?;
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_written_is_the_file() -> io::Result<()> {
        let mut file = Chunked::new(tempfile::tempfile()?);
        let bytes: Vec<u8> = (0..3 * CHUNK + 5).map(|i| (i % 251) as u8).collect();
        let mut rest = &bytes[..];
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3, usize::MAX] {
            let (piece, others) = rest.split_at(len.min(rest.len()));
            file.write_all(piece)?;
            rest = others;
        }
        assert_eq!(file.stream_position()?, bytes.len() as u64);
        file.seek(SeekFrom::Start(7))?;
        file.write_all(b"header")?;
        file.flush()?;
        let mut found = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.file().read_to_end(&mut found)?;
        let expected = [&bytes[..7], b"header", &bytes[13..]].concat();
        assert!(found == expected);
        Ok(())
    }
}
