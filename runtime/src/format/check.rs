//! Whether a model in memory is one that a file could hold: its shapes are those of the schema, its numbers are such as
//! the readers accept. Whatever is run or written passes here, wherever it comes from.

use super::model::{AtomeModel, TensorRef, Ternary};
use super::schema::{self, Shape};
use super::{MAX_CLASSES, bitmamba2::BitMamba2Model};
use crate::error::LoadError;

/// Why a model in memory is not one that a file could hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidModel {
    /// A classifier has more classes than a file may say.
    #[error("expected 1 to {max} classes, found {found}")]
    Classes {
        /// The largest accepted number.
        max: usize,
        /// The rows of the head.
        found: usize,
    },
    /// The model has more or fewer layers than its config says.
    #[error("expected {expected} layers, as `n_layers` says, found {found}")]
    Layers {
        /// Layers of the config.
        expected: usize,
        /// Layers of the model.
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
    #[error("`{tensor}`: expected a finite scale {expected}, found {found}")]
    Scale {
        /// The tensor's name.
        tensor: String,
        /// Which finite ones are accepted.
        expected: &'static str,
        /// The scale.
        found: f32,
    },
    /// An element of a float tensor is NaN or infinite.
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

impl InvalidModel {
    /// A tensor of another shape than the schema's.
    pub(crate) fn shape(
        tensor: impl ToString,
        expected: impl ToString,
        found: impl ToString,
    ) -> InvalidModel {
        InvalidModel::Shape {
            tensor: tensor.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

impl AtomeModel {
    /// Checks that the model is one that a file could hold: dimensions in their ranges, the tensors and shapes that they
    /// ask for, trits that are -1, 0 or 1, scales that are finite and not negative, finite numbers. A model that was read
    /// is; one that was made or edited in memory may not be.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), LoadError> {
        self.check_but_trits()?;
        for (name, tensor) in self.tensors() {
            if let TensorRef::Ternary(w) = tensor {
                check_trits(name, &w.trits)?;
            }
        }
        Ok(())
    }

    /// Like [`AtomeModel::check`], but for the values of trits, which packing looks at anyway.
    pub(crate) fn check_but_trits(&self) -> Result<(), LoadError> {
        self.config.validate()?;
        let (max, classes) = (MAX_CLASSES, self.classes());
        if let Some(found) = classes.filter(|n| !(1..=max).contains(n)) {
            return Err(InvalidModel::Classes { max, found }.into());
        }
        check_layers(self.config.n_layers, self.blocks.len())?;
        for (spec, (name, tensor)) in schema::tensors(&self.config, classes).zip(self.tensors()) {
            spec.elems()?;
            match tensor {
                TensorRef::Ternary(w) => check_matrix(name, spec.shape, w)?,
                TensorRef::Floats(values) => check_vector(name, spec.shape, values)?,
            }
        }
        Ok(())
    }
}

impl BitMamba2Model {
    /// Checks that the model is one that a file could hold: dimensions in their ranges, the tensors and shapes that they
    /// ask for, scales that are finite and above 0. Elements are checked when they are read.
    ///
    /// # Errors
    /// The first fault, in the order of a file.
    pub fn check(&self) -> Result<(), LoadError> {
        self.config.validate()?;
        check_layers(self.config.n_layers, self.layers.len())?;
        self.check_tensors()
    }
}

fn check_layers(expected: usize, found: usize) -> Result<(), InvalidModel> {
    if expected == found {
        Ok(())
    } else {
        Err(InvalidModel::Layers { expected, found })
    }
}

fn check_matrix(name: String, shape: Shape, w: &Ternary) -> Result<(), InvalidModel> {
    let (rows, cols) = (w.rows, w.cols);
    // The schema's product does not overflow.
    if shape != (Shape::Trits { rows, cols }) || w.trits.len() != rows * cols {
        return Err(InvalidModel::shape(name, shape, w.shape_found()));
    }
    check_scale(name, w.scale)
}

/// Checks that a scale is finite and not negative; -0 is.
fn check_scale(tensor: String, found: f32) -> Result<(), InvalidModel> {
    if found.is_finite() && found.is_sign_positive() {
        Ok(())
    } else {
        Err(InvalidModel::Scale {
            tensor,
            expected: "of 0 or more",
            found,
        })
    }
}

fn check_trits(tensor: String, trits: &[i8]) -> Result<(), InvalidModel> {
    match trits.iter().position(|trit| !(-1..=1).contains(trit)) {
        None => Ok(()),
        Some(index) => Err(InvalidModel::NotATrit {
            tensor,
            index,
            found: trits[index],
        }),
    }
}

fn check_vector(tensor: String, shape: Shape, values: &[f32]) -> Result<(), InvalidModel> {
    let found = Shape::Floats { len: values.len() };
    if shape != found {
        return Err(InvalidModel::shape(tensor, shape, found));
    }
    check_finite(&tensor, 0, values)
}

/// Checks elements of a tensor from `first` on.
pub(crate) fn check_finite(tensor: &str, first: usize, values: &[f32]) -> Result<(), InvalidModel> {
    // Without branches, so that it vectorises.
    if values.iter().fold(true, |all, v| all & v.is_finite()) {
        return Ok(());
    }
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(InvalidModel::NotFinite {
            tensor: tensor.to_owned(),
            index: first + index,
            found: values[index],
        }),
    }
}
