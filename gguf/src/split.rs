//! Models in several files, `NAME-00001-of-00003.gguf`: keys are in the first, tensors in all.

use crate::error::{At, Error, Fault};
use crate::file::Gguf;

/// The place of a file among those of a split model, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitName {
    stem: String,
    /// From 1 on.
    pub number: u32,
    /// Files of the model.
    pub count: u32,
}

impl SplitName {
    /// Reads a file's name; `None` for one that is not of a split model.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let name = file_name.strip_suffix(".gguf")?;
        let (rest, count) = name.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let (number, count) = (digits(number)?, digits(count)?);
        (1..=count).contains(&number).then(|| Self {
            stem: stem.to_owned(),
            number,
            count,
        })
    }

    /// The names of all files of the model, in order.
    pub fn all(&self) -> impl ExactSizeIterator<Item = String> + use<> {
        let (stem, count) = (self.stem.clone(), self.count);
        (0..count as usize).map(move |n| format!("{stem}-{:05}-of-{count:05}.gguf", n + 1))
    }
}

fn digits(text: &str) -> Option<u32> {
    let all = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

/// Checks that `files` are those of a split model, in order, and that they have all its tensors.
///
/// # Errors
/// If a file's keys say that it is another's, or a tensor is in two.
pub fn check(files: &[Gguf<'_>]) -> Result<(), Error> {
    let mut names: Vec<(&str, u64)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        is(file, "split.no", "number", index as u64)?;
        is(file, "split.count", "count", files.len() as u64)?;
        let tensors = file.tensors().iter();
        names.extend(tensors.map(|tensor| (tensor.name(), tensor.offset())));
    }
    let found = names.len() as u64;
    crate::metadata::sorted(&names, At::Tensor)?;
    match files.first() {
        Some(first) => is(first, "split.tensors.count", "tensors", found),
        None => Ok(()),
    }
}

/// Checks that a key is there and says `expected`.
fn is(file: &Gguf<'_>, key: &str, what: &'static str, expected: u64) -> Result<(), Error> {
    let entry = file.metadata().require(key, "a number")?;
    let found = file.metadata().u32(key)?.map_or(u64::MAX, u64::from);
    match found == expected {
        true => Ok(()),
        false => Err(entry.error(Fault::Split {
            what,
            expected,
            found,
        })),
    }
}
