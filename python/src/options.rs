//! How a model is loaded: the keywords of `Model`.

use super::error::Failure;
use atome::Options;
use atome::tune::Tuning;
use atome_spec::{Activation, Packing};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Sessions that a model has room for, unless somebody says another number. They take memory once they are used.
const SESSIONS: usize = 64;

/// The names of the keywords.
const NAMES: [&str; 14] = [
    "activations",
    "backend",
    "block",
    "cache_type",
    "config",
    "context",
    "cpu",
    "fuse",
    "huge_pages",
    "no_multiply",
    "packing",
    "sessions",
    "threads",
    "tune",
];

/// Options, and the file of the dimensions where the model's format has none.
pub(super) fn options(given: &Bound<'_, PyDict>) -> PyResult<(Options, Option<PathBuf>)> {
    let mut options = Options {
        sessions: SESSIONS,
        ..Options::default()
    };
    let mut config = None;
    for (key, value) in given {
        let key: String = key.extract()?;
        if value.is_none() {
            continue;
        }
        match key.as_str() {
            "config" => config = Some(value.extract()?),
            "backend" => options.backend = word(&key, &value)?,
            "cpu" => options.tier = Some(word(&key, &value)?),
            "packing" => options.packing = Some(packing(&key, &value)?),
            "activations" => options.activations = Some(activations(&key, &value)?),
            "threads" => options.threads = Some(count(&key, &value, 1)?),
            "sessions" => options.sessions = count(&key, &value, 0)?,
            "block" => options.block = count(&key, &value, 1)?,
            "cache_type" => options.cache_type = Some(word(&key, &value)?),
            "context" => options.context = Some(count(&key, &value, 1)?),
            "no_multiply" => options.no_multiply = value.extract()?,
            "fuse" => options.fuse = value.extract()?,
            "huge_pages" => options.huge_pages = value.extract()?,
            "tune" => {
                options.tuning = match value.extract()? {
                    true => Tuning::Find,
                    false => Tuning::Off,
                }
            }
            _ => return Err(unknown(&key, &NAMES)),
        }
    }
    Ok((options, config))
}

/// A keyword that nothing is called.
pub(super) fn unknown(key: &str, known: &[&str]) -> PyErr {
    let known = known.join(", ");
    PyTypeError::new_err(format!("expected keywords of {known}, found `{key}`"))
}

/// What a word names.
pub(super) fn word<T: FromStr<Err: fmt::Display>>(
    key: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<T> {
    by(key, value, str::parse)
}

/// What a word names, by whoever knows the names.
fn by<T, E: fmt::Display>(
    key: &str,
    value: &Bound<'_, PyAny>,
    named: fn(&str) -> Result<T, E>,
) -> PyResult<T> {
    let word: String = value.extract()?;
    named(&word)
        .map_err(|fault| Failure::argument(format_args!("`{key}`: {fault}, found `{word}`")).into())
}

/// A packing of files.
pub(super) fn packing(key: &str, value: &Bound<'_, PyAny>) -> PyResult<Packing> {
    by(key, value, Packing::stored_as)
}

/// What products multiply, in the words of the command.
fn activations(key: &str, value: &Bound<'_, PyAny>) -> PyResult<Activation> {
    let word: String = value.extract()?;
    match word.as_str() {
        "f32" => Ok(Activation::F32),
        "int8" => Ok(Activation::I8),
        _ => Err(Failure::argument(format_args!(
            "`{key}` is `{word}`, expected `f32` or `int8`"
        ))
        .into()),
    }
}

/// A whole number of `least` or more.
pub(super) fn count(key: &str, value: &Bound<'_, PyAny>, least: usize) -> PyResult<usize> {
    let number = value.extract().ok().filter(|number| *number >= least);
    number.ok_or_else(|| {
        Failure::argument(format_args!(
            "`{key}` is {value}, expected a whole number of {least} or more"
        ))
        .into()
    })
}
