//! The dimensions of a model: seven numbers that the `ATOME` formats leave out of the file.

use crate::error::{ConfigError, FileError};
use crate::json;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The longest config that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 64 * 1024;

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
        read_config(path)
            .and_then(|json| Self::from_json(&json))
            .map_err(|fault| fault.in_file(path))
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

    /// Checks that a config somebody gave says the same as this one, which a file says.
    pub(super) fn must_equal(&self, given: &Self) -> Result<(), ConfigError> {
        for ((key, file), (_, config)) in self.entries().zip(given.entries()) {
            if config != file {
                return Err(ConfigError::Differs { key, config, file });
            }
        }
        Ok(())
    }

    /// The keys of the JSON object and their values.
    fn entries(&self) -> impl Iterator<Item = (&'static str, usize)> {
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

/// Opens a regular file and returns it with its length in bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64), FileError> {
    let io = |cause| FileError::Io { cause };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let kind = fs::metadata(path).map_err(io)?.file_type();
    if kind.is_dir() {
        return Err(FileError::Kind {
            expected: "a file",
            found: "a directory",
        });
    }
    if !kind.is_file() {
        return Err(FileError::Kind {
            expected: "a regular file",
            found: "a pipe, a socket or a device",
        });
    }
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    Ok((file, bytes))
}

fn read_config(path: &Path) -> Result<Vec<u8>, FileError> {
    let (file, found) = open(path)?;
    if found > MAX_CONFIG_BYTES {
        let max = MAX_CONFIG_BYTES;
        return Err(ConfigError::TooLong { found, max }.into());
    }
    let mut json = Vec::new();
    file.take(MAX_CONFIG_BYTES)
        .read_to_end(&mut json)
        .map_err(|cause| FileError::Io { cause })?;
    Ok(json)
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
