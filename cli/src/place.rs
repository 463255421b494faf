//! Where a command writes a file, and what is there already.

use crate::failure::Failure;
use atome::atomic_file::{AtomicFile, Claim, WriteFileError};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Makes sure that a file can be written, and claims it until the claim is dropped: no other
/// command writes it meanwhile, as a training does for hours.
pub(crate) fn claim(path: &Path) -> Result<Claim, Failure> {
    drop(AtomicFile::create(path)?);
    let claimed = || Failure::Claimed {
        path: path.to_owned(),
    };
    Claim::take(path)?.ok_or_else(claimed)
}

/// Whether there is a file, which writing would replace.
pub(crate) fn is_taken(path: &Path) -> Result<bool, Failure> {
    match File::open(path) {
        Ok(_) => Ok(true),
        Err(none) if none.kind() == ErrorKind::NotFound => Ok(false),
        Err(cause) => {
            let path = path.to_owned();
            Err(WriteFileError { path, cause }.into())
        }
    }
}
