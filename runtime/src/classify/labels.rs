use crate::error::{ConfigError, FileError};
use crate::json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The name of a class whose texts are of none of the others: who is told so is not sure.
pub const NONE: &str = "?";

/// What a model's file says of its classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// A name for each logit, in their order.
    pub names: Vec<String>,
    /// Divides the logits, so that probabilities are as often right as they say.
    pub temperature: f64,
    /// The least margin of an answer that is sure.
    pub threshold: f64,
    /// How much more common texts of none are taken to be than among the texts that the model was trained on, when a
    /// margin is found.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub none_weight: f64,
    /// What the model was trained on: the file's length and checksum.
    pub dataset: String,
}

impl Labels {
    /// Numbers as names, for a model that says nothing: every answer of it is sure.
    #[must_use]
    pub fn numbered(classes: usize) -> Self {
        Self {
            names: (0..classes).map(|class| class.to_string()).collect(),
            temperature: 1.0,
            threshold: 0.0,
            none_weight: 1.0,
            dataset: String::new(),
        }
    }

    /// The class of texts that are of no other, if there is one.
    #[must_use]
    pub fn none(&self) -> Option<usize> {
        self.names.iter().position(|name| name == NONE)
    }

    /// What a text in JSON says, of a model of so many classes.
    ///
    /// # Errors
    /// If it is no such object, or names other classes or numbers that mean nothing.
    pub(crate) fn stated(text: &str, classes: Option<usize>) -> Result<Self, FileError> {
        let labels: Labels = json::object(text.as_bytes())?;
        labels.check(classes.unwrap_or(0))?;
        Ok(labels)
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> String {
        // Texts and numbers always have a form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Checks the labels of a model of so many classes.
    ///
    /// # Errors
    /// For the first that is wrong.
    pub fn check(&self, classes: usize) -> Result<(), ConfigError> {
        let wrong = |key, expected: String, found: String| {
            Err(ConfigError::Value {
                key,
                expected,
                found,
            })
        };
        let unique: BTreeSet<&String> = self.names.iter().collect();
        let (expected, found) = (classes, self.names.len());
        if expected != found {
            return wrong("names", format!("of {expected} classes"), found.to_string());
        }
        if unique.len() != found || self.names.iter().any(String::is_empty) {
            let expected = "of classes, each its own".to_owned();
            return wrong("names", expected, "one that is empty or twice".to_owned());
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            let found = self.temperature.to_string();
            return wrong("temperature", "a finite number above 0".into(), found);
        }
        if !(self.none_weight.is_finite() && self.none_weight > 0.0) {
            let found = self.none_weight.to_string();
            return wrong("none_weight", "a finite number above 0".into(), found);
        }
        match self.threshold {
            0.0..=1.0 => Ok(()),
            found => wrong("threshold", "from 0 to 1".into(), found.to_string()),
        }
    }
}

const fn one() -> f64 {
    1.0
}

fn is_one(weight: &f64) -> bool {
    *weight == 1.0
}
