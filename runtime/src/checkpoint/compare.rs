//! Two models, number by number.

use super::Checkpoint;
use crate::error::FileError;
use crate::parallel::{self, Counter};
use crate::progress::Progress;
use crate::tensor::{EmbeddingTable, Tensor, TernaryTensor};
use std::ops::Range;

/// Elements of a job, about.
const JOB_ELEMS: usize = 1 << 18;

/// Compares every number of two models. Rows of an embedding table are equal if they are what those of `source` become in
/// the types of `packed`.
///
/// Gives the name of the first tensor that differs. `progress` is told how many elements, of how many, are compared.
///
/// # Errors
/// If a model is not one that a file could hold ([`Checkpoint::check`]), or a tensor cannot be read.
pub fn compare(
    source: &Checkpoint,
    packed: &Checkpoint,
    progress: Progress<'_>,
) -> Result<Option<String>, FileError> {
    source.check()?;
    packed.check()?;
    if (source.config(), source.classes()) != (packed.config(), packed.classes()) {
        return Ok(Some("config".into()));
    }
    let mut jobs = Vec::new();
    for param in source.params() {
        let name = param.name.as_str();
        let pair = (name, &source.tensors[name], &packed.tensors[name]);
        let (rows, cols) = param.kind.matrix();
        let step = (JOB_ELEMS / cols.max(1)).max(1).next_multiple_of(64);
        let starts = (0..rows).step_by(step);
        jobs.extend(starts.map(|start| (pair, start..rows.min(start + step), cols)));
    }
    let total = jobs.iter().map(|(_, rows, cols)| rows.len() * cols).sum();
    let compared = Counter::new(total, progress);
    let same = parallel::map(&jobs, |((_, source, packed), rows, cols)| {
        let same = rows_are_same(source, packed, rows, *cols);
        compared.add(rows.len() * cols);
        same
    });
    for (((name, ..), ..), same) in jobs.iter().zip(same) {
        if !same? {
            return Ok(Some((*name).to_owned()));
        }
    }
    Ok(None)
}

fn rows_are_same(
    source: &Tensor,
    packed: &Tensor,
    rows: &Range<usize>,
    cols: usize,
) -> Result<bool, FileError> {
    let elems = rows.len() * cols;
    match (source, packed) {
        (Tensor::Ternary(a), Tensor::Ternary(b)) => {
            let (mut left, mut right) = (vec![0; elems], vec![0; elems]);
            a.rows.read(rows.clone(), &mut left)?;
            b.rows.read(rows.clone(), &mut right)?;
            let same = left == right && a.scale.to_bits() == b.scale.to_bits();
            Ok(same && scales_are_same(a, b, rows, cols)?)
        }
        (Tensor::Floats(a), Tensor::Floats(b)) => {
            let (mut left, mut right) = (vec![0.0; elems], vec![0.0; elems]);
            a.read(rows.start * cols, &mut left)?;
            b.read(rows.start * cols, &mut right)?;
            Ok(same_bits(&left, &right))
        }
        (Tensor::Table(a), Tensor::Table(b)) => {
            let (mut left, mut right) = (vec![0.0; elems], vec![0.0; elems]);
            a.read(rows.clone(), &mut left)?;
            b.read(rows.clone(), &mut right)?;
            Ok(become_as(b, a, &mut left) && same_bits(&left, &right))
        }
        _ => Ok(false),
    }
}

/// Whether the groups of some rows have the same scales.
fn scales_are_same(
    a: &TernaryTensor,
    b: &TernaryTensor,
    rows: &Range<usize>,
    cols: usize,
) -> Result<bool, FileError> {
    let (Some(a), Some(b)) = (&a.groups, &b.groups) else {
        return Ok(a.groups.is_none() && b.groups.is_none());
    };
    let groups = cols / a.cols;
    let (mut left, mut right) = (
        vec![0.0; rows.len() * groups],
        vec![0.0; rows.len() * groups],
    );
    a.scales.read(rows.start * groups, &mut left)?;
    b.scales.read(rows.start * groups, &mut right)?;
    Ok(same_bits(&left, &right))
}

/// Makes of rows of `from` what they are in the type of `to`; false where they cannot.
fn become_as(to: &EmbeddingTable, from: &EmbeddingTable, rows: &mut [f32]) -> bool {
    let (kind, cols) = (to.element_type(), to.shape().1);
    if kind == from.element_type() {
        return true;
    }
    let mut words = vec![0; kind.row_bytes(cols) / 4];
    rows.chunks_exact_mut(cols).all(|row| {
        let scale = kind.encode(row, &mut words);
        scale.map(|scale| kind.decode(&words, scale, row)).is_ok()
    })
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter()
        .map(|x| x.to_bits())
        .eq(b.iter().map(|x| x.to_bits()))
}
