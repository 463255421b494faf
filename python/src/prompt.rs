//! What a model is given: text or token ids.

use super::error::Failure;
use atome::tokenizer::Tokenizer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::sync::Arc;

/// Text or token ids.
pub(super) enum Prompt {
    Text(Vec<u8>),
    Ids(Vec<u32>),
}

impl<'py> FromPyObject<'_, 'py> for Prompt {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Prompt> {
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Prompt::Text(text.to_string_lossy().as_bytes().to_vec()));
        }
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Prompt::Text(bytes.as_bytes().to_vec()));
        }
        Ok(Prompt::Ids(ids(&given)?))
    }
}

impl Prompt {
    /// As token ids. A token that begins texts stands before a text that begins one.
    pub(super) fn into_tokens(
        self,
        tokenizer: impl FnOnce() -> Result<Arc<Tokenizer>, Failure>,
        begins: bool,
    ) -> Result<Vec<u32>, Failure> {
        match self {
            Prompt::Ids(ids) => Ok(ids),
            Prompt::Text(text) => {
                let tokenizer = tokenizer()?;
                let before = if begins { tokenizer.before() } else { &[] };
                Ok([before, &tokenizer.encode(&text)].concat())
            }
        }
    }
}

/// Token ids, of any iterable of whole numbers.
pub(super) fn ids(given: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    given.try_iter()?.map(|id| self::id(&id?)).collect()
}

/// A token id.
pub(super) fn id(given: &Bound<'_, PyAny>) -> PyResult<u32> {
    given.extract().map_err(|_| {
        let found = given
            .repr()
            .map_or_else(|_| "something else".into(), |r| r.to_string());
        let most = u32::MAX;
        Failure::argument(format_args!(
            "expected token ids from 0 to {most}, found {found}"
        ))
        .into()
    })
}
