//! What follows a prompt, as it comes.

use super::error::Failure;
use super::settings::Settings;
use atome::Session;
use atome::sampler::Sampler;
use atome::tokenizer::{Stops, TextDecoder, Tokenizer};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Pieces that are made before somebody who wants to stop is listened to.
const PIECES: usize = 16;
/// Tokens without text of their own that make an empty piece.
const WITHOUT_TEXT: usize = 256;

/// What follows a prompt: an iterator of pieces of text, or of token ids.
#[pyclass(frozen, module = "atome")]
pub(super) struct Stream {
    run: Mutex<Run>,
}

/// A continuation, token by token.
pub(super) struct Run {
    /// `None` when the text has ended.
    session: Option<Session>,
    sampler: Sampler,
    /// The last token, if the session has not taken it in.
    last: Option<u32>,
    /// Most tokens that are still wanted.
    left: usize,
    ignores_ends: bool,
    text: Option<Text>,
}

/// How tokens become text.
struct Text {
    tokenizer: Arc<Tokenizer>,
    stops: Stops,
    decoder: TextDecoder,
}

/// A part of a continuation.
enum Piece {
    Text(String),
    Token(u32),
}

impl Run {
    /// What follows the tokens of a prompt, which the session has taken in.
    pub(super) fn new(
        session: Session,
        prompt: &[u32],
        settings: Settings,
        tokenizer: Option<Arc<Tokenizer>>,
    ) -> Result<Run, Failure> {
        let model = session.model();
        if model.classes().is_some() {
            return Err(atome::RunError::NotALanguageModel.into());
        }
        if tokenizer.is_none() && !settings.stop.is_empty() {
            return Err(Failure::argument(
                "`stop` ends a text, the prompt is of token ids",
            ));
        }
        let mut sampler = settings.choice.sampler(model.vocab())?;
        prompt.iter().for_each(|token| sampler.saw(*token));
        Ok(Run {
            session: Some(session),
            sampler,
            last: None,
            left: settings.n,
            ignores_ends: settings.ignores_ends,
            text: tokenizer.map(|tokenizer| Text {
                tokenizer,
                stops: Stops::new(settings.stop),
                decoder: TextDecoder::new(),
            }),
        })
    }

    /// The next part; `None` at the end. After an error there is no other.
    fn next(&mut self) -> Result<Option<Piece>, Failure> {
        let piece = self.piece();
        if !matches!(piece, Ok(Some(_))) {
            self.session = None;
        }
        piece
    }

    fn piece(&mut self) -> Result<Option<Piece>, Failure> {
        for _ in 0..WITHOUT_TEXT {
            if self.session.is_none() {
                return Ok(None);
            }
            let token = self.token()?;
            let Some(text) = &mut self.text else {
                return Ok(token.map(Piece::Token));
            };
            let (piece, is_end) = text.push(token);
            if is_end {
                self.session = None;
            }
            if !piece.is_empty() {
                return Ok(Some(Piece::Text(piece)));
            }
        }
        Ok(Some(Piece::Text(String::new())))
    }

    /// The next token; `None` where the text ends.
    fn token(&mut self) -> Result<Option<u32>, Failure> {
        let Some(session) = &mut self.session else {
            return Ok(None);
        };
        if self.left == 0 {
            return Ok(None);
        }
        if let Some(last) = self.last.take() {
            session.step(last)?;
        }
        let token = self.sampler.sample(session.logits());
        if !self.ignores_ends && session.model().ends().contains(&token) {
            return Ok(None);
        }
        self.left -= 1;
        self.last = Some(token);
        Ok(Some(token))
    }
}

impl Text {
    /// The text that a token, or the end, makes complete, and whether it is the last.
    fn push(&mut self, token: Option<u32>) -> (String, bool) {
        let (ready, is_end) = match token {
            Some(token) => self.stops.push(self.tokenizer.bytes(token)),
            None => (self.stops.finish(), true),
        };
        let mut text = String::new();
        self.decoder.push(&ready, |part| text.push_str(part));
        if is_end {
            self.decoder.finish(|part| text.push_str(part));
        }
        (text, is_end)
    }
}

impl Stream {
    pub(super) fn new(run: Run) -> Stream {
        Stream {
            run: Mutex::new(run),
        }
    }

    /// The next parts, at most so many; fewer at the end. One may be empty, where text is long in coming.
    fn pieces(&self, py: Python<'_>, most: usize) -> PyResult<Vec<Piece>> {
        // Before there is something that an interruption would lose.
        py.check_signals()?;
        let pieces = py.detach(|| {
            let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
            let next = std::iter::from_fn(|| run.next().transpose());
            next.take(most).collect::<Result<_, Failure>>()
        })?;
        Ok(pieces)
    }

    /// All that is still to come: one text, or a list of token ids.
    pub(super) fn rest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let is_text = py.detach(|| {
            let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
            run.text.is_some()
        });
        let (mut text, mut tokens) = (String::new(), Vec::new());
        loop {
            let pieces = self.pieces(py, PIECES)?;
            let is_end = pieces.len() < PIECES;
            for piece in pieces {
                match piece {
                    Piece::Text(piece) => text.push_str(&piece),
                    Piece::Token(token) => tokens.push(token),
                }
            }
            if is_end {
                break;
            }
        }
        match is_text {
            true => Ok(text.into_pyobject(py)?.into_any()),
            false => tokens.into_pyobject(py),
        }
    }
}

#[pymethods]
impl Stream {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let piece = loop {
            match self.pieces(py, 1)?.pop() {
                Some(Piece::Text(text)) if text.is_empty() => {}
                piece => break piece,
            }
        };
        let object = piece.map(|piece| match piece {
            Piece::Text(text) => Ok::<_, PyErr>(text.into_pyobject(py)?.into_any()),
            Piece::Token(token) => Ok(token.into_pyobject(py)?.into_any()),
        });
        object.transpose()
    }
}
