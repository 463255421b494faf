//! The outer format, safetensors: a length, a JSON object that says what lies where, and the tensors' bytes.
//!
//! Parsing checks that the tensors fill the file from end to end, without a hole and without overlap, so whoever
//! has a [`Header`] may slice. What the tensors and the metadata mean is for the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::ContainerError;
use crate::format::WriteError;

/// The longest header that is read, in bytes: room for the tensors of the deepest model.
pub(in crate::format) const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Bytes of the length that a file starts with.
pub(in crate::format) const LENGTH_BYTES: usize = 8;

/// The header's key that is no tensor.
const METADATA_KEY: &str = "__metadata__";

/// Element types whose size is known, in bits.
const DTYPES: [(&str, u64); 15] = [
    ("BOOL", 8),
    ("U8", 8),
    ("I8", 8),
    ("F8_E5M2", 8),
    ("F8_E4M3", 8),
    ("I16", 16),
    ("U16", 16),
    ("F16", 16),
    ("BF16", 16),
    ("I32", 32),
    ("U32", 32),
    ("F32", 32),
    ("F64", 64),
    ("I64", 64),
    ("U64", 64),
];

/// What a safetensors file says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::format) struct Header {
    pub(in crate::format) metadata: BTreeMap<String, String>,
    /// In the order of their bytes.
    pub(in crate::format) tensors: Vec<Entry>,
    /// Where the tensors' bytes start in the file.
    pub(in crate::format) data_start: u64,
}

/// A tensor of the header. `begin` and `end` count from the end of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::format) struct Entry {
    pub(in crate::format) name: String,
    pub(in crate::format) dtype: String,
    pub(in crate::format) shape: Vec<u64>,
    pub(in crate::format) begin: u64,
    pub(in crate::format) end: u64,
}

/// The header's length, from the first bytes of a file; `None` if they start no safetensors file.
pub(in crate::format) fn length(bytes: &[u8]) -> Option<u64> {
    let (&length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    (rest.first() == Some(&b'{')).then_some(u64::from_le_bytes(length))
}

impl Header {
    /// Reads a header; `bytes` are the start of a file of `file_bytes` bytes, long enough to hold it.
    pub(in crate::format) fn parse(bytes: &[u8], file_bytes: u64) -> Result<Self, ContainerError> {
        let found = length(bytes).ok_or(ContainerError::NoHeader)?;
        let available = file_bytes.saturating_sub(LENGTH_BYTES as u64);
        let max = MAX_HEADER_BYTES.min(available);
        if found > max {
            return Err(ContainerError::HeaderLength { max, found });
        }
        let text = &bytes[LENGTH_BYTES..];
        let text = usize::try_from(found).ok().and_then(|n| text.get(..n));
        let text = text.ok_or(ContainerError::HeaderLength {
            max: bytes.len() as u64,
            found,
        })?;
        let json = |cause| ContainerError::HeaderJson { cause };
        let Tables { metadata, tensors } = serde_json::from_slice(text).map_err(json)?;
        let header = Self {
            metadata,
            tensors,
            data_start: LENGTH_BYTES as u64 + found,
        };
        header.check(file_bytes)?;
        Ok(header)
    }

    /// Every tensor has the bytes its shape needs, each starts where the one before it ends, the last one ends the file.
    fn check(&self, file_bytes: u64) -> Result<(), ContainerError> {
        let mut expected = 0;
        for entry in &self.tensors {
            let tensor = || entry.name.clone();
            let bytes = entry.bytes()?;
            if entry.begin != expected {
                return Err(ContainerError::Place {
                    tensor: tensor(),
                    expected: self.data_start + expected,
                    found: self.data_start.saturating_add(entry.begin),
                });
            }
            let found = entry.end.saturating_sub(entry.begin);
            if bytes != found {
                return Err(ContainerError::TensorBytes {
                    tensor: tensor(),
                    shape: entry.kind(),
                    expected: bytes,
                    found,
                });
            }
            expected = entry.end;
            let available = file_bytes - self.data_start;
            if expected > available {
                return Err(ContainerError::Truncated {
                    tensor: tensor(),
                    offset: self.data_start + entry.begin,
                    expected: bytes,
                    found: available.saturating_sub(entry.begin),
                });
            }
        }
        match file_bytes - self.data_start - expected {
            0 => Ok(()),
            extra => Err(ContainerError::TrailingBytes {
                expected: self.data_start + expected,
                extra,
            }),
        }
    }

    /// Returns the start of a file: the length and the header, padded with spaces to a multiple of `align` bytes.
    ///
    /// # Errors
    /// [`WriteError::Header`] for a header that no reader would take.
    pub(in crate::format) fn to_bytes(&self, align: usize) -> Result<Vec<u8>, WriteError> {
        let bytes = self.text(align);
        let (max, found) = (MAX_HEADER_BYTES, (bytes.len() - LENGTH_BYTES) as u64);
        if found > max {
            return Err(WriteError::Header { max, found });
        }
        Ok(bytes)
    }

    fn text(&self, align: usize) -> Vec<u8> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut json = format!("{{{}:{{", quoted(METADATA_KEY));
        for (i, (key, value)) in self.metadata.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(json, "{comma}{}:{}", quoted(key), quoted(value));
        }
        json.push('}');
        for tensor in &self.tensors {
            let shape: Vec<String> = tensor.shape.iter().map(u64::to_string).collect();
            let _ = write!(
                json,
                ",{}:{{\"dtype\":{},\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                quoted(&tensor.name),
                quoted(&tensor.dtype),
                shape.join(","),
                tensor.begin,
                tensor.end
            );
        }
        json.push('}');
        let padded = (LENGTH_BYTES + json.len()).next_multiple_of(align) - LENGTH_BYTES;
        let mut bytes = (padded as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(LENGTH_BYTES + padded, b' ');
        bytes
    }
}

