//! Model to bytes: the exact inverse of reading.

use super::model::{AtomeModel, TensorRef, Ternary};
use super::schema::{self, Shape};
use super::trits::Packing;
use super::{Format, MAX_CLASSES};
use crate::atomic_file::WriteFileError;
use crate::error::LoadError;
use atome_kernels::packing::PackError;
use std::path::Path;

/// Why a model in memory is not one that a file could hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The dimensions are out of range, or a tensor cannot be read from its own file.
    #[error(transparent)]
    Source(#[from] LoadError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] WriteFileError),
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
    /// A classifier has more classes than a file may say.
    #[error("expected 1 to {max} classes, found {found}")]
    Classes {
        /// The largest accepted number.
        max: usize,
        /// The rows of the head.
        found: usize,
    },
    /// The model has more or fewer tensors than its dimensions ask for.
    #[error("expected {expected} tensors, found {found}")]
    Tensors {
        /// Tensors the dimensions ask for.
        expected: usize,
        /// Tensors of the model.
        found: usize,
    },
    /// A tensor's shape is not the one the dimensions ask for.
    #[error("`{tensor}`: expected {expected}, found {found}")]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// The shape the dimensions ask for.
        expected: String,
        /// The tensor's shape.
        found: String,
    },
    /// An element of a ternary tensor is not -1, 0 or 1.
    #[error("`{tensor}`: expected -1, 0 or 1, found {found} as element {index}")]
    NotATrit {
        /// The tensor's name.
        tensor: String,
        /// The element's index.
        index: usize,
        /// Its value.
        found: i8,
    },
    /// A scale is NaN, infinite or negative.
    #[error("`{tensor}`: expected a finite scale of 0 or more, found {found}")]
    Scale {
        /// The tensor's name.
        tensor: String,
        /// The scale.
        found: f32,
    },
    /// An element of a vector is NaN or infinite.
    #[error("`{tensor}`: expected finite numbers, found {found} as element {index}")]
    NotFinite {
        /// The tensor's name.
        tensor: String,
        /// The element's index.
        index: usize,
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

/// Checks that a model is one that a file could hold: whatever passes is read back as it is.
pub(super) fn check(model: &AtomeModel) -> Result<(), WriteError> {
    model.config.validate()?;
    let (max, classes) = (MAX_CLASSES, model.classes());
    if let Some(found) = classes.filter(|n| !(1..=max).contains(n)) {
        return Err(WriteError::Classes { max, found });
    }
    let specs = schema::tensors(&model.config, classes);
    let (expected, found) = (specs.count(), model.tensors().count());
    if expected != found {
        return Err(WriteError::Tensors { expected, found });
    }
    for (spec, (name, tensor)) in schema::tensors(&model.config, classes).zip(model.tensors()) {
        match tensor {
            TensorRef::Ternary(w) => check_ternary(name, spec.shape, w)?,
            TensorRef::Floats(values) => check_floats(name, spec.shape, values)?,
        }
    }
    Ok(())
}

fn check_ternary(tensor: String, shape: Shape, w: &Ternary) -> Result<(), WriteError> {
    let (rows, cols) = (w.rows, w.cols);
    let fits = shape == Shape::Trits { rows, cols } && w.trits.len() == rows * cols;
    if !fits {
        let found = format!("{rows} x {cols} with {} trits", w.trits.len());
        let expected = shape.to_string();
        return Err(WriteError::Shape {
            tensor,
            expected,
            found,
        });
    }
    if !(w.scale.is_finite() && w.scale.is_sign_positive()) {
        let found = w.scale;
        return Err(WriteError::Scale { tensor, found });
    }
    match w.trits.iter().position(|trit| !(-1..=1).contains(trit)) {
        None => Ok(()),
        Some(index) => Err(WriteError::NotATrit {
            tensor,
            index,
            found: w.trits[index],
        }),
    }
}

fn check_floats(tensor: String, shape: Shape, values: &[f32]) -> Result<(), WriteError> {
    let len = values.len();
    if shape != (Shape::Floats { len }) {
        return Err(WriteError::Shape {
            tensor,
            expected: shape.to_string(),
            found: Shape::Floats { len }.to_string(),
        });
    }
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(WriteError::NotFinite {
            tensor,
            index,
            found: values[index],
        }),
    }
}

/// Returns the model as an `ATOME01` file: trits 2 bits each. A classifier's head has no place in it and is left out.
///
/// # Panics
/// If an element of a ternary tensor is not -1, 0 or 1.
#[must_use]
pub fn write_atome01(model: &AtomeModel) -> Vec<u8> {
    let mut writer = Writer::new(Format::Atome01, Packing::Int2);
    writer.body(model);
    writer.out
}

/// Returns the model as an `ATOME02` file: five trits a byte. A classifier's head has no place in it and is left out.
///
/// # Panics
/// If an element of a ternary tensor is not -1, 0 or 1.
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
/// If an element of a ternary tensor is not -1, 0 or 1.
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
        for (name, tensor) in model.tensors() {
            match tensor {
                TensorRef::Ternary(_) if name == "head" => {}
                TensorRef::Ternary(w) => self.ternary(w),
                TensorRef::Floats(values) => self.floats(values),
            }
        }
    }

    fn ternary(&mut self, tensor: &Ternary) {
        assert!(
            tensor.trits.iter().all(|trit| (-1..=1).contains(trit)),
            "`{}` has an element that is not a trit",
            tensor.name
        );
        self.floats(&[tensor.scale]);
        self.packing.pack_into(&tensor.trits, &mut self.out);
    }

    fn floats(&mut self, values: &[f32]) {
        self.out
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}
