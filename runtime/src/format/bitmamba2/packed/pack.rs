//! Parts of a model as the bytes of a file.

use super::layout::{Encoding, Kind, Piece};
use crate::error::LoadError;
use crate::format::bitmamba2::{
    BitMamba2Model, Elements, EmbeddingTable, FloatTensor, TensorRef, TernaryTensor,
};
use crate::format::{WriteError, check_finite};
use atome_kernels::packing;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of a part, about: long enough to outlast its overhead, short enough for the cache.
const PART_BYTES: usize = 1 << 19;

/// Some rows of a tensor.
#[derive(Debug, Clone)]
pub(super) struct Part<'p> {
    /// Number of the tensor in its file.
    pub(super) number: usize,
    pub(super) piece: &'p Piece,
    pub(super) rows: Range<usize>,
}

/// Cuts tensors into parts, in the order of their bytes.
pub(super) fn parts(pieces: &[Piece], encoding: Encoding) -> impl Iterator<Item = Part<'_>> {
    pieces.iter().enumerate().flat_map(move |(number, piece)| {
        let (rows, step) = piece.rows();
        let step_bytes = piece.bytes_of(step, encoding).max(1);
        let step = (PART_BYTES / step_bytes).max(1) * step;
        (0..rows).step_by(step).map(move |start| Part {
            number,
            piece,
            rows: start..rows.min(start + step),
        })
    })
}

impl Part<'_> {
    /// Where the part's bytes are in its tensor; the last part has what pads the tensor too.
    pub(super) fn bytes(&self, encoding: Encoding) -> Range<usize> {
        let (rows, _) = self.piece.rows();
        let start = self.piece.bytes_of(self.rows.start, encoding);
        let end = if self.rows.end == rows {
            (self.piece.entry.end - self.piece.entry.begin) as usize
        } else {
            self.piece.bytes_of(self.rows.end, encoding)
        };
        start..end
    }
}

/// A part's bytes, and what was seen in making them.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) seen: Seen,
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
    pub(super) fn add(&mut self, other: Seen) {
        self.zeros += other.zeros;
        self.lost += other.lost;
        self.length += other.length;
    }
}

/// The tensors of a model by name.
pub(super) struct Tensors<'m> {
    by_name: BTreeMap<String, TensorRef<'m>>,
    table: &'m EmbeddingTable,
    encoding: Encoding,
}

impl<'m> Tensors<'m> {
    pub(super) fn new(model: &'m BitMamba2Model, encoding: Encoding) -> Self {
        Self {
            by_name: model.tensors().collect(),
            table: &model.embed,
            encoding,
        }
    }

    /// Packs a part of a tensor.
    pub(super) fn pack(&self, part: &Part<'_>) -> Result<Packed, WriteError> {
        let name = &part.piece.entry.name;
        let mut packed = match (part.piece.kind, self.by_name.get(name)) {
            (Kind::Scales { .. }, _) => self.scales(part)?,
            (Kind::Trits { cols, .. }, Some(TensorRef::Ternary(w))) => self.trits(w, part, cols)?,
            (Kind::Table { .. }, Some(TensorRef::Table(_))) => self.rows(part)?,
            (Kind::Floats { .. }, Some(TensorRef::Floats(values))) => floats(values, part)?,
            _ => unreachable!("the layout has the tensors of the schema, so has the model"),
        };
        packed.bytes.resize(part.bytes(self.encoding).len(), 0);
        Ok(packed)
    }

    fn trits(&self, w: &TernaryTensor, part: &Part<'_>, cols: usize) -> Result<Packed, WriteError> {
        let rows = part.rows.len();
        let mut trits = vec![0; rows * cols];
        w.rows.read(part.rows.clone(), &mut trits)?;
        let packing = self.encoding.packing;
        let mut words = vec![0; packing::matrix::words(packing, rows, cols)];
        packing::matrix::pack_into(packing, &trits, rows, cols, &mut words).map_err(|cause| {
            let tensor = part.piece.entry.name.clone();
            WriteError::Pack { tensor, cause }
        })?;
        let zeros = trits.iter().filter(|&&trit| trit == 0).count();
        Ok(Packed {
            bytes: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
            seen: Seen {
                zeros,
                ..Seen::default()
            },
        })
    }

    /// Rows of the table.
    fn rows(&self, part: &Part<'_>) -> Result<Packed, WriteError> {
        let kind = self.encoding.embedding;
        let (_, cols) = self.table.shape();
        let row_bytes = kind.row_bytes(cols);
        if let Some(bytes) = self.kept(part, row_bytes)? {
            return Ok(Packed {
                bytes,
                seen: Seen::default(),
            });
        }
        let mut values = vec![0.0; part.rows.len() * cols];
        self.table.read(part.rows.clone(), &mut values)?;
        let name = &part.piece.entry.name;
        check_finite(name, part.rows.start * cols, &values).map_err(LoadError::from)?;
        let mut packed = Packed::default();
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
            packed
                .bytes
                .extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        Ok(packed)
    }

    /// Rows of the table as they are, if they are what they are to become.
    fn kept(&self, part: &Part<'_>, row_bytes: usize) -> Result<Option<Vec<u8>>, WriteError> {
        let (Elements::F16(rows) | Elements::Int8(rows, _)) = self.table.elements() else {
            return Ok(None);
        };
        if self.table.element_type() != self.encoding.embedding {
            return Ok(None);
        }
        let mut bytes = vec![0; part.rows.len() * row_bytes];
        rows.read(part.rows.start * row_bytes, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Scales of the table's rows.
    fn scales(&self, part: &Part<'_>) -> Result<Packed, WriteError> {
        if let Elements::Int8(_, scales) = self.table.elements() {
            return floats(scales, part);
        }
        let (kind, (_, cols)) = (self.encoding.embedding, self.table.shape());
        let (mut values, mut words) = (vec![0.0; cols], vec![0; kind.row_bytes(cols) / 4]);
        let mut packed = Packed::default();
        for row in part.rows.clone() {
            self.table.read(row..row + 1, &mut values)?;
            // Only an f16 can be too small.
            let scale = kind.encode(&values, &mut words).unwrap_or_default();
            packed.bytes.extend(scale.to_le_bytes());
        }
        Ok(packed)
    }
}

fn floats(tensor: &FloatTensor, part: &Part<'_>) -> Result<Packed, WriteError> {
    let mut values = vec![0.0; part.rows.len()];
    tensor.read(part.rows.start, &mut values)?;
    let name = &part.piece.entry.name;
    check_finite(name, part.rows.start, &values).map_err(LoadError::from)?;
    Ok(Packed {
        bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        seen: Seen::default(),
    })
}
