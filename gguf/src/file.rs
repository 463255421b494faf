//! A whole file.

use crate::cursor::Cursor;
use crate::error::{Error, Fault};
use crate::metadata::{self, Metadata, sorted};
use crate::place::Data;
use crate::tensor::{self, Info, Tensor};
use crate::value::Value;

const MAGIC: &[u8; 4] = b"GGUF";

/// The key of the alignment, and the one of files that do not have it.
pub(crate) const ALIGNMENT: &str = "general.alignment";
pub(crate) const DEFAULT_ALIGNMENT: u32 = 32;

/// Whether `bytes` start like a GGUF file.
#[must_use]
pub fn is_gguf(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// A GGUF file, borrowed from its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Gguf<'a> {
    version: u32,
    alignment: u32,
    metadata: Metadata<'a>,
    tensors: Vec<Tensor<'a>>,
    /// Indices of tensors, by name.
    sorted: Vec<u32>,
    data_start: u64,
}

impl<'a> Gguf<'a> {
    /// Reads the header, the keys and the table of tensors, and finds the bytes of each. Weights are not looked at.
    ///
    /// Takes memory for each key and tensor, at most a few times the bytes that they have in the file.
    ///
    /// # Errors
    /// If anything is not as a GGUF file of version 2 or 3 has it, or leaves `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let version = version(&mut cursor)?;
        let at = cursor.offset();
        let [tensors, keys] = [signed(&mut cursor)?, signed(&mut cursor)?];
        let tensors = cursor.fits(at, tensors, "tensors", tensor::LEAST_BYTES)?;
        let keys = cursor.fits(at + 8, keys, "keys", metadata::LEAST_BYTES)?;
        let metadata = Metadata::read(&mut cursor, keys)?;
        let alignment = alignment(&metadata)?;

        let mut infos = Vec::new();
        for index in 0..tensors {
            infos.push(Info::read(&mut cursor, index)?);
        }
        let names: Vec<(&str, u64)> = infos.iter().map(|info| (info.name, info.entry)).collect();
        let sorted = sorted(&names, crate::error::At::Tensor)?;

        let start = cursor.offset().next_multiple_of(alignment.into());
        let data = Data {
            bytes: usize::try_from(start)
                .ok()
                .and_then(|start| bytes.get(start..))
                .unwrap_or_default(),
            start,
            alignment: alignment.into(),
        };
        Ok(Self {
            version,
            alignment,
            metadata,
            tensors: data.place(&infos)?,
            sorted,
            data_start: start,
        })
    }

    /// The version: 2 or 3.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Tensors start at multiples of this in the data.
    #[must_use]
    pub fn alignment(&self) -> u32 {
        self.alignment
    }

    /// Where in the file the data starts.
    #[must_use]
    pub fn data_start(&self) -> u64 {
        self.data_start
    }

    /// The keys and their values.
    #[must_use]
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.metadata
    }

    /// The tensors, in the order of the file.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor<'a>] {
        &self.tensors
    }

    /// The tensor `name`.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&Tensor<'a>> {
        let name_of = |index: &u32| self.tensors[*index as usize].name;
        let found = self
            .sorted
            .binary_search_by(|i| name_of(i).cmp(name))
            .ok()?;
        Some(&self.tensors[self.sorted[found] as usize])
    }
}

fn version(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    let left = cursor.left().min(MAGIC.len());
    let found = cursor.take(left as u64, "a magic")?;
    if found != MAGIC {
        let found = found.to_vec();
        return Err(cursor.error(0, Fault::Magic { found }));
    }
    let offset = cursor.offset();
    match cursor.u32("a version")? {
        found @ (2 | 3) => Ok(found),
        // No version is so great that its lower half is 0.
        found if found != 0 && found & 0xffff == 0 => {
            let version = found.swap_bytes();
            Err(cursor.error(offset, Fault::BigEndian { version }))
        }
        found => Err(cursor.error(offset, Fault::Version { found })),
    }
}

/// A count that files have as a number with a sign.
fn signed(cursor: &mut Cursor<'_>) -> Result<i128, Error> {
    Ok(i64::from_le_bytes(cursor.word("a count")?).into())
}

fn alignment(metadata: &Metadata<'_>) -> Result<u32, Error> {
    let Some(entry) = metadata.get(ALIGNMENT) else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    match entry.value {
        Value::U32(alignment) if alignment.is_power_of_two() => Ok(alignment),
        Value::U32(found) => {
            let (expected, found) = ("a power of two", found.into());
            Err(entry.error(Fault::Number { expected, found }))
        }
        other => {
            let (expected, found) = ("u32", other.found());
            Err(entry.error(Fault::Kind { expected, found }))
        }
    }
}
