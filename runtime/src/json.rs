//! Files of a JSON object, and configs, whose faults name the key they are at.

use crate::error::{ConfigError, FileError};
use crate::regular_file;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;
use std::path::Path;

/// The longest config that is read, in bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// Reads the text of a JSON file of at most `max` bytes.
///
/// # Errors
/// If it is no regular file or cannot be read, and [`ConfigError::TooLong`].
pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>, FileError> {
    let (file, found) = regular_file::open(path)?;
    if found > max {
        return Err(ConfigError::TooLong { found, max }.into());
    }
    let mut json = Vec::new();
    file.take(max)
        .read_to_end(&mut json)
        .map_err(|cause| FileError::Io { cause })?;
    Ok(json)
}

/// Reads an object; keys that it does not have are ignored.
///
/// # Errors
/// [`ConfigError::Json`] for text that is not JSON, or a missing, repeated or ill-typed key.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, ConfigError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut reader);
    let Object(object) = read.map_err(|fault: serde_path_to_error::Error<serde_json::Error>| {
        let key = match fault.path().to_string() {
            // The whole object, or a key that was not read to its end.
            place if place == "." || place == "?" => String::new(),
            key => key,
        };
        let cause = fault.into_inner();
        ConfigError::Json { key, cause }
    })?;
    let key = String::new();
    reader
        .end()
        .map_err(|cause| ConfigError::Json { key, cause })?;
    Ok(object)
}

/// Reads a whole number that is not negative.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    deserializer.deserialize_u64(Whole)
}

/// Reads a value that may be left away, but not be `null`.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<usize, E> {
        let whole = usize::try_from(value);
        whole.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }
}

/// A derived struct, but not from a list.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the model's dimensions")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The error that a key is given more than once.
pub(crate) fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("key {key:?} is given twice"))
}

/// An object of strings, each key once.
pub(crate) struct Unique(pub(crate) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if entries.contains_key(&key) {
                return Err(twice(&key));
            }
            entries.insert(key, value);
        }
        Ok(Unique(entries))
    }
}
