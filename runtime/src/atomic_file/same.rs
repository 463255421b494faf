use super::directory;
use std::fs::{self, File, Metadata};
use std::path::Path;

/// Whether two paths lead to one file, whatever names and links they go by. Files that are not there yet are one if they
/// would be; names that differ in case only would, since on some systems they do.
#[must_use]
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(found_a), Ok(found_b)) => match (identity(&found_a), identity(&found_b)) {
            (Some(a), Some(b)) => a == b,
            _ => matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b),
        },
        (Err(_), Err(_)) => match (a.file_name(), b.file_name()) {
            (Some(name_a), Some(name_b)) if name_a.eq_ignore_ascii_case(name_b) => {
                directory(a) == directory(b) || same_file(directory(a), directory(b))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether `path` still leads to the open file.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(found)) => identity(&open) == identity(&found),
        _ => false,
    }
}

/// What all names of a file share: its device and its number there.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have none")]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_of_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), b"x").unwrap();
        fs::write(at("b"), b"x").unwrap();
        fs::create_dir(at("sub")).unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        assert!(same_file(&at("a"), &at("a")));
        assert!(same_file(&at("a"), &at("sub/../a")));
        assert!(same_file(&at("a"), &at("hard")));
        assert!(!same_file(&at("a"), &at("b")));
        assert!(!same_file(&at("a"), &at("new")));
        assert!(same_file(&at("new"), &at("sub/../new")));
        assert!(same_file(&at("new"), &at("NEW")));
        assert!(!same_file(&at("new"), &at("sub/new")));
        assert!(!same_file(&at("new"), &at("newer")));
        assert!(!same_file(Path::new(""), &at("new")));
        assert!(same_file(
            Path::new("no-such-file"),
            Path::new("./no-such-file")
        ));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a"), at("soft")).unwrap();
            assert!(same_file(&at("soft"), &at("hard")));
        }
    }
}
