//! Where a command writes a file, and what is there already.

use crate::failure::Failure;
use atome::atomic_file::{self, AtomicFile, Claim, WriteFileError, same_file};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Writes files that belong together, or none if one may not be written: not one that somebody else writes, and not one
/// that is there, unless `force`; `taken` says so.
pub(crate) fn write<P: AsRef<Path>, B: AsRef<[u8]>>(
    files: &[(P, B)],
    force: bool,
    taken: impl Fn(PathBuf) -> Failure,
) -> Result<(), Failure> {
    let mut claims = Vec::with_capacity(files.len());
    for (path, _) in files {
        let path = path.as_ref();
        claims.push(claim(path)?);
        if !force && is_taken(path)? {
            return Err(taken(path.to_owned()));
        }
    }
    Ok(atomic_file::write_each(files)?)
}

/// Makes sure that an output is none of what is read, whatever names and links lead there: a model, which may be a
/// directory, the dimensions beside it, and `more` files.
pub(crate) fn keep_inputs<'p>(
    output: &Path,
    model: &Path,
    more: impl IntoIterator<Item = &'p Path>,
) -> Result<(), Failure> {
    let beside = model.with_extension("json");
    let mut read = vec![model.to_owned()];
    read.extend(beside.exists().then_some(beside));
    read.extend(more.into_iter().map(Path::to_owned));
    read.extend(inside(model));
    match read.iter().any(|input| same_file(input, output)) {
        true => Err(Failure::OutputIsInput {
            path: output.to_owned(),
        }),
        false => Ok(()),
    }
}

/// The files of a model that is a directory.
pub(crate) fn inside(model: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(model).into_iter().flatten();
    files.flatten().map(|file| file.path())
}

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
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(none) if none.kind() == ErrorKind::NotFound => Ok(false),
        Err(cause) => {
            let path = path.to_owned();
            Err(WriteFileError { path, cause }.into())
        }
    }
}
