//! Whether the tensors of a model in memory are those of the schema.

use super::schema::{self, Shape};
use super::table::{Elements, EmbeddingTable};
use super::{BitMamba2Model, FloatTensor, TensorRef, TernaryTensor};
use crate::error::LoadError;
use crate::format::InvalidModel;

impl BitMamba2Model {
    /// Checks the shape of every tensor, and the scales; there are as many layers as the config says.
    pub(in crate::format) fn check_tensors(&self) -> Result<(), LoadError> {
        for (spec, (name, tensor)) in schema::tensors(&self.config).zip(self.tensors()) {
            match tensor {
                TensorRef::Table(table) => check_table(name, spec.shape, table)?,
                TensorRef::Ternary(w) => check_matrix(name, spec.shape, w)?,
                TensorRef::Floats(values) => check_floats(name, spec.shape, values)?,
            }
        }
        Ok(())
    }
}

fn check_matrix(tensor: String, shape: Shape, w: &TernaryTensor) -> Result<(), InvalidModel> {
    let (rows, cols) = w.rows.shape();
    let found = Shape::Trits { rows, cols };
    if found != shape {
        return Err(InvalidModel::shape(tensor, shape, found));
    }
    if w.scale.is_finite() && w.scale > 0.0 {
        return Ok(());
    }
    Err(InvalidModel::Scale {
        tensor,
        expected: "above 0",
        found: w.scale,
    })
}

fn check_floats(tensor: String, shape: Shape, values: &FloatTensor) -> Result<(), InvalidModel> {
    let found = values.elems();
    if found as u64 == shape.elems() {
        return Ok(());
    }
    Err(InvalidModel::shape(tensor, shape, Shape::Vector(found)))
}

fn check_table(tensor: String, shape: Shape, table: &EmbeddingTable) -> Result<(), InvalidModel> {
    let (rows, cols) = table.shape();
    let found = Shape::Matrix { rows, cols };
    if found != shape {
        return Err(InvalidModel::shape(tensor, shape, found));
    }
    match table.elements() {
        Elements::F32(values) => check_floats(tensor, shape, values),
        Elements::F16(_) => Ok(()),
        Elements::Int8(_, scales) => {
            check_floats(format!("{tensor}.scales"), Shape::Vector(rows), scales)
        }
    }
}
