//! Sequences of tokens over a model.

use super::error::Failure;
use super::model::Model;
use super::numbers;
use super::prompt::{Prompt, id};
use atome::RunError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tokens that are taken in before somebody who wants to stop is listened to.
const BLOCK: usize = 2048;

/// A sequence of tokens over a model: what it remembers, and the logits that follow.
///
/// Several threads may use one; each waits for the others, of a long prompt for 2,048 tokens at a time.
#[pyclass(frozen, module = "atome")]
pub(super) struct Session {
    session: Mutex<atome::Session>,
    model: Py<Model>,
}

impl Session {
    pub(super) fn open(model: Bound<'_, Model>) -> Result<Session, Failure> {
        let of = model_of(model.get());
        let session = model.py().detach(|| of.session())?;
        Ok(Session::new(session, model.unbind()))
    }

    fn new(session: atome::Session, model: Py<Model>) -> Session {
        let session = Mutex::new(session);
        Session { session, model }
    }

    /// Waits for the session, while other threads of Python run, and does something with it.
    pub(super) fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut atome::Session) -> R + Send,
    ) -> R {
        py.detach(|| work(&mut self.lock()))
    }

    fn lock(&self) -> MutexGuard<'_, atome::Session> {
        // Whoever panicked left a session that can be reset.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn model_of(model: &Model) -> &atome::Model {
    &model.model
}

#[pymethods]
impl Session {
    /// The model.
    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    /// Tokens seen so far.
    #[getter]
    fn position(&self, py: Python<'_>) -> u64 {
        self.with(py, |session| session.position())
    }

    /// Takes in a text, or token ids.
    fn prefill(&self, py: Python<'_>, prompt: Prompt) -> PyResult<()> {
        let model = self.model.get();
        let begins = self.position(py) == 0;
        let tokens = py.detach(|| prompt.into_tokens(|| model.tokenizer(), begins))?;
        prefill(py, model_of(model), &tokens, |part| {
            self.lock().prefill(part)
        })
    }

    /// Takes in one token.
    fn step(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<()> {
        let token = id(token)?;
        Ok(self
            .with(py, |session| session.step(token))
            .map_err(Failure::from)?)
    }

    /// What follows the last token: a logit for each token id, or for each class of a classifier. Zeros before the first.
    fn logits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let logits = self.with(py, |session| session.logits().to_vec());
        numbers::floats(py, &logits)
    }

    /// The token, or the class, of the greatest logit; the lowest among equals.
    fn argmax(&self, py: Python<'_>) -> u32 {
        self.with(py, |session| session.argmax())
    }

    /// What the session remembers of all tokens, by name: f32 numbers.
    fn states<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let copied = |(name, state): (&str, &[f32])| (name.to_owned(), state.to_vec());
        let states: Vec<_> = self.with(py, |session| session.states().map(copied).collect());
        let named = PyDict::new(py);
        for (name, state) in states {
            named.set_item(name, numbers::floats(py, &state)?)?;
        }
        Ok(named)
    }

    /// The state and the last logits as bytes that any session of the same weights reads.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let save = |session: &mut atome::Session| {
            let mut state = vec![0; session.state_bytes()];
            session.save_into(&mut state).map(|()| state)
        };
        let state = self.with(py, save).map_err(Failure::from)?;
        Ok(PyBytes::new(py, &state))
    }

    /// Goes back to a state that was saved.
    fn restore(&self, py: Python<'_>, state: &Bound<'_, PyBytes>) -> PyResult<()> {
        let state = state.as_bytes();
        Ok(self
            .with(py, |session| session.restore(state))
            .map_err(Failure::from)?)
    }

    /// A second session that has seen the same tokens.
    fn fork(&self, py: Python<'_>) -> PyResult<Session> {
        let fork = self
            .with(py, |session| session.fork())
            .map_err(Failure::from)?;
        Ok(Session::new(fork, self.model.clone_ref(py)))
    }

    /// Forgets every token.
    fn reset(&self, py: Python<'_>) {
        self.with(py, atome::Session::reset);
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<atome.Session at position {}>", self.position(py))
    }
}

/// Takes in tokens, all of which the model has, and listens in between to whoever wants to stop.
pub(super) fn prefill(
    py: Python<'_>,
    model: &atome::Model,
    tokens: &[u32],
    mut take: impl FnMut(&[u32]) -> Result<(), RunError> + Send,
) -> PyResult<()> {
    let vocab = model.vocab();
    let is_outside = |id: &&u32| usize::try_from(**id).is_ok_and(|id| id >= vocab);
    if let Some(&id) = tokens.iter().find(is_outside) {
        return Err(Failure::from(RunError::TokenOutOfRange { id, vocab }).into());
    }
    let parts = tokens.chunks(BLOCK);
    // Of nothing the session says that it is nothing.
    let none = tokens.is_empty().then_some(tokens);
    for part in parts.chain(none) {
        py.detach(|| take(part)).map_err(Failure::from)?;
        py.check_signals()?;
    }
    Ok(())
}

/// A step of several sessions, each of which is there once.
pub(super) fn step_together(
    py: Python<'_>,
    model: &atome::Model,
    sessions: &[Py<Session>],
    tokens: &[u32],
) -> Result<(), Failure> {
    let sessions: Vec<&Session> = sessions.iter().map(Py::get).collect();
    // Everybody locks in one order, so that nobody waits for somebody who waits for them.
    let mut order: Vec<usize> = (0..sessions.len()).collect();
    order.sort_by_key(|i| std::ptr::from_ref(sessions[*i]).addr());
    let twice = order
        .windows(2)
        .find(|pair| std::ptr::eq(sessions[pair[0]], sessions[pair[1]]));
    if let Some(pair) = twice {
        let (first, second) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        return Err(Failure::argument(format_args!(
            "expected different sessions, found session {first} again as {second}"
        )));
    }
    py.detach(|| {
        let mut locked: Vec<Option<MutexGuard<'_, atome::Session>>> =
            sessions.iter().map(|_| None).collect();
        for i in order {
            locked[i] = Some(sessions[i].lock());
        }
        let mut all: Vec<&mut atome::Session> = locked
            .iter_mut()
            .flatten()
            .map(|locked| &mut **locked)
            .collect();
        Ok(model.step_batch(&mut all, tokens)?)
    })
}
