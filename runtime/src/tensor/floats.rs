//! Floats of a file.

use super::{Floats, Source, Stored};
use crate::error::{FileError, TensorFault};
use std::sync::Arc;

/// f32 numbers of a file, little-endian, checked to be finite when they are read.
#[derive(Debug)]
pub(crate) struct FileFloats {
    name: String,
    elems: usize,
    offset: u64,
    source: Arc<Source>,
    stored: Option<Stored>,
}

impl FileFloats {
    /// The numbers from `offset` on, which the caller has checked to be there.
    pub(crate) fn new(name: String, elems: usize, source: &Arc<Source>, offset: u64) -> Self {
        let source = Arc::clone(source);
        Self {
            name,
            elems,
            offset,
            source,
            stored: None,
        }
    }

    /// The same, of a file whose numbers kernels may read where they are; the file states their checksum.
    pub(crate) fn stored(self, crc32: u32) -> Self {
        let stored = Stored::new(&self.source, self.offset, 4 * self.elems, crc32);
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
        let offset = self.offset + 4 * first as u64;
        let mut bytes = vec![0; 4 * values.len()];
        self.source.read(offset, &mut bytes)?;
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(FileError::tensor(
                &self.name,
                TensorFault::NotFinite {
                    offset: offset + 4 * index as u64,
                    index: first + index,
                    found: values[index],
                },
            )),
        }
    }

    fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }
}
