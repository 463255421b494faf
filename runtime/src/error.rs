//! What can go wrong at the crate's boundaries: reading a file ([`FileError`]), making a model ready to run
//! ([`PrepareError`]), both of them ([`LoadError`]), running it ([`RunError`]).
//!
//! Every message is one complete line: what was expected, what was found, and where. This module knows no format and no
//! family of models.

mod config;
mod file;
mod header;
mod invalid;
mod plan;
mod prepare;
mod run;
mod tensor;

pub use config::ConfigError;
pub use file::FileError;
pub use header::HeaderError;
pub use invalid::InvalidModel;
pub use plan::{PlanError, PlanFault};
pub use prepare::PrepareError;
pub use run::RunError;
pub use tensor::{Contents, EntryFault, TensorFault};

use std::path::Path;

/// Why a model was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file, or the model in memory, was refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model cannot be made ready to run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

impl From<InvalidModel> for LoadError {
    fn from(fault: InvalidModel) -> Self {
        Self::File(fault.into())
    }
}

impl LoadError {
    /// Says which file the model is in, if it was refused.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::File(fault) => Self::File(fault.in_file(path)),
            other => other,
        }
    }
}

/// What the JSON reader said, with control characters of the file's texts escaped.
pub(crate) fn one_line(cause: &serde_json::Error) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    cause.to_string().chars().map(escaped).collect()
}
