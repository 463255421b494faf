//! The file of a model's dimensions, for the formats that store none.

use crate::failure::Failure;
use crate::{input, output};
use atome::format::{self, Format};
use atome::{FileError, regular_file};
use std::io::Read;
use std::path::Path;

/// The config that was asked for, if the model needs one; says so if it needs none.
///
/// # Errors
/// If it cannot be opened, used or not. Whether it has the model's dimensions is for the loader to say.
pub(crate) fn needed<'c>(
    config: Option<&'c Path>,
    model: Option<&Path>,
    quiet: bool,
) -> Result<Option<&'c Path>, Failure> {
    let Some(config) = config else {
        return Ok(None);
    };
    if let Err(fault) = regular_file::open(config) {
        let (path, fault) = (config.to_owned(), Box::new(fault));
        return Err(FileError::InFile { path, fault }.into());
    }
    if model.is_none_or(has_dimensions) {
        let note = format_args!(
            "--config {} is not used: the model has its dimensions inside",
            config.display()
        );
        output::note(quiet, note);
        return Ok(None);
    }
    Ok(Some(config))
}

/// Whether the file is of a format that stores dimensions; of what cannot be read the loader
/// speaks.
fn has_dimensions(model: &Path) -> bool {
    let mut start = Vec::new();
    let read = input::open_regular(model).and_then(|file| file.take(16).read_to_end(&mut start));
    let found = read.ok().and_then(|_| format::detect(&start));
    matches!(found, Some(Format::Container | Format::Gguf | Format::Bit2))
}
