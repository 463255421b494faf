//! From logits to a token.

use super::error::Failure;
use super::model::Model;
use super::prompt::ids;
use super::session::Session;
use super::settings::Choice;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Chooses tokens for sessions of a model, and holds the random sequence.
#[pyclass(frozen, module = "atome")]
pub(super) struct Sampler {
    sampler: Mutex<atome::sampler::Sampler>,
    /// Logits that it chooses from.
    outputs: usize,
}

impl Sampler {
    fn lock(&self) -> MutexGuard<'_, atome::sampler::Sampler> {
        self.sampler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logits of a model.
fn outputs(model: &atome::Model) -> usize {
    model.classes().unwrap_or(model.vocab())
}

#[pymethods]
impl Sampler {
    #[new]
    #[pyo3(signature = (model, **settings))]
    fn new(model: &Bound<'_, Model>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Sampler> {
        let model = &model.get().model;
        let choice = Choice::of(Some(model), settings)?;
        let outputs = outputs(model);
        let sampler = choice.sampler(outputs).map_err(Failure::from)?;
        Ok(Sampler {
            sampler: Mutex::new(sampler),
            outputs,
        })
    }

    /// Chooses the token that follows what a session has taken in, which the session does not take in yet.
    fn sample(&self, py: Python<'_>, session: &Bound<'_, Session>) -> Result<u32, Failure> {
        let session = session.get();
        session.with(py, |session| {
            let (expected, found) = (self.outputs, outputs(session.model()));
            if expected != found {
                return Err(Failure::argument(format_args!(
                    "expected a session of {expected} logits, found one of {found}"
                )));
            }
            Ok(self.lock().sample(session.logits()))
        })
    }

    /// Notes tokens that a session took in and that this sampler did not choose: a repetition penalty is for them too.
    fn saw(&self, py: Python<'_>, tokens: &Bound<'_, PyAny>) -> PyResult<()> {
        let seen = ids(tokens)?;
        py.detach(|| {
            let mut sampler = self.lock();
            seen.into_iter().for_each(|token| sampler.saw(token));
        });
        Ok(())
    }

    /// Starts the random sequence again from its seed, and forgets the tokens that were seen.
    fn restart(&self, py: Python<'_>) {
        py.detach(|| self.lock().restart());
    }
}
