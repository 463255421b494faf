//! Small valid files of every format, with something changed in each.

pub(crate) mod atome;
pub(crate) mod bit2;
pub(crate) mod container;
pub(crate) mod floats;
pub(crate) mod folder;
pub(crate) mod packed;

/// What was changed, and the file.
pub(crate) type Damaged = (String, Vec<u8>);

/// The file cut and lengthened.
fn cut(bytes: &[u8], lengths: &[usize]) -> Vec<Damaged> {
    let mut files: Vec<Damaged> = lengths
        .iter()
        .map(|&n| (format!("{n} bytes of it"), bytes[..n].to_vec()))
        .collect();
    files.push(("a byte more".into(), [bytes, &[0]].concat()));
    files
}

/// The file with other bytes at some place.
fn with(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}
