//! Parts of a model as the bytes of a container.

use super::layout::{Encoding, Kind, Layout};
use super::part::Part;
use crate::error::FileError;
use crate::format::WriteError;
use crate::tensor::{
    self, Elements, EmbeddingTable, Floats, Tensor, TritRows, check_finite, check_trits, trits,
};
use atome_kernels::packing::{self, matrix::Matrix};
use atome_spec::Packing;

/// A part's bytes, and what was seen in making them.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) seen: Seen,
}

impl Packed {
    fn numbers(numbers: &[f32]) -> Packed {
        Packed {
            bytes: numbers.iter().flat_map(|v| v.to_le_bytes()).collect(),
            seen: Seen::default(),
        }
    }
}

/// Sums over the elements of a tensor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) zeros: usize,
    /// Squares of what rounding lost, and of what there was.
    pub(super) lost: f64,
    pub(super) length: f64,
}

impl Seen {
    fn trits(trits: &[i8]) -> Seen {
        Seen {
            zeros: trits.iter().filter(|&&trit| trit == 0).count(),
            ..Seen::default()
        }
    }

    pub(super) fn add(&mut self, other: Seen) {
        self.zeros += other.zeros;
        self.lost += other.lost;
        self.length += other.length;
    }
}

/// The tensors of a model by name.
pub(super) struct Tensors<'m> {
    pub(super) by_name: &'m tensor::Tensors,
    pub(super) encoding: Encoding,
    /// The bytes of the vocabulary.
    pub(super) vocabulary: &'m [u8],
}

impl Tensors<'_> {
    /// Packs a part of a tensor.
    pub(super) fn pack(&self, part: &Part<'_>) -> Result<Packed, WriteError> {
        let name = part.piece.entry.name.as_str();
        let mut packed = match (part.piece.kind, self.by_name.get(name)) {
            (Kind::Trits { cols, group, .. }, Some(Tensor::Ternary(w))) => {
                self.trits(&*w.rows, part, (cols, group))?
            }
            (Kind::TritTable { cols, packing, .. }, Some(Tensor::Ternary(w))) => {
                trit_table(&*w.rows, part, (packing, cols))?
            }
            (Kind::Table { .. }, Some(Tensor::Table(table))) => self.rows(table, part)?,
            (Kind::Floats { .. }, Some(Tensor::Floats(values))) => floats(&**values, part)?,
            (Kind::Vocabulary { .. }, _) => Packed {
                bytes: self.vocabulary[part.rows.clone()].to_vec(),
                seen: Seen::default(),
            },
            (Kind::GroupScales { groups: count, .. }, _) => {
                let matrix = name
                    .strip_suffix(".scales")
                    .and_then(|n| self.by_name.get(n));
                let groups = matrix.and_then(Tensor::as_ternary);
                let Some(groups) = groups.and_then(|w| w.groups.as_ref()) else {
                    unreachable!("the tensors are those of the parameters");
                };
                group_scales(&*groups.scales, part, count)?
            }
            (Kind::Scales { .. }, _) => {
                let table = name
                    .strip_suffix(".scales")
                    .and_then(|n| self.by_name.get(n));
                let Some(Tensor::Table(table)) = table else {
                    unreachable!("only tables have scales of rows");
                };
                self.scales(table, part)?
            }
            _ => unreachable!("the pieces are of the model's tensors"),
        };
        packed.bytes.resize(part.bytes.len(), 0);
        Ok(packed)
    }

    fn trits(
        &self,
        w: &dyn TritRows,
        part: &Part<'_>,
        (cols, group): (usize, Option<usize>),
    ) -> Result<Packed, WriteError> {
        let rows = part.rows.len();
        let mut values = vec![0; rows * cols];
        w.read(part.rows.clone(), &mut values)?;
        let packing = self.encoding.packing;
        let mut bytes = Vec::with_capacity(part.bytes.len());
        match self.encoding.layout {
            Layout::Dense => {
                let first = part.rows.start * cols;
                let name = &part.piece.entry.name;
                check_trits(name, first, &values).map_err(FileError::from)?;
                trits::TritBytes::from(packing).pack_into(&values, &mut bytes);
            }
            Layout::Tiled => {
                let matrix = Matrix {
                    packing,
                    rows,
                    cols,
                    group,
                };
                let mut words = vec![0; matrix.words()];
                let packed = matrix.pack_into(&values, &mut words);
                packed.map_err(|cause| WriteError::Pack {
                    tensor: part.piece.entry.name.clone(),
                    cause,
                })?;
                bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            }
        }
        let seen = Seen::trits(&values);
        Ok(Packed { bytes, seen })
    }

    /// Rows of a table.
    fn rows(&self, table: &EmbeddingTable, part: &Part<'_>) -> Result<Packed, WriteError> {
        let kind = self.encoding.embedding;
        let (_, cols) = table.shape();
        let row_bytes = kind.row_bytes(cols);
        let mut packed = Packed::default();
        if let Elements::F16(rows) | Elements::Int8(rows, _) = table.elements()
            && table.element_type() == kind
        {
            packed.bytes.resize(part.rows.len() * row_bytes, 0);
            rows.read(part.rows.start * row_bytes, &mut packed.bytes)?;
            return Ok(packed);
        }
        let mut values = vec![0.0; part.rows.len() * cols];
        table.read(part.rows.clone(), &mut values)?;
        let name = &part.piece.entry.name;
        check_finite(name, part.rows.start * cols, &values).map_err(FileError::from)?;
        let (mut words, mut back) = (vec![0; row_bytes / 4], vec![0.0; cols]);
        for (row, values) in part.rows.clone().zip(values.chunks_exact(cols)) {
            let too_large = |col: usize| WriteError::TooLargeForF16 {
                tensor: name.clone(),
                row,
                col,
                found: values[col],
            };
            let scale = kind.encode(values, &mut words).map_err(too_large)?;
            kind.decode(&words, scale, &mut back);
            for (x, back) in values.iter().zip(&back) {
                packed.seen.lost += (f64::from(*x) - f64::from(*back)).powi(2);
                packed.seen.length += f64::from(*x).powi(2);
            }
            let bytes = words.iter().flat_map(|word| word.to_le_bytes());
            packed.bytes.extend(bytes);
        }
        Ok(packed)
    }

    /// Scales of a table's rows.
    fn scales(&self, table: &EmbeddingTable, part: &Part<'_>) -> Result<Packed, WriteError> {
        if let Elements::Int8(_, scales) = table.elements() {
            return floats(&**scales, part);
        }
        let (kind, (_, cols)) = (self.encoding.embedding, table.shape());
        let (mut values, mut words) = (vec![0.0; cols], vec![0; kind.row_bytes(cols) / 4]);
        let mut packed = Packed::default();
        for row in part.rows.clone() {
            table.read(row..row + 1, &mut values)?;
            // Only an f16 can be too small.
            let scale = kind.encode(&values, &mut words).unwrap_or_default();
            packed.bytes.extend(scale.to_le_bytes());
        }
        Ok(packed)
    }
}

