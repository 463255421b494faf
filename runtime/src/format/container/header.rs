//! The outer format, safetensors: a length, a JSON object that says what lies where, and the tensors' bytes.
//!
//! Parsing checks that the tensors fill the file from end to end, without a hole and without overlap, so whoever
//! has a [`Header`] may slice. What the tensors and the metadata mean is for the caller. Types and places of tensors
//! are those of the crate `safetensors`; its own reader takes a name that is given twice, and says of a broken file
//! neither which tensor is wrong nor where.

use crate::error::{EntryFault, FileError, HeaderError};
use crate::format::WriteError;
use crate::json::{Unique, twice};
use safetensors::tensor::{Dtype, TensorInfo};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest header that is read, in bytes: room for the tensors of the deepest model.
pub(crate) const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Bytes of the length that a file starts with.
const LENGTH_BYTES: usize = 8;

/// The header's key that is no tensor.
const METADATA_KEY: &str = "__metadata__";

/// What a safetensors file says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Header {
    pub(crate) metadata: BTreeMap<String, String>,
    /// In the order of their bytes.
    pub(crate) tensors: Vec<Entry>,
    /// Where the tensors' bytes start in the file.
    pub(crate) data_start: u64,
}

/// A tensor of the header. Its offsets count from the end of the header.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) info: TensorInfo,
}

