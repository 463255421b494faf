//! The file that bytes go to before it takes the name that was asked for.
//!
//! Its writer holds a lock on it, which the system releases when the writer ends, however that happens. So one that nobody
//! holds was left by a writer that was killed, and the next writer of the same name removes it.

use super::{directory, is_at};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes a new file in the directory of `target`, with a name nobody else has, and locks it.
pub(super) fn create(target: &Path, name: &OsStr) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    remove_abandoned(target, name);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut hidden = prefix(name);
        hidden.push(format!("{}-{number}{SUFFIX}", process::id()));
        let temporary = target.with_file_name(hidden);
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary);
        let file = match created {
            Ok(file) => file,
            Err(taken) if taken.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        // Another writer may have taken it for an abandoned one before it was locked.
        let ours = match file.try_lock() {
            Ok(()) => is_at(&file, &temporary),
            Err(TryLockError::WouldBlock) => false,
            // Without locks nobody removes what nobody holds.
            Err(TryLockError::Error(_)) => true,
        };
        if ours {
            return Ok((file, temporary));
        }
    }
}

const SUFFIX: &str = ".tmp";

/// What the names of all temporary files for `name` begin with.
fn prefix(name: &OsStr) -> std::ffi::OsString {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    prefix
}

/// Removes what killed writers of `name` left in the directory of `target`.
fn remove_abandoned(target: &Path, name: &OsStr) {
    let Ok(entries) = fs::read_dir(directory(target)) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_temporary(name, &entry.file_name()) || !is_file(&entry) {
            continue;
        }
        let path = entry.path();
        if let Ok(file) = OpenOptions::new().write(true).open(&path)
            && file.try_lock().is_ok()
            && is_at(&file, &path)
        {
            // One that cannot be removed harms nobody.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Whether `found` is the name of a temporary file for `name`.
fn is_temporary(name: &OsStr, found: &OsStr) -> bool {
    let prefix = prefix(name);
    let found = found.as_encoded_bytes();
    let middle = found
        .strip_prefix(prefix.as_encoded_bytes())
        .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    middle.is_some_and(|middle| {
        let mut parts = middle.splitn(2, |&byte| byte == b'-');
        parts.next().is_some_and(digits) && parts.next().is_some_and(digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("m");
        let strangers = [
            ".m.1-2.tmp.txt",
            ".m.1.tmp",
            ".m.a-2.tmp",
            ".mm.1-2.tmp",
            "m.1-2.tmp",
        ];
        for name in [".m.1-2.tmp", ".m.999999-0.tmp"].iter().chain(&strangers) {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        fs::create_dir(dir.path().join(".m.5-5.tmp")).unwrap();
        let (alive, first) = create(&target, OsStr::new("m")).unwrap();
        let (_, second) = create(&target, OsStr::new("m")).unwrap();
        assert!(first.exists(), "its writer lives");
        let (_, third) = create(&target, OsStr::new("m")).unwrap();
        assert!(!second.exists(), "its writer is gone");
        drop(alive);
        fs::remove_file(first).unwrap();
        fs::remove_file(third).unwrap();
        let mut left = [&strangers[..], &[".m.5-5.tmp"]].concat();
        left.sort();
        assert_eq!(names(dir.path()), left);
    }
}
