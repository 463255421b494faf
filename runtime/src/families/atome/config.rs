//! The dimensions of a model: seven numbers that the `ATOME` formats leave out of the file.

use crate::error::{ConfigError, EntryFault, FileError};
use crate::families::Config;
use crate::format::MAX_CLASSES;
use crate::json;
use crate::tensor::Shapes;
use std::path::Path;

/// The config's keys, in the order of the fields of [`AtomeConfig`], and the largest accepted value of each.
const KEYS: [(&str, usize); 7] = [
    ("vocab_size", 1 << 24),
    ("d_model", 65_536),
    ("n_layers", 4096),
    ("d_head", 65_536),
    ("top_k", 4096),
    ("kernel_size", 64),
    ("max_seq", 1 << 20),
];

/// The dimensions of a model of the Atome family.
///
/// As JSON: an object with these seven keys, each a whole number of at least 1; other keys are ignored.
/// The upper limits are what [`AtomeConfig::validate`] checks; they keep every product below 2^63.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AtomeConfig {
    /// Number of token ids, at most 2^24.
    #[serde(deserialize_with = "json::whole")]
    pub vocab_size: usize,
    /// Width of the residual stream, at most 65,536.
    #[serde(deserialize_with = "json::whole")]
    pub d_model: usize,
    /// Number of blocks, at most 4096.
    #[serde(deserialize_with = "json::whole")]
    pub n_layers: usize,
    /// Width of a query and of a key, at most 65,536.
    #[serde(deserialize_with = "json::whole")]
    pub d_head: usize,
    /// Positions that attention keeps for each query, at most 4096.
    #[serde(deserialize_with = "json::whole")]
    pub top_k: usize,
    /// Taps of the causal convolution, at most 64.
    #[serde(deserialize_with = "json::whole")]
    pub kernel_size: usize,
    /// Positions the key/value cache holds, at most 2^20.
    #[serde(deserialize_with = "json::whole")]
    pub max_seq: usize,
}

impl AtomeConfig {
    /// Reads the dimensions from the text of a JSON object and validates them.
    ///
    /// # Errors
    /// [`ConfigError::Json`] names a missing, repeated or ill-typed key with its line and column;
    /// [`ConfigError::Dimension`] a number outside its range.
    pub fn from_json(json: &[u8]) -> Result<Self, FileError> {
        let config: Self = json::object(json)?;
        config.validate()?;
        Ok(config)
    }

    /// Reads the dimensions from a JSON file and validates them.
    ///
    /// # Errors
    /// Those of [`AtomeConfig::from_json`] and of opening a file, each with the file's path.
    pub fn from_file(path: &Path) -> Result<Self, FileError> {
        json::read(path, json::MAX_CONFIG_BYTES)
            .and_then(|json| Self::from_json(&json))
            .map_err(|fault| fault.in_file(path))
    }

    /// The dimensions that float weights of the family's names have, and the classes of a classifier. Shapes tell five;
    /// `top_k` and `max_seq` show in none, so they are told, or are those of a config that somebody gave.
    pub(crate) fn from_shapes(
        shapes: &dyn Shapes,
        [top_k, max_seq]: [Option<usize>; 2],
        given: Option<&Self>,
    ) -> Result<(Self, Option<usize>), FileError> {
        let told = |key, told: Option<usize>, of_config: fn(&Self) -> usize| {
            let told = told.or_else(|| given.map(of_config));
            told.ok_or(ConfigError::Untold { key })
        };
        let [vocab_size, d_model] = shapes.matrix("embed")?;
        let [d_head, _] = shapes.matrix("blocks.0.wq")?;
        let [_, kernel_size] = shapes.matrix("blocks.0.conv")?;
        let is_layer = |i: &usize| shapes.has(&format!("blocks.{i}.wq"));
        let config = Self {
            vocab_size,
            d_model,
            n_layers: (0..).take_while(is_layer).count(),
            d_head,
            top_k: told("top_k", top_k, |c| c.top_k)?,
            kernel_size,
            max_seq: told("max_seq", max_seq, |c| c.max_seq)?,
        };
        config.validate()?;
        if let Some(given) = given {
            let given = Self {
                top_k: config.top_k,
                max_seq: config.max_seq,
                ..given.clone()
            };
            Config::from(config.clone()).must_equal(&given.into())?;
        }
        let classes = shapes.has("head").then(|| shapes.matrix("head"));
        match classes.transpose()?.map(|[classes, _]| classes) {
            Some(found) if !(1..=MAX_CLASSES).contains(&found) => Err(FileError::entry(
                "head",
                EntryFault::Kind {
                    expected: format!("1 to {MAX_CLASSES} rows"),
                    found: found.to_string(),
                },
            )),
            classes => Ok((config, classes)),
        }
    }