/// Rows of a table of trits, as kernels read them.
fn trit_table(
    w: &dyn TritRows,
    part: &Part<'_>,
    (packing, cols): (Packing, usize),
) -> Result<Packed, WriteError> {
    let rows = part.rows.len();
    let mut values = vec![0; rows * cols];
    w.read(part.rows.clone(), &mut values)?;
    let mut words = vec![0; packing::embed::words(packing, rows, cols)];
    let packed = packing::embed::pack_into(packing, &values, rows, cols, &mut words);
    let tensor = || part.piece.entry.name.clone();
    packed.map_err(|cause| WriteError::Pack {
        tensor: tensor(),
        cause,
    })?;
    Ok(Packed {
        bytes: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        seen: Seen::trits(&values),
    })
}

fn floats(tensor: &dyn Floats, part: &Part<'_>) -> Result<Packed, WriteError> {
    let numbers = read(tensor, part, 1)?;
    Ok(Packed::numbers(&numbers))
}

/// Scales of groups of columns, as kernels read them.
fn group_scales(scales: &dyn Floats, part: &Part<'_>, groups: usize) -> Result<Packed, WriteError> {
    let (rows, row_major) = (part.rows.len(), read(scales, part, groups)?);
    let mut numbers = vec![0.0; packing::scales::len(rows, groups)];
    packing::scales::pack_into(&row_major, rows, groups, &mut numbers);
    Ok(Packed::numbers(&numbers))
}

/// The finite numbers of a part's rows, so many each.
fn read(tensor: &dyn Floats, part: &Part<'_>, width: usize) -> Result<Vec<f32>, WriteError> {
    let first = part.rows.start * width;
    let mut values = vec![0.0; part.rows.len() * width];
    tensor.read(first, &mut values)?;
    check_finite(&part.piece.entry.name, first, &values).map_err(FileError::from)?;
    Ok(values)
}
