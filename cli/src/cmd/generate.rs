//! What a model makes of a prompt: one loop, whatever is printed.

use super::prefill::prefill;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::state_file;
use crate::text::TextWriter;
use atome::sampler::{Sampler, Sampling};
use atome::tokenizer::Tokenizer;
use atome::{Model, Session};
use serde::Serialize;
use std::io::{self, StdoutLock, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How a prompt is continued.
pub(super) struct Settings {
    /// Maximum number of tokens.
    pub(super) n: usize,
    pub(super) sampling: Sampling,
    /// What is added to the logits of single tokens.
    pub(super) biases: Vec<(u32, f32)>,
    /// The state that the prompt is read after.
    pub(super) load_state: Option<PathBuf>,
    /// Whether the text goes on where the model ends it.
    pub(super) ignores_ends: bool,
    /// Ends it before.
    pub(super) interrupt: Interrupt,
}

/// Why a continuation is as long as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stop {
    /// It has as many tokens as were asked for.
    Length,
    /// The model ended the text.
    EndOfText,
    /// A text came that was to end it.
    #[serde(rename = "stop_text")]
    GivenText,
    /// Somebody asked for an end.
    Interrupted,
}

/// A continuation, token by token.
pub(super) struct Generation {
    session: Session,
    sampler: Sampler,
    left: usize,
    /// The last token, if the session has not taken it in.
    last: Option<u32>,
    /// Whose tokens end the text.
    model: Option<Model>,
    interrupt: Interrupt,
    /// Tokens of the prompt and the time they took.
    pub(super) prefill: (usize, Duration),
    /// Tokens taken in after it and the time they took.
    pub(super) decode: (usize, Duration),
    pub(super) stop: Stop,
}

impl Generation {
    /// Takes in the prompt, with a bar if it is long, unless `quiet`.
    pub(super) fn new(
        model: &Model,
        prompt: &[u32],
        settings: Settings,
        quiet: bool,
    ) -> Result<Generation, Failure> {
        let mut session = model.session()?;
        let Settings {
            n,
            sampling,
            biases,
            load_state,
            ignores_ends,
            interrupt,
        } = settings;
        let mut sampler = Sampler::new(sampling, model.vocab())?.with_bias(&biases)?;
        if let Some(path) = &load_state {
            state_file::load(&mut session, path)?;
        }
        prompt.iter().for_each(|token| sampler.saw(*token));
        let start = Instant::now();
        let taken = prefill(&mut session, prompt, quiet, || interrupt.is_asked())?;
        Ok(Generation {
            session,
            sampler,
            left: n,
            last: None,
            model: (!ignores_ends).then(|| model.clone()),
            interrupt,
            prefill: (taken, start.elapsed()),
            decode: (0, Duration::ZERO),
            stop: Stop::Length,
        })
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<u32>, Failure> {
        if self.interrupt.is_asked() {
            (self.left, self.stop) = (0, Stop::Interrupted);
        }
        if self.left == 0 {
            return Ok(None);
        }
        let start = Instant::now();
        let id = self.sampler.sample(self.session.logits());
        let model = self.model.as_ref();
        if model.is_some_and(|model| model.ends().contains(&id)) {
            (self.left, self.stop) = (0, Stop::EndOfText);
            return Ok(None);
        }
        self.left -= 1;
        self.last = Some(id);
        // Nobody asks what follows the last token.
        if self.left > 0 {
            self.session.step(id)?;
            self.last = None;
            self.decode.0 += 1;
            self.decode.1 += start.elapsed();
        }
        Ok(Some(id))
    }
}

impl Generation {
    /// The session, when it has taken in every token.
    pub(super) fn session(&mut self) -> Result<&Session, Failure> {
        if let Some(last) = self.last.take() {
            self.session.step(last)?;
        }
        Ok(&self.session)
    }
}

/// Where tokens go as they come.
pub(super) enum Printer<'t> {
    /// Their text.
    Text(TextWriter<'t, StdoutLock<'static>>),
    /// Their ids, with commas between them.
    Ids {
        out: StdoutLock<'static>,
        separator: &'static str,
    },
    /// Nowhere.
    Nothing,
}

impl<'t> Printer<'t> {
    /// To standard output as text.
    pub(super) fn text(tokenizer: &'t Tokenizer) -> Printer<'t> {
        Printer::Text(TextWriter::new(io::stdout().lock(), tokenizer))
    }

    /// To standard output as ids.
    pub(super) fn ids() -> Printer<'t> {
        let out = io::stdout().lock();
        Printer::Ids { out, separator: "" }
    }

    pub(super) fn push(&mut self, ids: &[u32]) -> io::Result<()> {
        for &id in ids {
            match self {
                Printer::Text(text) => text.push(id)?,
                Printer::Ids { out, separator } => {
                    write!(out, "{separator}{id}")?;
                    *separator = ",";
                }
                Printer::Nothing => {}
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Printer::Text(text) => text.flush(),
            Printer::Ids { out, .. } => out.flush(),
            Printer::Nothing => Ok(()),
        }
    }

    /// Ends the line.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Printer::Text(text) => text.finish(),
            Printer::Ids { mut out, .. } => {
                writeln!(out)?;
                out.flush()
            }
            Printer::Nothing => Ok(()),
        }
    }
}
