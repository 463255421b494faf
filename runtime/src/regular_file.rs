//! Files of a length that is known when they are opened.

use crate::error::FileError;
use std::fs::{self, File};
use std::path::Path;

/// Opens a regular file and returns it with its length in bytes.
///
/// # Errors
/// If it cannot be opened, or is a directory, a pipe, a socket or a device.
pub fn open(path: &Path) -> Result<(File, u64), FileError> {
    let io = |cause| FileError::Io { cause };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let kind = fs::metadata(path).map_err(io)?.file_type();
    if kind.is_dir() {
        return Err(FileError::Kind {
            expected: "a file",
            found: "a directory",
        });
    }
    if !kind.is_file() {
        return Err(FileError::Kind {
            expected: "a regular file",
            found: "a pipe, a socket or a device",
        });
    }
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    Ok((file, bytes))
}