    /// Checks every dimension against its range.
    ///
    /// # Errors
    /// [`ConfigError::Dimension`] for the first one outside.
    pub fn validate(&self) -> Result<(), FileError> {
        for ((key, max), found) in KEYS.into_iter().zip(self.values()) {
            if !(1..=max).contains(&found) {
                let expected = format!("from 1 to {max}");
                let outside = ConfigError::Dimension {
                    key,
                    expected,
                    found,
                };
                return Err(outside.into());
            }
        }
        Ok(())
    }

    /// The keys of the JSON object and their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, usize)> {
        KEYS.into_iter().map(|(key, _)| key).zip(self.values())
    }

    fn values(&self) -> [usize; KEYS.len()] {
        [
            self.vocab_size,
            self.d_model,
            self.n_layers,
            self.d_head,
            self.top_k,
            self.kernel_size,
            self.max_seq,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"vocab_size": 256, "d_model": 32, "n_layers": 2, "d_head": 8,
        "top_k": 4, "kernel_size": 5, "max_seq": 32}"#;

    fn message(json: &str) -> String {
        AtomeConfig::from_json(json.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn reads_its_own_json_and_ignores_other_keys() {
        let config = AtomeConfig::from_json(GOOD.as_bytes()).unwrap();
        assert_eq!(
            (config.vocab_size, config.d_head, config.max_seq),
            (256, 8, 32)
        );
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(AtomeConfig::from_json(text.as_bytes()).unwrap(), config);
        let more = GOOD.replacen('{', r#"{"name": ["x", {"y": null}], "#, 1);
        assert_eq!(AtomeConfig::from_json(more.as_bytes()).unwrap(), config);
    }

    #[test]
    fn a_fault_names_its_key_and_line() {
        assert_eq!(
            message(&GOOD.replace(r#""d_head": 8,"#, "")),
            "not a model config: missing field `d_head` at line 2 column 52"
        );
        assert_eq!(
            message(&GOOD.replace("\"top_k\": 4", "\"top_k\": \"four\"")),
            "not a model config: key `top_k`: invalid type: string \"four\", expected a whole number at line 2 column 23"
        );
        assert!(
            message(&GOOD.replace("\"d_model\": 32", "\"d_model\": -32")).contains("`d_model`")
        );
        assert!(
            message(&GOOD.replace("\"d_model\": 32", "\"d_model\": 32.5")).contains("`d_model`")
        );
        assert!(
            message(&GOOD.replace("\"d_model\": 32", "\"d_model\": 99999999999999999999999"))
                .contains("`d_model`")
        );
        assert!(
            message(&GOOD.replacen('{', "{\"top_k\": 1, ", 1))
                .contains("duplicate field `top_k` at line 2")
        );
        assert!(message("").contains("EOF while parsing a value at line 1"));
        assert!(message("[1, 2]").contains("expected an object with the model's dimensions"));
    }

    #[test]
    fn dimensions_have_limits() {
        for (key, max) in KEYS {
            for bad in [0, max + 1, usize::MAX] {
                let mut json: serde_json::Value = serde_json::from_str(GOOD).unwrap();
                json[key] = bad.into();
                let text = message(&json.to_string());
                assert_eq!(
                    text,
                    format!("config: expected `{key}` from 1 to {max}, found {bad}")
                );
            }
            let mut json: serde_json::Value = serde_json::from_str(GOOD).unwrap();
            json[key] = max.into();
            AtomeConfig::from_json(json.to_string().as_bytes()).unwrap();
        }
    }
}
