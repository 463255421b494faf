//! How large a graph may be: names, numbers of things, sizes. They keep every product below 2^63, and what is made of a
//! graph in proportion to its file.

use super::super::fault::GraphFault;
use crate::tensor::Kind;

/// Positions that attention looks back.
pub(in crate::graph) const WINDOW: usize = 1 << 20;
/// Columns of rows, and numbers that a dimension of a parameter may be.
pub(in crate::graph) const WIDTH: usize = 1 << 24;
/// 2^40, or on machines that cannot address so many, what they can.
const GREATEST: usize = match usize::BITS {
    ..=40 => isize::MAX as usize,
    41.. => 1 << 40,
};
/// Elements of a parameter.
const ELEMS: usize = GREATEST;
/// Dimensions of a float parameter.
const RANK: usize = 8;
/// Columns that may have one scale.
const GROUPS: [usize; 3] = [64, 128, 256];
/// Elements of a state, and of a cache for each position.
pub(in crate::graph) const STATE: usize = GREATEST;
/// Parameters, and states.
pub(in crate::graph) const PARAMS: usize = 1 << 17;
/// Calls of the body and the head.
pub(in crate::graph) const CALLS: usize = 1 << 17;
/// Rows by name.
pub(in crate::graph) const ROWS: usize = 1 << 18;
/// Scopes in each other.
pub(in crate::graph) const DEPTH: usize = 16;
/// Bytes of a name with its scopes.
pub(in crate::graph) const NAME: usize = 200;
/// Calls that are not alike: each is compiled by itself.
pub(super) const KERNELS: usize = 1024;
/// Rows that have memory of their own, because others of their name or width are in use.
pub(super) const SLOTS: usize = 4096;
/// Columns of them together: 64 MiB a token.
pub(super) const SCRATCH: usize = 1 << 24;
/// Elements that any session may remember, beside four for each number of a parameter.
pub(super) const SPARE_STATE: usize = 1 << 20;

/// Whether a text is a name: letters, digits and `_`, in parts between dots, of which the first begins with no digit.
pub(in crate::graph) fn name(text: &str) -> Result<(), GraphFault> {
    let word = |part: &[u8]| {
        let letter = |c: &u8| c.is_ascii_alphanumeric() || *c == b'_';
        !part.is_empty() && part.iter().all(letter)
    };
    let starts = !text.starts_with(|c: char| c.is_ascii_digit());
    let mut parts = text.as_bytes().split(|c| *c == b'.');
    match text.len() <= NAME && starts && parts.all(word) {
        true => Ok(()),
        false => Err(GraphFault::Name {
            found: text.chars().take(NAME).collect(),
        }),
    }
}

/// Whether a number is from 1 to `max`.
pub(in crate::graph) fn size(
    what: &'static str,
    found: usize,
    max: usize,
) -> Result<(), GraphFault> {
    match (1..=max).contains(&found) {
        true => Ok(()),
        false => Err(GraphFault::Size { what, max, found }),
    }
}

/// Whether a parameter has a shape, and an interval.
pub(in crate::graph) fn param(kind: &Kind, (low, high): (f32, f32)) -> Result<(), GraphFault> {
    let (rows, cols) = kind.matrix();
    let dims = match kind {
        Kind::Ternary { .. } | Kind::Table { .. } => &[rows, cols],
        Kind::Floats(shape) => shape.as_slice(),
    };
    size("dimensions", dims.len(), RANK)?;
    for dim in dims {
        size("numbers in a dimension", *dim, WIDTH)?;
    }
    if let Kind::Ternary {
        group: Some(group), ..
    } = *kind
        && !(GROUPS.contains(&group) && cols.is_multiple_of(group))
    {
        return Err(GraphFault::Group { cols, group });
    }
    if kind.elems() > ELEMS {
        return Err(GraphFault::limit("elements", ELEMS));
    }
    match low.is_finite() && high.is_finite() && low <= high {
        true => Ok(()),
        false => Err(GraphFault::Interval { low, high }),
    }
}
