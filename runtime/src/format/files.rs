//! Files on disk: opened, and read as far as their length says.

use super::container;
use crate::error::FileError;
use crate::regular_file::open;
use crate::tensor::Param;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that tell any format from the others, and hold the header of an `ATOME` file.
const START_BYTES: u64 = 13;

/// The first bytes of a file, as many as any header needs.
pub(crate) fn start_of(file: &mut File) -> Result<Vec<u8>, FileError> {
    let mut start = Vec::new();
    let mut header = file.take(START_BYTES);
    header
        .read_to_end(&mut start)
        .map_err(|cause| FileError::Io { cause })?;
    Ok(start)
}

/// Reads the header of the container in `file`, after the `bytes` already read.
pub(crate) fn read_header(file: &mut File, bytes: &mut Vec<u8>) -> Result<(), FileError> {
    let header = container::header::length(bytes).unwrap_or_default();
    let header = header.min(container::header::MAX_HEADER_BYTES) + bytes.len() as u64;
    read_up_to(file, header, bytes)
}

/// Appends at most `limit` bytes of `file` to `bytes`.
fn read_up_to(file: &mut File, limit: u64, bytes: &mut Vec<u8>) -> Result<(), FileError> {
    let no_memory = || FileError::OutOfMemory { bytes: limit };
    let extra = usize::try_from(limit).map_err(|_| no_memory())?;
    bytes.try_reserve_exact(extra).map_err(|_| no_memory())?;
    file.take(limit)
        .read_to_end(bytes)
        .map_err(|cause| FileError::Io { cause })?;
    Ok(())
}

/// Reads a whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    let (mut file, file_bytes) = open(path)?;
    let mut bytes = Vec::new();
    read_rest(&mut file, file_bytes, &mut bytes)?;
    Ok(bytes)
}

/// Reads what is left of a file, and one byte more than announced, so that a file that has grown since is noticed.
pub(crate) fn read_rest(
    file: &mut File,
    file_bytes: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), FileError> {
    let rest = (file_bytes + 1).saturating_sub(bytes.len() as u64);
    read_up_to(file, rest, bytes)
}

/// Checks that a file of `file_bytes` holds exactly these tensors from `start` on, each of so many bytes.
///
/// # Errors
/// [`FileError::Truncated`] for the first tensor that does not fit, [`FileError::TrailingBytes`] for bytes after the
/// last, and what `bytes` says of a tensor that no file could hold.
pub(super) fn one_after_the_other(
    params: &[Param],
    start: u64,
    file_bytes: u64,
    bytes: impl Fn(&Param) -> Result<u64, FileError>,
) -> Result<(), FileError> {
    let mut offset = start;
    for param in params {
        let expected = bytes(param)?;
        let found = file_bytes.saturating_sub(offset);
        if expected > found {
            return Err(FileError::Truncated {
                tensor: param.name.clone(),
                offset,
                expected,
                found,
            });
        }
        offset += expected;
    }
    match file_bytes - offset {
        0 => Ok(()),
        extra => Err(FileError::TrailingBytes {
            expected: offset,
            extra,
        }),
    }
}
