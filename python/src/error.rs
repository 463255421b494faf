//! Why a call failed: an exception of the package, with the one line that the command says.

use atome::atomic_file::WriteFileError;
use atome::classify::ClassifyError;
use atome::error::{ConfigError, HeaderError};
use atome::format::WriteError;
use atome::tokenizer::TokenizerError;
use atome::{FileError, LoadError, PrepareError, RunError};
use pyo3::PyErr;
use std::error::Error;
use std::fmt;

/// The exceptions, which are written in Python.
mod exceptions {
    use pyo3::import_exception;

    import_exception!(atome.errors, ArgumentError);
    import_exception!(atome.errors, FileError);
    import_exception!(atome.errors, PrepareError);
    import_exception!(atome.errors, RunError);
    import_exception!(atome.errors, TokenizerError);
}

/// What kind of thing failed.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A value that a caller gave.
    Argument,
    /// A file, weights or a graph.
    File,
    /// This machine, for this model.
    Prepare,
    /// A loaded model refused.
    Run,
    /// Text, of a model that has no tokens for it.
    Tokenizer,
}

/// Why a call failed, in one line. It says so without Python, in any thread.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    /// A value that a caller gave is not what was expected.
    pub(super) fn argument(message: impl fmt::Display) -> Failure {
        Failure::new(Kind::Argument, message)
    }

    /// A file cannot be written, or not there.
    pub(super) fn file(message: impl fmt::Display) -> Failure {
        Failure::new(Kind::File, message)
    }

    fn new(kind: Kind, message: impl fmt::Display) -> Failure {
        let message = one_line(&message.to_string());
        Failure { kind, message }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        let message = failure.message;
        match failure.kind {
            Kind::Argument => exceptions::ArgumentError::new_err(message),
            Kind::File => exceptions::FileError::new_err(message),
            Kind::Prepare => exceptions::PrepareError::new_err(message),
            Kind::Run => exceptions::RunError::new_err(message),
            Kind::Tokenizer => exceptions::TokenizerError::new_err(message),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::File(error) => error.into(),
            LoadError::Prepare(error) => error.into(),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        let hint = match error.fault() {
            FileError::Config(ConfigError::Missing { .. }) => {
                ": give one with config=\"FILE.json\""
            }
            FileError::Header(HeaderError::Foreign) => {
                ": float weights are packed with `atome.pack` first"
            }
            _ => "",
        };
        Failure::file(format_args!("{}{hint}", chain(&error)))
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Failure {
        Failure::new(Kind::Prepare, chain(&error))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        Failure::new(Kind::Run, error)
    }
}

impl From<TokenizerError> for Failure {
    fn from(error: TokenizerError) -> Failure {
        Failure::new(Kind::Tokenizer, chain(&error))
    }
}

impl From<ClassifyError> for Failure {
    fn from(error: ClassifyError) -> Failure {
        match error {
            ClassifyError::Run(error) => error.into(),
            ClassifyError::Tokenizer(error) => error.into(),
            error => Failure::new(Kind::Run, chain(&error)),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Failure {
        match error {
            WriteError::Source(error) => error.into(),
            error => Failure::file(chain(&error)),
        }
    }
}

impl From<WriteFileError> for Failure {
    fn from(error: WriteFileError) -> Failure {
        Failure::file(chain(&error))
    }
}

/// An error and its causes, as far as they say something new.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// The text with line breaks and other control characters escaped: a path may hold any.
fn one_line(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut line, c| {
            match c.is_control() {
                true => line.extend(c.escape_default()),
                false => line.push(c),
            }
            line
        })
}
