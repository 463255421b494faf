//! Model to bytes: the exact inverse of reading.

use super::Format;
use super::model::{AtomeModel, TensorRef, Ternary};
use super::trits::Packing;
use crate::atomic_file::WriteFileError;
use crate::error::LoadError;
use atome_kernels::packing::PackError;
use std::path::Path;

/// Why a model was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The model is not one that a file could hold, or a tensor cannot be read from its own file.
    #[error(transparent)]
    Source(#[from] LoadError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] WriteFileError),
    /// The texts of a container are longer than its header may be.
    #[error("expected a header of at most {max} bytes, found {found}: shorten the provenance")]
    Header {
        /// The longest header that is read, in bytes.
        max: u64,
        /// The length it would have.
        found: u64,
    },
    /// A matrix cannot be packed.
    #[error("`{tensor}`: {cause}")]
    Pack {
        /// The tensor's name.
        tensor: String,
        /// What the packing found.
        cause: PackError,
    },
    /// An element of an embedding table has no f16 near it.
    #[error(
        "`{tensor}`: expected numbers up to 65504 for f16, found {found} in row {row}, column {col}: keep f32"
    )]
    TooLargeForF16 {
        /// The table's name.
        tensor: String,
        /// The element's row.
        row: usize,
        /// Its column.
        col: usize,
        /// Its value.
        found: f32,
    },
}

impl WriteError {
    /// For a file that the system would not write.
    pub(super) fn file(path: &Path, cause: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::File(WriteFileError { path, cause })
    }
}

/// Returns the model as an `ATOME01` file: trits 2 bits each. A classifier's head has no place in it and is left out.
///
/// # Panics
/// If no file could hold the model: see [`AtomeModel::check`].
#[must_use]
pub fn write_atome01(model: &AtomeModel) -> Vec<u8> {
    let mut writer = Writer::new(Format::Atome01, Packing::Int2);
    writer.body(model);
    writer.out
}

/// Returns the model as an `ATOME02` file: five trits a byte. A classifier's head has no place in it and is left out.
///
/// # Panics
/// If no file could hold the model: see [`AtomeModel::check`].
#[must_use]
pub fn write_atome02(model: &AtomeModel) -> Vec<u8> {
    let mut writer = Writer::new(Format::Atome02, Packing::Base3);
    writer.body(model);
    writer.out
}

/// Returns a classifier as an `ATOMECL01` file, or `None` for a model without a head (or with a head of more rows than
/// the format's 32-bit class count holds).
///
/// # Panics
/// If no file could hold the model: see [`AtomeModel::check`].
#[must_use]
pub fn write_atomecl01(model: &AtomeModel) -> Option<Vec<u8>> {
    let head = model.head.as_ref()?;
    let classes = i32::try_from(head.rows).ok()?;
    let mut writer = Writer::new(Format::AtomeCl01, Packing::Int2);
    writer.out.extend(classes.to_le_bytes());
    writer.body(model);
    writer.ternary(head);
    Some(writer.out)
}

struct Writer {
    out: Vec<u8>,
    packing: Packing,
}

impl Writer {
    fn new(format: Format, packing: Packing) -> Self {
        Self {
            out: format.name().into(),
            packing,
        }
    }

    fn body(&mut self, model: &AtomeModel) {
        if let Err(fault) = model.check() {
            panic!("no file could hold the model: {fault}");
        }
        for (name, tensor) in model.tensors() {
            match tensor {
                TensorRef::Ternary(_) if name == "head" => {}
                TensorRef::Ternary(w) => self.ternary(w),
                TensorRef::Floats(values) => self.floats(values),
            }
        }
    }

    fn ternary(&mut self, tensor: &Ternary) {
        self.floats(&[tensor.scale]);
        self.packing.pack_into(&tensor.trits, &mut self.out);
    }

    fn floats(&mut self, values: &[f32]) {
        self.out
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}
