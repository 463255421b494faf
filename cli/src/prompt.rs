//! What a model is given: text, from the command line or standard input, or token ids.

use crate::failure::Failure;
use crate::{input, output, tokens};
use atome::{FileError, Model, RunError};
use clap::Args;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long a pipe that was not asked for may be silent before it is spoken of.
const PATIENCE: Duration = Duration::from_secs(1);

/// Text or token ids.
#[derive(Debug, Args)]
pub(crate) struct PromptArgs {
    /// The text; `-` reads it from standard input, without the last line break. A pipe or a file on
    /// standard input is read without it
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<OsString>,

    /// The text is in this file, all of it but the last line break
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "tokens"])]
    prompt_file: Option<PathBuf>,

    /// Token ids in place of text, such as 79,110,99,101, or @FILE to read them from a file; for
    /// models without a known tokenizer too
    #[arg(
        long,
        value_name = "LIST",
        conflicts_with = "prompt",
        allow_hyphen_values = true
    )]
    tokens: Option<String>,
}

/// What was given.
pub(crate) enum Given {
    Text(Vec<u8>),
    Ids(Vec<u32>),
    /// What went before is continued.
    Nothing,
}

/// Where what was given stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It begins a text.
    OfAText,
    /// It follows what a session has seen.
    AfterAState,
}

impl PromptArgs {
    /// What the model is to take in; `None` if nothing was given.
    ///
    /// # Errors
    /// If it is empty or cannot be read.
    pub(crate) fn read(&self, quiet: bool) -> Result<Option<Given>, Failure> {
        if self.prompt_file.is_some() {
            return self.named().map(|text| text.map(Given::Text));
        }
        if let Some(list) = &self.tokens {
            return tokens::read(list).map(|ids| Some(Given::Ids(ids)));
        }
        match text(self.prompt.as_deref(), quiet)? {
            Some(text) if text.is_empty() => Err(Failure::EmptyPrompt),
            text => Ok(text.map(Given::Text)),
        }
    }

    /// The text that is given by name, on the command line or in a file; what comes through a pipe is not looked at.
    ///
    /// # Errors
    /// If it is empty or cannot be read.
    pub(crate) fn named(&self) -> Result<Option<Vec<u8>>, Failure> {
        let text = match (&self.prompt_file, &self.prompt) {
            (Some(path), _) => {
                let failed = |cause| Failure::TextFile {
                    path: path.clone(),
                    cause,
                };
                let text = File::open(path).and_then(input::read_all).map_err(failed)?;
                without_line_break(text)
            }
            (None, Some(text)) => text.as_encoded_bytes().to_vec(),
            (None, None) => return Ok(None),
        };
        match text.is_empty() {
            true => Err(Failure::EmptyPrompt),
            false => Ok(Some(text)),
        }
    }

    /// As [`PromptArgs::read`], for a command that needs a prompt.
    ///
    /// # Errors
    /// If there is none, too; but if the model's file is not there, that comes first.
    pub(crate) fn read_for(&self, model: Option<&Path>, quiet: bool) -> Result<Given, Failure> {
        check_model(model)?;
        self.read(quiet)?.ok_or(Failure::NoPrompt)
    }
}

/// The text of `-p`, where `-` stands for standard input, or what comes through a pipe; `None` if there is neither.
pub(crate) fn text(prompt: Option<&OsStr>, quiet: bool) -> Result<Option<Vec<u8>>, Failure> {
    match prompt {
        Some(text) if text == "-" => asked_for(quiet).map(Some),
        Some(text) => Ok(Some(text.as_encoded_bytes().to_vec())),
        // Nothing through a pipe is nothing given: many a program starts others so.
        None => Ok(Some(piped(quiet)?).filter(|text| !text.is_empty())),
    }
}

/// Checks that a model's file is there, before anything else is asked for.
///
/// # Errors
/// In the loader's words, which says all else that is wrong with the file.
pub(crate) fn check_model(model: Option<&Path>) -> Result<(), Failure> {
    let Some(model) = model else {
        return Ok(());
    };
    match model.metadata() {
        Ok(_) => Ok(()),
        Err(cause) => {
            let (path, fault) = (model.to_owned(), Box::new(FileError::Io { cause }));
            Err(FileError::InFile { path, fault }.into())
        }
    }
}

impl Given {
    /// As token ids that the model has. A token that begins texts stands before a text that begins one.
    ///
    /// # Errors
    /// If it is text and the model has no known tokenizer, or an id is not in its vocabulary.
    pub(crate) fn into_tokens(self, model: &Model, start: Start) -> Result<Vec<u32>, Failure> {
        let ids = match self {
            Given::Ids(ids) => ids,
            Given::Nothing => Vec::new(),
            Given::Text(text) => {
                let tokenizer = model.tokenizer()?;
                let before = match start {
                    Start::OfAText => tokenizer.before(),
                    Start::AfterAState => &[],
                };
                [before, &tokenizer.encode(&text)].concat()
            }
        };
        let vocab = model.vocab();
        let is_outside = |id: &&u32| usize::try_from(**id).is_ok_and(|id| id >= vocab);
        match ids.iter().find(is_outside) {
            Some(&id) => Err(RunError::TokenOutOfRange { id, vocab }.into()),
            None => Ok(ids),
        }
    }
}

/// Text from standard input that was asked for by `-p -`.
fn asked_for(quiet: bool) -> Result<Vec<u8>, Failure> {
    if io::stdin().is_terminal() {
        let end = if cfg!(windows) {
            "Ctrl-Z and Enter"
        } else {
            "Ctrl-D"
        };
        output::note(
            quiet,
            format_args!("waiting for the prompt on standard input; {end} on a new line ends it"),
        );
    }
    read()
}

/// Text from standard input, if that is a pipe or a file.
fn piped(quiet: bool) -> Result<Vec<u8>, Failure> {
    if !is_piped() {
        return Ok(Vec::new());
    }
    let (done, waiting) = mpsc::channel::<()>();
    let hint = move || {
        if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            output::note(
                quiet,
                "waiting for a prompt on standard input; -p TEXT gives one without it",
            );
        }
    };
    // Without a thread for it there is no hint.
    let _ = thread::Builder::new().spawn(hint);
    let text = read();
    drop(done);
    text
}

#[cfg(unix)]
fn is_piped() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;

    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let metadata = stdin.and_then(|stdin| File::from(stdin).metadata());
    metadata.is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_file() || kind.is_fifo() || kind.is_socket()
    })
}

#[cfg(not(unix))]
fn is_piped() -> bool {
    !io::stdin().is_terminal()
}

/// All of standard input, without the last line break.
fn read() -> Result<Vec<u8>, Failure> {
    let text = input::read_all(io::stdin().lock()).map_err(Failure::Stdin)?;
    Ok(without_line_break(text))
}

fn without_line_break(mut text: Vec<u8>) -> Vec<u8> {
    for line_break in [b'\n', b'\r'] {
        text.pop_if(|last| *last == line_break);
    }
    text
}
