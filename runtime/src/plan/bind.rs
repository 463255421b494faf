//! Parameters of a graph in the arena: which layout each has, and what fills it.

use super::declare::Declared;
use super::{Content, Products, Scales, Section, Source, Tensor, Trits};
use crate::LoadError;
use crate::error::InvalidModel;
use crate::tensor::{
    self, Elements, EmbeddingTable, Floats, Kind, Param, Prepare, Role, Tensors, TernaryGroups,
    TernaryTensor, check_finite,
};
use atome_kernels::reference::math;
use atome_spec::{Op, Packing, layout};

/// A parameter that has its tensors.
pub(super) struct Bound {
    /// What a kernel reads: mostly one tensor, and of a table of int8 the scales too.
    pub(super) tensors: Vec<Tensor>,
    /// Scale of a ternary tensor.
    pub(super) scale: f32,
    /// Packing of a ternary tensor.
    pub(super) packing: Option<Packing>,
    /// What looks up its rows.
    pub(super) lookup: Op,
}

/// Declares the tensors of a parameter.
///
/// # Errors
/// If there is no such tensor or it is of another kind, if small parameters cannot be read, if a file holds bytes of
/// another tensor.
pub(super) fn bind<'m>(
    declared: &mut Declared<'m>,
    param: &Param,
    tensors: &'m Tensors,
    products: Products,
) -> Result<Bound, LoadError> {
    let name = param.name.as_str();
    let (found, tensor) = tensors.get_key_value(name).unzip();
    match (&param.kind, tensor) {
        (
            &Kind::Ternary {
                rows,
                cols,
                role,
                group,
            },
            Some(tensor::Tensor::Ternary(w)),
        ) if group == w.groups.as_ref().map(|groups| groups.cols) => {
            let source = &*w.rows;
            let trits = Trits {
                source,
                rows,
                cols,
                group,
            };
            let bound = ternary(declared, name, (trits, w), role, products)?;
            match &w.groups {
                Some(groups) => scaled(declared, name, bound, (trits, groups)),
                None => Ok(bound),
            }
        }
        (&Kind::Table { rows, cols }, Some(tensor::Tensor::Table(source))) => table(
            declared,
            found.map_or("", String::as_str),
            source,
            (rows, cols),
        ),
        (Kind::Floats(_), Some(tensor::Tensor::Floats(values))) => {
            let values = read(name, &**values, param.kind.elems())?;
            let content = Source::Values(prepared(param, values)).into();
            let tensor = declared.shared(name, Section::Constants, content);
            Ok(Bound::new(vec![tensor]))
        }
        _ => Err(InvalidModel::shape(name, param.kind.described(), "another tensor").into()),
    }
}

impl Bound {
    fn new(tensors: Vec<Tensor>) -> Bound {
        Bound {
            tensors,
            scale: 1.0,
            packing: None,
            lookup: Op::LookupF32,
        }
    }
}

fn ternary<'m>(
    declared: &mut Declared<'m>,
    name: &str,
    (w, tensor): (Trits<'m>, &TernaryTensor),
    role: Role,
    products: Products,
) -> Result<Bound, LoadError> {
    let (mut packing, mut lookup) = (Packing::Int2, Op::Embed);
    let asked = products.packing.map(Packing::stored);
    let chosen = || asked.or_else(|| tensor.packing());
    let content = match role {
        // Packed rows are whole tiles: for fewer columns than a tile has words, floats are shorter.
        // One copy serves products and lookups.
        Role::Embedding | Role::Matrix | Role::MatrixI8 if tensor.groups.is_some() => {
            lookup = Op::GroupEmbed;
            packing = chosen().unwrap_or(packing);
            Content::matrix(w, packing)?
        }
        Role::Embedding if 4 * w.cols < layout::TILE_BYTES => {
            lookup = Op::LookupF32;
            Source::Scaled(w, tensor.scale).into()
        }
        Role::Embedding => {
            packing = chosen().unwrap_or(packing);
            Content::embedding(w, packing)?
        }
        Role::Matrix => Source::Matrix(w, packing).into(),
        Role::Taps => Source::Taps(w).into(),
        Role::MatrixI8 => {
            packing = products.matrix(chosen().unwrap_or(packing));
            Content::matrix(w, packing)?
        }
    };
    let place = declared.shared(name, Section::Weights, content);
    Ok(Bound {
        tensors: vec![place],
        scale: tensor.scale,
        packing: Some(packing),
        lookup,
    })
}

/// A ternary tensor with its scales, in the order of kernels.
fn scaled<'m>(
    declared: &mut Declared<'m>,
    name: &str,
    bound: Bound,
    (w, groups): (Trits<'m>, &'m TernaryGroups),
) -> Result<Bound, LoadError> {
    let name = format!("{name}.scales");
    let scales = Content::scales(Scales {
        source: &*groups.scales,
        rows: w.rows,
        groups: w.cols / groups.cols,
        factor: bound.scale,
    })?;
    let scales = declared.shared(&name, Section::Constants, scales);
    Ok(Bound {
        tensors: [bound.tensors, vec![scales]].concat(),
        ..bound
    })
}

/// A table, which lies among the weights because it is as large, as its file has it.
fn table<'m>(
    declared: &mut Declared<'m>,
    name: &'m str,
    table: &'m EmbeddingTable,
    shape: (usize, usize),
) -> Result<Bound, LoadError> {
    if table.shape() != shape {
        let [expected, found] = [shape, table.shape()].map(|(r, c)| format!("{r} x {c} numbers"));
        return Err(InvalidModel::shape(name, expected, found).into());
    }
    let mut tensors = vec![declared.shared(name, Section::Weights, Content::rows(name, table)?)];
    let lookup = match table.elements() {
        Elements::F32(_) => Op::LookupF32,
        Elements::F16(_) | Elements::Halves(_) => Op::LookupF16,
        Elements::Int8(_, scales) => {
            let name = format!("{name}.scales");
            let content = Source::Values(read(&name, &**scales, shape.0)?).into();
            tensors.push(declared.shared(&name, Section::Constants, content));
            Op::LookupI8
        }
    };
    Ok(Bound {
        lookup,
        ..Bound::new(tensors)
    })
}

/// The elements of a small parameter, read now.
fn read(name: &str, floats: &dyn Floats, elems: usize) -> Result<Vec<f32>, LoadError> {
    let mut values = vec![0.0; elems];
    floats.read(0, &mut values)?;
    check_finite(name, 0, &values)?;
    Ok(values)
}

/// What kernels read instead of the numbers of a file.
fn prepared(param: &Param, values: Vec<f32>) -> Vec<f32> {
    let (channels, taps) = param.kind.matrix();
    match param.prepare {
        Prepare::AsStored => values,
        Prepare::Tanh => values.iter().map(|&x| math::tanh(x)).collect(),
        Prepare::NewestTapFirst => (0..taps)
            .flat_map(|k| (0..channels).map(move |c| c * taps + taps - 1 - k))
            .map(|i| values[i])
            .collect(),
    }
}
