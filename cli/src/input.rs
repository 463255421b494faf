//! Reading what may never end.

use atome::{FileError, regular_file};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Whether a path on the command line stands for standard input.
#[cfg(feature = "train")]
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Where the file is that a path on the command line stands for.
#[cfg(feature = "train")]
pub(crate) fn place(path: &Path) -> &Path {
    match is_standard(path) {
        true => Path::new("/dev/stdin"),
        false => path,
    }
}

/// Opens a regular file, with what is said of others as a fault of input.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    match regular_file::open(path) {
        Ok((file, _)) => Ok(file),
        Err(FileError::Io { cause }) => Err(cause),
        Err(fault) => Err(io::Error::new(ErrorKind::InvalidInput, fault)),
    }
}

/// Most bytes of a prompt or of a list of tokens.
const MAX_BYTES: u64 = 64 << 20;

/// Reads to the end, which must come within 64 MiB.
pub(crate) fn read_all(from: impl Read) -> io::Result<Vec<u8>> {
    read_to_end_within(from, MAX_BYTES)
}

/// Reads to the end, which must come within so many bytes.
pub(crate) fn read_to_end_within(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long(most));
    }
    Ok(bytes)
}

/// What is said of more than so many bytes.
pub(crate) fn too_long(most: u64) -> io::Error {
    let message = format!("expected at most {most} bytes, found more");
    io::Error::new(ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_needed() {
        assert_eq!(read_all(&b"abc"[..]).unwrap(), b"abc");
        assert_eq!(
            read_all(io::repeat(0)).unwrap_err().kind(),
            ErrorKind::FileTooLarge
        );
    }
}