impl Entry {
    /// Type and shape as messages show them: `F32 [8, 256]`.
    pub(in crate::format) fn kind(&self) -> String {
        format!("{} {:?}", self.dtype, self.shape)
    }

    /// Bytes that the type and the shape ask for.
    fn bytes(&self) -> Result<u64, ContainerError> {
        let unknown = || ContainerError::Dtype {
            tensor: self.name.clone(),
            found: self.dtype.clone(),
        };
        let (_, bits) = DTYPES
            .iter()
            .find(|(name, _)| *name == self.dtype)
            .ok_or_else(unknown)?;
        let elems = self
            .shape
            .iter()
            .try_fold(1u64, |product, &dim| product.checked_mul(dim));
        let bytes = elems.and_then(|elems| elems.checked_mul(bits / 8));
        bytes.ok_or_else(|| ContainerError::Overflow {
            tensor: self.name.clone(),
            shape: self.kind(),
        })
    }
}

/// The header's JSON: metadata, and the tensors in the order of their bytes.
struct Tables {
    metadata: BTreeMap<String, String>,
    tensors: Vec<Entry>,
}

impl<'de> Deserialize<'de> for Tables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TablesVisitor)
    }
}

struct TablesVisitor;

impl<'de> Visitor<'de> for TablesVisitor {
    type Value = Tables;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the file's tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tables, A::Error> {
        let (mut metadata, mut tensors, mut seen) = (None, Vec::new(), BTreeSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if key == METADATA_KEY {
                let Unique(entries) = map.next_value()?;
                if metadata.replace(entries).is_some() {
                    return Err(twice(&key));
                }
                continue;
            }
            if !seen.insert(key.clone()) {
                return Err(twice(&key));
            }
            // It is shown in messages as it is.
            if key.chars().any(char::is_control) {
                let expected = format_args!("key {key:?}: expected no control characters");
                return Err(de::Error::custom(expected));
            }
            let place: Place = map
                .next_value()
                .map_err(|e| de::Error::custom(format_args!("tensor {key:?}: {e}")))?;
            tensors.push(Entry {
                name: key,
                dtype: place.dtype,
                shape: place.shape,
                begin: place.data_offsets[0],
                end: place.data_offsets[1],
            });
        }
        tensors.sort_by_key(|entry| (entry.begin, entry.end));
        Ok(Tables {
            metadata: metadata.unwrap_or_default(),
            tensors,
        })
    }
}

fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("key {key:?} is given twice"))
}

/// A tensor as the JSON has it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// An object of strings, each key once.
struct Unique(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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
        deserializer.deserialize_map(UniqueVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    fn message(json: &str, data: usize) -> String {
        let bytes = file(json, data);
        Header::parse(&bytes, bytes.len() as u64)
            .expect_err("a broken header")
            .to_string()
    }

    #[test]
    fn a_header_survives_the_round_trip() {
        let entry = |name: &str, begin, end| Entry {
            name: name.into(),
            dtype: "U8".into(),
            shape: vec![end - begin],
            begin,
            end,
        };
        let header = Header {
            metadata: [("a\"\n".to_owned(), "b\\".to_owned())].into(),
            tensors: vec![entry("x", 0, 3), entry("\u{e9}", 3, 3), entry("y", 3, 10)],
            data_start: 256,
        };
        for align in [1, 8, 256] {
            let mut bytes = header.to_bytes(align).unwrap();
            let data_start = bytes.len() as u64;
            assert_eq!(data_start % align as u64, 0);
            bytes.resize(bytes.len() + 10, 7);
            let read = Header::parse(&bytes, bytes.len() as u64).unwrap();
            let expected = Header {
                data_start,
                ..header.clone()
            };
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn faults_are_named() {
        let tensor = |dtype, shape, offsets| {
            format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        assert_eq!(
            message(&tensor("F32", "[2]", "[0,8]"), 7),
            "`t` at byte 62 needs 8 bytes, the file has 7 there: cut short?"
        );
        assert_eq!(
            message(&tensor("F32", "[2]", "[0,8]"), 9),
            "1 bytes left over after byte 70"
        );
        assert_eq!(
            message(&tensor("F32", "[2]", "[4,12]"), 12),
            "`t`: expected its bytes to start at 63, where the one before it ends, found 67"
        );
        assert_eq!(
            message(&tensor("F32", "[2]", "[0,7]"), 7),
            "`t`: F32 [2] needs 8 bytes, the header gives it 7"
        );
        assert!(message(&tensor("F32", "[2]", "[8,0]"), 8).ends_with("found 70"));
        assert!(message(&tensor("Q4", "[2]", "[0,8]"), 8).contains("element type \"Q4\""));
        assert!(
            message(&tensor("F32", "[9999999999999,9999999999999]", "[0,8]"), 8)
                .contains("more bytes than can be counted")
        );
        assert!(
            message(&tensor("F32", "[-2]", "[0,8]"), 8).contains("tensor \"t\": invalid value")
        );
        assert!(message("{", 0).contains("EOF while parsing"));
        assert!(message("{} x", 0).contains("trailing characters"));
        assert!(message(r#"{"__metadata__":{"a":"b","a":"c"}}"#, 0).contains("given twice"));
        assert!(message(r#"{"__metadata__":{"a":1}}"#, 0).contains("expected a string"));
        let t = r#""t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        assert!(message(&format!("{{{t},{t}}}"), 0).contains("key \"t\" is given twice"));
        let overlap = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}"#;
        assert!(message(overlap, 7).starts_with("`b`: expected its bytes to start at"));
    }

    #[test]
    fn lengths_are_checked_first() {
        for (length, file_bytes) in [(u64::MAX, 9), (2, 9), (MAX_HEADER_BYTES + 1, u64::MAX)] {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.push(b'{');
            match Header::parse(&bytes, file_bytes) {
                Err(ContainerError::HeaderLength { found, .. }) => assert_eq!(found, length),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            Header::parse(b"{}", 2),
            Err(ContainerError::NoHeader)
        ));
    }
}
