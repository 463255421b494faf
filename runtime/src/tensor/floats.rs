//! Floats of a file.

use super::{Floats, Source, Stored};
use crate::error::{FileError, TensorFault};
use half::{bf16, f16};
use std::sync::Arc;

/// What the elements of a tensor in a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatType {
    F32,
    F16,
    Bf16,
}

impl FloatType {
    /// Bytes of an element.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            FloatType::F32 => 4,
            FloatType::F16 | FloatType::Bf16 => 2,
        }
    }

    /// The numbers of elements that lie one after the other, little-endian.
    pub(crate) fn decode(self, bytes: &[u8], values: &mut [f32]) {
        let halves = || bytes.as_chunks().0.iter();
        match self {
            FloatType::F32 => {
                let words = bytes.as_chunks().0.iter();
                for (value, word) in values.iter_mut().zip(words) {
                    *value = f32::from_le_bytes(*word);
                }
            }
            FloatType::F16 => {
                for (value, half) in values.iter_mut().zip(halves()) {
                    *value = f16::from_le_bytes(*half).to_f32();
                }
            }
            FloatType::Bf16 => {
                for (value, half) in values.iter_mut().zip(halves()) {
                    *value = bf16::from_le_bytes(*half).to_f32();
                }
            }
        }
    }
}

/// Numbers of a file, little-endian, checked to be finite when they are read.
#[derive(Debug)]
pub(crate) struct FileFloats {
    name: String,
    of: FloatType,
    elems: usize,
    offset: u64,
    source: Arc<Source>,
    stored: Option<Stored>,
}

impl FileFloats {
    /// The f32 numbers from `offset` on, which the caller has checked to be there.
    pub(crate) fn new(name: String, elems: usize, source: &Arc<Source>, offset: u64) -> Self {
        let source = Arc::clone(source);
        Self {
            name,
            of: FloatType::F32,
            elems,
            offset,
            source,
            stored: None,
        }
    }

    /// The same, but elements of another type.
    pub(crate) fn of(self, of: FloatType) -> Self {
        Self { of, ..self }
    }

    /// The same, of f32 numbers that kernels may read where they are: in these bytes.
    pub(crate) fn stored(self, stored: Stored) -> Self {
        Self {
            stored: Some(stored),
            ..self
        }
    }
}

impl Floats for FileFloats {
    fn name(&self) -> &str {
        &self.name
    }

    fn elems(&self) -> usize {
        self.elems
    }

    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError> {
        let end = first.checked_add(values.len());
        assert!(
            end.is_some_and(|end| end <= self.elems),
            "within the tensor"
        );
        let size = self.of.bytes();
        let offset = self.offset + (size * first) as u64;
        let mut bytes = vec![0; size * values.len()];
        self.source.read(offset, &mut bytes)?;
        self.of.decode(&bytes, values);
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(FileError::tensor(
                &self.name,
                TensorFault::NotFinite {
                    offset: offset + (size * index) as u64,
                    index: first + index,
                    found: values[index],
                },
            )),
        }
    }

    fn element(&self) -> (&'static str, u64) {
        let name = match self.of {
            FloatType::F32 => "f32",
            FloatType::F16 => "f16",
            FloatType::Bf16 => "bf16",
        };
        (name, 8 * self.of.bytes() as u64)
    }

    fn let_go(&self) {
        self.source.let_go();
    }

    fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }
}
