//! `generation_config.json` of a directory: how whoever published a model has it choose tokens.

use crate::error::{ConfigError, FileError};
use crate::json;
use crate::sampler::Sampling;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::Path;

/// The file, beside `config.json`.
const FILE: &str = "generation_config.json";

/// What the file says of choosing tokens; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GenerationConfig {
    /// Tokens that end what the model writes.
    #[serde(rename = "eos_token_id", default, deserialize_with = "ids")]
    pub ends: Vec<u32>,
    /// Whether tokens are drawn; if it is said that they are not, the most likely one is taken.
    pub do_sample: Option<bool>,
    /// As [`Sampling::temperature`].
    pub temperature: Option<f32>,
    /// As [`Sampling::top_k`].
    pub top_k: Option<usize>,
    /// As [`Sampling::top_p`].
    pub top_p: Option<f32>,
    /// As [`Sampling::min_p`].
    pub min_p: Option<f32>,
    /// As [`Sampling::repetition_penalty`].
    pub repetition_penalty: Option<f32>,
}

impl GenerationConfig {
    /// Reads the file of a directory with a model of `vocab` token ids, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, is no JSON object, or has numbers that mean nothing, with its path.
    pub(super) fn beside(folder: &Path, vocab: usize) -> Result<Option<Self>, FileError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let read = || {
            let text = json::read(&path, json::MAX_CONFIG_BYTES)?;
            Self::stated(&text, vocab)
        };
        read()
            .map(Some)
            .map_err(|fault: FileError| fault.in_file(&path))
    }

    /// What a text in JSON says, of a model of `vocab` token ids.
    ///
    /// # Errors
    /// If it is no JSON object, or has numbers that mean nothing.
    pub(super) fn stated(text: &[u8], vocab: usize) -> Result<Self, FileError> {
        let config: GenerationConfig = json::object(text)?;
        config.check(vocab)?;
        Ok(config)
    }

    /// What `config.json` says of it, which counts where the file says nothing: the tokens that end texts.
    ///
    /// # Errors
    /// As [`GenerationConfig::stated`].
    pub(super) fn of_config(text: &[u8], vocab: usize) -> Result<Self, FileError> {
        #[derive(Deserialize)]
        struct Keys {
            #[serde(default, deserialize_with = "ids")]
            eos_token_id: Vec<u32>,
        }
        let Keys { eos_token_id: ends } = json::object(text)?;
        let config = GenerationConfig {
            ends,
            ..Self::default()
        };
        config.check(vocab)?;
        Ok(config)
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> String {
        // Numbers always have a form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn check(&self, vocab: usize) -> Result<(), ConfigError> {
        let wrong = |key, expected: &str, found: String| ConfigError::Value {
            key,
            expected: expected.to_owned(),
            found,
        };
        if let Some(id) = self.ends.iter().find(|id| **id as usize >= vocab) {
            let expected = format!("an id below {vocab}");
            return Err(wrong("eos_token_id", &expected, id.to_string()));
        }
        let finite = f32::MAX;
        for (key, value, range, expected) in [
            (
                "temperature",
                self.temperature,
                0.0..=finite,
                "a finite number of 0 or more",
            ),
            (
                "top_p",
                self.top_p,
                f32::MIN_POSITIVE..=1.0,
                "above 0 and at most 1",
            ),
            ("min_p", self.min_p, 0.0..=1.0, "from 0 to 1"),
            (
                "repetition_penalty",
                self.repetition_penalty,
                f32::MIN_POSITIVE..=finite,
                "a finite number above 0",
            ),
        ] {
            if let Some(found) = value.filter(|value| !range.contains(value)) {
                return Err(wrong(key, expected, found.to_string()));
            }
        }
        Ok(())
    }

    /// These settings, and `others` where the file says nothing.
    #[must_use]
    pub fn sampling(&self, others: Sampling) -> Sampling {
        let temperature = match self.do_sample {
            Some(false) => Some(0.0),
            _ => self.temperature,
        };
        Sampling {
            repetition_penalty: self.repetition_penalty.unwrap_or(others.repetition_penalty),
            temperature: temperature.unwrap_or(others.temperature),
            top_k: self.top_k.unwrap_or(others.top_k),
            top_p: self.top_p.unwrap_or(others.top_p),
            min_p: self.min_p.unwrap_or(others.min_p),
            ..others
        }
    }
}

/// An id, several, or none.
fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an id or a list of ids")]
    enum Ids {
        One(u32),
        Several(Vec<u32>),
    }
    Ok(match Option::<Ids>::deserialize(from)? {
        None => Vec::new(),
        Some(Ids::One(id)) => vec![id],
        Some(Ids::Several(ids)) => ids,
    })
}
