//! Whether the tensors of a model are those that its graph asks for. Whatever is run or written passes here, wherever it
//! comes from; elements are looked at when they are read.

use super::{Elements, Floats, Kind, Param, Role, Tensor, Tensors};
use crate::error::{FileError, InvalidModel};

/// Numbers that are read at once.
const CHUNK: usize = 1 << 16;

/// Reads all numbers, which checks them.
pub(crate) fn read_all(floats: &dyn Floats) -> Result<(), FileError> {
    let mut values = vec![0.0; CHUNK.min(floats.elems())];
    for first in (0..floats.elems()).step_by(CHUNK) {
        let count = CHUNK.min(floats.elems() - first);
        floats.read(first, &mut values[..count])?;
    }
    Ok(())
}

/// Checks that there are exactly the tensors of `params`, each of its kind and shape, with a scale that can be.
pub(crate) fn check_tensors(params: &[Param], tensors: &Tensors) -> Result<(), FileError> {
    for param in params {
        param.elems()?;
        match tensors.get(&param.name) {
            Some(tensor) => check_tensor(param, tensor)?,
            None => {
                let (tensor, expected) = (param.name.clone(), param.kind.described());
                return Err(InvalidModel::Missing { tensor, expected }.into());
            }
        }
    }
    if tensors.len() == params.len() {
        return Ok(());
    }
    let known = |name: &&String| params.iter().any(|param| param.name == **name);
    match tensors.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(tensor) => Err(InvalidModel::Extra {
            tensor: tensor.clone(),
        }
        .into()),
    }
}

fn check_tensor(param: &Param, tensor: &Tensor) -> Result<(), InvalidModel> {
    let shape = |fits: bool, found: String| match fits {
        true => Ok(()),
        false => Err(InvalidModel::shape(
            &param.name,
            param.kind.described(),
            found,
        )),
    };
    let matrix = param.kind.matrix();
    match (&param.kind, tensor) {
        (Kind::Ternary { role, group, .. }, Tensor::Ternary(w)) => {
            let found = w.rows.shape();
            let of = w.groups.as_ref().map(|groups| groups.cols);
            let fits = found == matrix && of == *group;
            shape(fits, described(found, of))?;
            if let Some(groups) = &w.groups {
                let (scales, all) = (groups.scales.elems(), matrix.0 * (matrix.1 / groups.cols));
                shape(scales == all, format!("{scales} scales"))?;
            }
            check_scale(&param.name, *role, w.scale)
        }
        (Kind::Table { .. }, Tensor::Table(table)) => {
            let found = table.shape();
            shape(
                found == matrix,
                format!("{} x {} numbers", found.0, found.1),
            )?;
            let elems = match table.elements() {
                Elements::F32(values) | Elements::Halves(values) => {
                    (values.elems(), param.kind.elems())
                }
                Elements::F16(_) => return Ok(()),
                Elements::Int8(_, scales) => (scales.elems(), matrix.0),
            };
            shape(elems.0 == elems.1, format!("{} numbers", elems.0))
        }
        (Kind::Floats(_), Tensor::Floats(values)) => {
            let found = values.elems();
            shape(found == param.kind.elems(), format!("{found} numbers"))
        }
        (_, found) => shape(false, found.described()),
    }
}

/// A ternary tensor that was found, in the words of messages.
fn described((rows, cols): (usize, usize), group: Option<usize>) -> String {
    match group {
        Some(group) => format!("{rows} x {cols} trits with a scale for {group} columns"),
        None => format!("{rows} x {cols} trits"),
    }
}

/// Checks that a scale is finite and not negative; -0 is. One of int8 products is not 0 either.
fn check_scale(tensor: &str, role: Role, found: f32) -> Result<(), InvalidModel> {
    let (fits, expected) = match role {
        Role::MatrixI8 => (found > 0.0, "above 0"),
        _ => (found.is_sign_positive(), "of 0 or more"),
    };
    match found.is_finite() && fits {
        true => Ok(()),
        false => Err(InvalidModel::Scale {
            tensor: tensor.to_owned(),
            expected,
            found,
        }),
    }
}

/// Checks trits of a tensor from element `first` on.
pub(crate) fn check_trits(tensor: &str, first: usize, trits: &[i8]) -> Result<(), InvalidModel> {
    match trits.iter().position(|trit| !(-1..=1).contains(trit)) {
        None => Ok(()),
        Some(index) => Err(InvalidModel::NotATrit {
            tensor: tensor.to_owned(),
            index: first + index,
            found: trits[index],
        }),
    }
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
