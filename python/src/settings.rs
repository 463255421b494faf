//! How tokens are chosen, and when a text ends: the keywords of `generate`, `stream` and `Sampler`.

use super::error::Failure;
use super::options::{count, unknown};
use atome::sampler::{Sampler, Sampling};
use atome::{Model, RunError};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Tokens of a continuation, unless somebody says another number.
const TOKENS: usize = 200;

/// The names of the keywords of a sampler.
const NAMES: [&str; 10] = [
    "frequency_penalty",
    "greedy",
    "logit_bias",
    "min_p",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
];

/// How a sampler chooses.
pub(super) struct Choice {
    pub(super) sampling: Sampling,
    pub(super) biases: Vec<(u32, f32)>,
}

/// How a prompt is continued.
pub(super) struct Settings {
    pub(super) choice: Choice,
    /// Most tokens.
    pub(super) n: usize,
    /// Texts that end it.
    pub(super) stop: Vec<String>,
    /// Whether it goes on where the model ends it.
    pub(super) ignores_ends: bool,
}

impl Choice {
    /// Takes one keyword; `false` if it is of something else.
    fn take(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let sampling = &mut self.sampling;
        match key {
            "temperature" => sampling.temperature = value.extract()?,
            "top_k" => sampling.top_k = count(key, value, 0)?,
            "top_p" => sampling.top_p = value.extract()?,
            "min_p" => sampling.min_p = value.extract()?,
            "repetition_penalty" => sampling.repetition_penalty = value.extract()?,
            "frequency_penalty" => sampling.frequency_penalty = value.extract()?,
            "presence_penalty" => sampling.presence_penalty = value.extract()?,
            "seed" => {
                sampling.seed = value.extract().map_err(|fault: PyErr| {
                    if !fault.is_instance_of::<PyOverflowError>(value.py()) {
                        return fault;
                    }
                    let expected = "expected a whole number from 0 to 2^64 - 1";
                    Failure::argument(format_args!("`seed` is {value}, {expected}")).into()
                })?;
            }
            "logit_bias" => {
                let pairs = value.cast::<PyDict>()?.iter();
                self.biases = pairs
                    .map(|(id, bias)| Ok((super::prompt::id(&id)?, bias.extract()?)))
                    .collect::<PyResult<_>>()?;
            }
            // It is looked at first, since the others go before it.
            "greedy" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What a model is published with, then whether it is greedy, before anything else is said.
    fn new(model: Option<&Model>, given: Option<&Bound<'_, PyDict>>) -> PyResult<Choice> {
        let generation = model.and_then(Model::generation);
        let mut sampling = match generation {
            Some(config) => config.sampling(Sampling::default()),
            None => Sampling::default(),
        };
        let said = |key: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
            let value = given.map(|given| given.get_item(key)).transpose()?;
            Ok(value.flatten().filter(|value| !value.is_none()))
        };
        let greedy = said("greedy")?.map(|greedy| greedy.extract::<bool>());
        if greedy.transpose()? == Some(true) {
            if said("temperature")?.is_some() {
                let message = "`greedy` and `temperature`: expected one of them";
                return Err(Failure::argument(message).into());
            }
            sampling = Sampling {
                repetition_penalty: sampling.repetition_penalty,
                ..Sampling::GREEDY
            };
        }
        Ok(Choice {
            sampling,
            biases: Vec::new(),
        })
    }

    /// The keywords of a sampler.
    pub(super) fn of(model: Option<&Model>, given: Option<&Bound<'_, PyDict>>) -> PyResult<Choice> {
        let mut choice = Choice::new(model, given)?;
        for (key, value) in given.into_iter().flatten() {
            let key: String = key.extract()?;
            if !value.is_none() && !choice.take(&key, &value)? {
                return Err(unknown(&key, &NAMES));
            }
        }
        Ok(choice)
    }

    pub(super) fn sampler(&self, vocab: usize) -> Result<Sampler, RunError> {
        Sampler::new(self.sampling, vocab)?.with_bias(&self.biases)
    }
}

impl Settings {
    /// The keywords of a continuation.
    pub(super) fn of(model: &Model, given: Option<&Bound<'_, PyDict>>) -> PyResult<Settings> {
        let mut settings = Settings {
            choice: Choice::new(Some(model), given)?,
            n: TOKENS,
            stop: Vec::new(),
            ignores_ends: false,
        };
        for (key, value) in given.into_iter().flatten() {
            let key: String = key.extract()?;
            if value.is_none() || settings.choice.take(&key, &value)? {
                continue;
            }
            match key.as_str() {
                "n" => settings.n = count(&key, &value, 0)?,
                "ignore_eos" => settings.ignores_ends = value.extract()?,
                "stop" => {
                    settings.stop = match value.extract::<String>() {
                        Ok(text) => vec![text],
                        Err(_) => value.extract()?,
                    }
                }
                _ => {
                    let known = [&NAMES[..], &["n", "ignore_eos", "stop"]].concat();
                    return Err(unknown(&key, &known));
                }
            }
        }
        Ok(settings)
    }
}
