use super::{WriteFileError, directory, is_at, target_of};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The right to write a file, which one holder at a time has: for work that takes long and ends in a file.
///
/// It is a lock on an empty file beside it, `.NAME.lock`, which the system releases when the holder ends, however that
/// happens; dropping the claim removes it. Where the file system has no locks, everybody gets their claim.
#[derive(Debug)]
pub struct Claim {
    /// Holds the lock.
    file: File,
    path: PathBuf,
}

impl Claim {
    /// Claims the file that writing to `path` would replace; `None` if another holder has it.
    ///
    /// # Errors
    /// If no file can be made beside it.
    pub fn take(path: &Path) -> Result<Option<Claim>, WriteFileError> {
        Self::lock(path).map_err(|cause| WriteFileError {
            path: path.to_owned(),
            cause,
        })
    }

    /// Gives the claim up: removes the lock's file. For a process that ends without dropping the claim.
    pub fn release(&self) {
        // Before the lock is released, and only its own. An empty file that stays is claimed again by whoever comes next.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn lock(path: &Path) -> io::Result<Option<Claim>> {
        let target = target_of(path)?;
        let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".lock");
        let path = directory(&target).join(hidden);
        loop {
            let mut options = OpenOptions::new();
            let file = options
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            match file.try_lock() {
                // The holder before may have removed it in between.
                Ok(()) if !is_at(&file, &path) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Ok(()) | Err(TryLockError::Error(_)) => {
                    return Ok(Some(Claim { file, path }));
                }
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        fs::write(dir.path().join(".model.lock"), b"").unwrap();
        for _ in 0..2 {
            let claim = Claim::take(&path).unwrap().expect("nobody holds it");
            assert!(Claim::take(&path).unwrap().is_none());
            let other = Claim::take(&dir.path().join("other")).unwrap();
            assert!(other.is_some());
            claim.release();
            let next = Claim::take(&path).unwrap().expect("it was given up");
            drop(claim);
            assert!(Claim::take(&path).unwrap().is_none(), "the next one's");
            drop((next, other));
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
        assert!(Claim::take(&dir.path().join("no/model")).is_err());
    }

    #[test]
    fn many_who_want_it_never_share_it() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        let (holders, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Some(claim) = Claim::take(&path).unwrap() {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            taken.fetch_add(1, Ordering::SeqCst);
                            holders.fetch_sub(1, Ordering::SeqCst);
                            drop(claim);
                        }
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
