//! Files that are there as a whole or not at all.
//!
//! The bytes go to a file of another name in the same directory, are forced to the disk, and only then take the name that
//! was asked for. Whatever happens before that, a full disk or a killed process, leaves an older file of that name as it
//! was, and the next writer of that name clears away what the killed one left.
//!
//! | file | concept |
//! |---|---|
//! | `temporary` | the file of another name |
//! | `claim` | the right to write a file, one holder at a time |
//! | `same` | one file under several names |

mod chunked;
mod claim;
mod same;
mod temporary;

pub use claim::Claim;
pub use same::same_file;

use chunked::Chunked;
use same::is_at;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a file was not written. An older file of its name is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {cause}", path.display())]
pub struct WriteFileError {
    /// The file that was asked for.
    pub path: PathBuf,
    /// What the operating system said.
    pub cause: io::Error,
}

/// Writes a whole file, or leaves what was there.
///
/// # Errors
/// If the path is not one that a regular file can have, or the system refuses: no permission, no space.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteFileError> {
    write_each(&[(path, bytes)])
}

/// Writes files that belong together: none takes its name before the bytes of all are on the disk, so a full one leaves
/// what was there of each.
///
/// # Errors
/// As [`write()`]. Where the system refuses a name then, the files before it have theirs.
pub fn write_each<P: AsRef<Path>, B: AsRef<[u8]>>(files: &[(P, B)]) -> Result<(), WriteFileError> {
    let mut written = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let path = path.as_ref();
        let mut file = AtomicFile::create(path)?;
        let done = file.write_all(bytes.as_ref());
        done.and_then(|()| file.settle())
            .map_err(|cause| WriteFileError {
                path: path.to_owned(),
                cause,
            })?;
        written.push(file);
    }
    written.into_iter().try_for_each(AtomicFile::commit)
}

/// A file being written under another name. [`AtomicFile::commit`] gives it its own; dropping it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: Chunked,
    temporary: PathBuf,
    target: PathBuf,
    /// Whether the temporary file is still there.
    pending: bool,
}

impl AtomicFile {
    /// Opens a file beside the one that it will become. A link is followed: what it points at will be replaced.
    ///
    /// # Errors
    /// If the path is a directory or a device, or no file can be made beside it.
    pub fn create(path: &Path) -> Result<AtomicFile, WriteFileError> {
        Self::open(path).map_err(|cause| WriteFileError {
            path: path.to_owned(),
            cause,
        })
    }

    fn open(path: &Path) -> io::Result<AtomicFile> {
        let target = target_of(path)?;
        let old = fs::metadata(&target).ok();
        let refused = |what: &str| io::Error::new(ErrorKind::InvalidInput, what.to_owned());
        if old.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(refused("expected a file, found a directory"));
        }
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let what = "expected a regular file, found a pipe, a socket or a device";
            return Err(refused(what));
        }
        if old.as_ref().is_some_and(|old| old.permissions().readonly()) {
            return Err(io::Error::new(
                ErrorKind::PermissionDenied,
                "the file is read-only",
            ));
        }
        let name = target
            .file_name()
            .ok_or_else(|| refused("expected the name of a file"))?;
        let (file, temporary) = temporary::create(&target, name)?;
        let opened = AtomicFile {
            file: Chunked::new(file),
            temporary,
            target,
            pending: true,
        };
        if let Some(old) = old {
            opened.file.file().set_permissions(old.permissions())?;
        }
        Ok(opened)
    }

    /// Forces the bytes to the disk and gives the file its name.
    ///
    /// # Errors
    /// If the system refuses; nothing of the file is left then.
    pub fn commit(mut self) -> Result<(), WriteFileError> {
        let committed = self.settle().and_then(|()| {
            fs::rename(&self.temporary, &self.target)?;
            self.pending = false;
            Ok(())
        });
        committed.map_err(|cause| WriteFileError {
            path: self.target.clone(),
            cause,
        })?;
        sync_directory(&self.target);
        Ok(())
    }

    /// Forces the bytes to the disk.
    fn settle(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.file().sync_all()
    }
}

/// The file that writing to `path` replaces: a link is followed.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        found => found,
    }
}

/// The directory that a file is in.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Forces the new name to the disk, where a directory can be opened; the file is complete either way.
fn sync_directory(target: &Path) {
    if let Ok(directory) = File::open(directory(target)) {
        let _ = directory.sync_all();
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.pending {
            // If it cannot be removed there is nobody to tell; its name says what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["model"]);
    }

    #[test]
    fn files_that_belong_together_are_all_there_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = ["a", "b"].map(|name| dir.path().join(name));
        let both = [(&first, "x"), (&second, "y")];
        fs::create_dir(&second).unwrap();
        let fault = write_each(&both).unwrap_err();
        assert_eq!(fault.path, second);
        assert_eq!(names(dir.path()), ["b"]);
        fs::remove_dir(&second).unwrap();
        write_each(&both).unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"x");
        assert_eq!(fs::read(&second).unwrap(), b"y");
        assert_eq!(names(dir.path()).len(), 2);
    }

    #[test]
    fn what_is_no_place_for_a_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| write(path, b"x").unwrap_err().to_string();
        assert!(message(dir.path()).ends_with("expected a file, found a directory"));
        assert!(message(&dir.path().join("no/model")).contains("o such file"));
        assert!(message(Path::new("")).starts_with("cannot write ``: "));
        assert!(names(dir.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (link, path) = (dir.path().join("link"), dir.path().join("model"));
        write(&path, b"old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let error = write(Path::new("/dev/null"), b"x").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("found a pipe, a socket or a device")
        );
    }
}
