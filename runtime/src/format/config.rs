//! The dimensions of a model: seven numbers that the `ATOME` formats leave out of the file.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::container::ContainerError;
use crate::error::LoadError;

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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AtomeConfig {
    /// Number of token ids, at most 2^24.
    pub vocab_size: usize,
    /// Width of the residual stream, at most 65,536.
    pub d_model: usize,
    /// Number of blocks, at most 4096.
    pub n_layers: usize,
    /// Width of a query and of a key, at most 65,536.
    pub d_head: usize,
    /// Positions that attention keeps for each query, at most 4096.
    pub top_k: usize,
    /// Taps of the causal convolution, at most 64.
    pub kernel_size: usize,
    /// Positions the key/value cache holds, at most 2^20.
    pub max_seq: usize,
}

impl AtomeConfig {
    /// Reads the dimensions from the text of a JSON object and validates them.
    ///
    /// # Errors
    /// [`LoadError::ConfigJson`] names a missing, repeated or ill-typed key with its line and column;
    /// [`LoadError::Dimension`] a number outside its range.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        let config: Self =
            serde_json::from_slice(json).map_err(|cause| LoadError::ConfigJson { cause })?;
        config.validate()?;
        Ok(config)
    }

    /// Reads the dimensions from a JSON file and validates them.
    ///
    /// # Errors
    /// Those of [`AtomeConfig::from_json`] and of opening a file, each with the file's path.
    pub fn from_file(path: &Path) -> Result<Self, LoadError> {
        read_config(path)
            .and_then(|json| Self::from_json(&json))
            .map_err(|fault| fault.in_file(path))
    }

    /// Checks every dimension against its range.
    ///
    /// # Errors
    /// [`LoadError::Dimension`] for the first one outside.
    pub fn validate(&self) -> Result<(), LoadError> {
        for ((key, max), found) in KEYS.into_iter().zip(self.values()) {
            if !(1..=max).contains(&found) {
                return Err(LoadError::Dimension { key, max, found });
            }
        }
        Ok(())
    }

    /// Checks that a config somebody gave says the same as this one, which a file says.
    pub(super) fn must_equal(&self, given: &Self) -> Result<(), ContainerError> {
        for ((key, file), (_, config)) in self.entries().zip(given.entries()) {
            if config != file {
                return Err(ContainerError::ConfigDiffers { key, config, file });
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
pub(super) fn open(path: &Path) -> Result<(File, u64), LoadError> {
    let io = |cause| LoadError::Io { cause };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let kind = fs::metadata(path).map_err(io)?.file_type();
    if kind.is_dir() {
        return Err(LoadError::Directory);
    }
    if !kind.is_file() {
        return Err(LoadError::NotAFile);
    }
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    Ok((file, bytes))
}

fn read_config(path: &Path) -> Result<Vec<u8>, LoadError> {
    let (file, found) = open(path)?;
    if found > MAX_CONFIG_BYTES {
        return Err(LoadError::ConfigTooLong {
            found,
            max: MAX_CONFIG_BYTES,
        });
    }
    let mut json = Vec::new();
    file.take(MAX_CONFIG_BYTES)
        .read_to_end(&mut json)
        .map_err(|cause| LoadError::Io { cause })?;
    Ok(json)
}

/// Written by hand because a derived implementation does not say which key has a value of the wrong type.
impl<'de> Deserialize<'de> for AtomeConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor)
    }
}

struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = AtomeConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the model's dimensions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AtomeConfig, A::Error> {
        let mut values = [None; KEYS.len()];
        while let Some(key) = map.next_key::<String>()? {
            let Some(i) = KEYS.iter().position(|(name, _)| *name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let Whole(value) = map
                .next_value()
                .map_err(|e| de::Error::custom(format_args!("key `{key}`: {e}")))?;
            if values[i].replace(value).is_some() {
                return Err(de::Error::custom(format_args!(
                    "key `{key}` is given twice"
                )));
            }
        }
        let get = |i: usize| {
            values[i].ok_or_else(|| de::Error::custom(format_args!("missing key `{}`", KEYS[i].0)))
        };
        Ok(AtomeConfig {
            vocab_size: get(0)?,
            d_model: get(1)?,
            n_layers: get(2)?,
            d_head: get(3)?,
            top_k: get(4)?,
            kernel_size: get(5)?,
            max_seq: get(6)?,
        })
    }
}

/// A whole number, with an error message that says so.
struct Whole(usize);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;
        impl Visitor<'_> for WholeVisitor {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Whole, E> {
                usize::try_from(value)
                    .map(Whole)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }
        }
        deserializer.deserialize_u64(WholeVisitor)
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
            "not a model config: missing key `d_head` at line 2 column 52"
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
                .contains("key `top_k` is given twice at line 2")
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