/// The header's length, from the first bytes of a file; `None` if they start no safetensors file.
pub(crate) fn length(bytes: &[u8]) -> Option<u64> {
    let (&length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    (rest.first() == Some(&b'{')).then_some(u64::from_le_bytes(length))
}

impl Header {
    /// Reads a header; `bytes` are the start of a file of `file_bytes` bytes, long enough to hold it.
    pub(crate) fn parse(bytes: &[u8], file_bytes: u64) -> Result<Self, FileError> {
        let found = length(bytes).ok_or(HeaderError::Missing)?;
        let available = file_bytes.saturating_sub(LENGTH_BYTES as u64);
        let max = MAX_HEADER_BYTES.min(available);
        if found > max {
            return Err(HeaderError::Length { max, found }.into());
        }
        let text = &bytes[LENGTH_BYTES..];
        let text = usize::try_from(found).ok().and_then(|n| text.get(..n));
        let text = text.ok_or(HeaderError::Length {
            max: bytes.len() as u64,
            found,
        })?;
        let json = |cause| HeaderError::Json { cause };
        let mut header: Self = serde_json::from_slice(text).map_err(json)?;
        header.data_start = LENGTH_BYTES as u64 + found;
        header.check(file_bytes)?;
        Ok(header)
    }

    /// Every tensor has the bytes its shape needs, each starts where the one before it ends, the last one ends the file.
    fn check(&self, file_bytes: u64) -> Result<(), FileError> {
        let mut expected = 0;
        for entry in &self.tensors {
            let tensor = || entry.name.clone();
            let (begin, bytes) = (entry.begin(), entry.bytes_of_shape()?);
            if begin != expected {
                return Err(FileError::entry(
                    tensor(),
                    EntryFault::Place {
                        expected: self.data_start + expected,
                        found: self.data_start.saturating_add(begin),
                    },
                ));
            }
            if bytes != entry.bytes() {
                return Err(FileError::entry(
                    tensor(),
                    EntryFault::Bytes {
                        shape: entry.kind(),
                        expected: bytes,
                        found: entry.bytes(),
                    },
                ));
            }
            expected = begin + bytes;
            let available = file_bytes - self.data_start;
            if expected > available {
                return Err(FileError::Truncated {
                    tensor: tensor(),
                    offset: self.data_start + begin,
                    expected: bytes,
                    found: available.saturating_sub(begin),
                });
            }
        }
        match file_bytes - self.data_start - expected {
            0 => Ok(()),
            extra => Err(FileError::TrailingBytes {
                expected: self.data_start + expected,
                extra,
            }),
        }
    }

    /// Returns the start of a file: the length and the header, padded with spaces to a multiple of `align` bytes.
    ///
    /// # Errors
    /// [`WriteError::Header`] for a header that no reader would take.
    pub(crate) fn to_bytes(&self, align: usize) -> Result<Vec<u8>, WriteError> {
        let mut bytes = vec![0; LENGTH_BYTES];
        // Texts and numbers always have a form in JSON, and a vector takes them.
        let _ = serde_json::to_writer(&mut bytes, self);
        bytes.resize(bytes.len().next_multiple_of(align), b' ');
        let (max, found) = (MAX_HEADER_BYTES, (bytes.len() - LENGTH_BYTES) as u64);
        if found > max {
            return Err(WriteError::Header { max, found });
        }
        bytes[..LENGTH_BYTES].copy_from_slice(&found.to_le_bytes());
        Ok(bytes)
    }
}

impl Entry {
    /// A tensor of so many bytes from `begin` on.
    pub(super) fn new(
        name: String,
        dtype: Dtype,
        shape: Vec<usize>,
        begin: usize,
        bytes: usize,
    ) -> Self {
        let data_offsets = (begin, begin.saturating_add(bytes));
        let info = TensorInfo {
            dtype,
            shape,
            data_offsets,
        };
        Self { name, info }
    }

    /// Type and shape as messages show them: `F32 [8, 256]`.
    pub(crate) fn kind(&self) -> String {
        format!("{} {:?}", self.info.dtype, self.info.shape)
    }

    /// Where the tensor starts, counted from the end of the header.
    pub(crate) fn begin(&self) -> u64 {
        self.info.data_offsets.0 as u64
    }

    /// Bytes between the offsets.
    pub(crate) fn bytes(&self) -> u64 {
        let (begin, end) = self.info.data_offsets;
        end.saturating_sub(begin) as u64
    }

    /// Bytes that the type and the shape ask for.
    fn bytes_of_shape(&self) -> Result<u64, FileError> {
        let bits = self.info.dtype.bitsize() as u64;
        let mut dims = self.info.shape.iter();
        let elems = dims.try_fold(1u64, |all, &dim| all.checked_mul(dim as u64));
        let bits = elems.and_then(|elems| elems.checked_mul(bits));
        bits.map(|bits| bits.div_ceil(8)).ok_or_else(|| {
            FileError::entry(&self.name, EntryFault::Overflow { shape: self.kind() })
        })
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(METADATA_KEY, &self.metadata)?;
        for Entry { name, info } in &self.tensors {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the file's tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut header, mut seen) = (Header::default(), BTreeSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(twice(&name));
            }
            if name == METADATA_KEY {
                Unique(header.metadata) = map.next_value()?;
                continue;
            }
            // It is shown in messages as it is.
            if name.chars().any(char::is_control) {
                let expected = format_args!("key {name:?}: expected no control characters");
                return Err(de::Error::custom(expected));
            }
            let info = map.next_value();
            let info = info.map_err(|e| de::Error::custom(format_args!("tensor {name:?}: {e}")))?;
            header.tensors.push(Entry { name, info });
        }
        header.tensors.sort_by_key(|entry| entry.info.data_offsets);
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_round_trip() {
        let entry = |name: &str, begin, bytes| {
            Entry::new(name.into(), Dtype::U8, vec![bytes], begin, bytes)
        };
        let header = Header {
            metadata: [("a\"\n".to_owned(), "b\\".to_owned())].into(),
            tensors: vec![entry("x", 0, 3), entry("\u{e9}", 3, 0), entry("y", 3, 7)],
            data_start: 0,
        };
        for align in [1, 8, 256] {
            let mut bytes = header.to_bytes(align).unwrap();
            let data_start = bytes.len() as u64;
            assert_eq!(data_start % align as u64, 0);
            bytes.resize(bytes.len() + 10, 7);
            let read = Header::parse(&bytes, bytes.len() as u64).unwrap();
            assert_eq!(read.data_start, data_start);
            let again = read.to_bytes(align).unwrap();
            assert_eq!(again, bytes[..again.len()]);
            assert_eq!(read.metadata, header.metadata);
        }
    }

    #[test]
    fn lengths_are_checked_first() {
        for (length, file_bytes) in [(u64::MAX, 9), (2, 9), (MAX_HEADER_BYTES + 1, u64::MAX)] {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.push(b'{');
            match Header::parse(&bytes, file_bytes) {
                Err(FileError::Header(HeaderError::Length { found, .. })) => {
                    assert_eq!(found, length)
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            Header::parse(b"{}", 2),
            Err(FileError::Header(HeaderError::Missing))
        ));
    }
}
