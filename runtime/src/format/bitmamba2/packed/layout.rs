//! The tensors of a packed file in the order of their bytes: arithmetic only.

use crate::format::bitmamba2::schema::{self, Shape};
use crate::format::bitmamba2::{BitMamba2Config, EmbeddingType};
use crate::format::container::header::Entry;
use atome_kernels::packing::matrix;
use atome_spec::layout::BLOCK_ROWS;
use atome_spec::{Packing, TENSOR_ALIGN_BYTES};

/// What a tensor of a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A matrix as `gemv` reads it, then zeros to a multiple of 256 bytes.
    Trits { rows: usize, cols: usize },
    /// The embedding table.
    Table { rows: usize, cols: usize },
    /// The scales of a table of int8.
    Scales { rows: usize },
    /// f32.
    Floats { elems: usize },
}

/// A tensor of a file.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) entry: Entry,
}

/// How a file's tensors are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) packing: Packing,
    pub(super) embedding: EmbeddingType,
}

impl Piece {
    /// Rows that may be packed or checked by themselves, and the step between them.
    pub(super) fn rows(&self) -> (usize, usize) {
        match self.kind {
            Kind::Trits { rows, .. } => (rows, BLOCK_ROWS),
            Kind::Table { rows, .. } | Kind::Scales { rows } => (rows, 1),
            Kind::Floats { elems } => (elems, 1),
        }
    }

    /// Bytes of so many rows, without what only pads the tensor; `usize::MAX`, which no file has, if that overflows.
    pub(super) fn bytes_of(&self, rows: usize, encoding: Encoding) -> usize {
        match self.kind {
            Kind::Trits { cols, .. } => {
                matrix::words(encoding.packing, rows, cols).saturating_mul(4)
            }
            Kind::Table { cols, .. } => rows.saturating_mul(encoding.embedding.row_bytes(cols)),
            Kind::Scales { .. } | Kind::Floats { .. } => rows.saturating_mul(4),
        }
    }
}

/// Lists the tensors of a file: matrices, the embedding table, and everything else.
pub(super) fn pieces(config: &BitMamba2Config, encoding: Encoding) -> Vec<Piece> {
    let mut list = List {
        encoding,
        pieces: Vec::new(),
    };
    for spec in schema::tensors(config) {
        if let Shape::Trits { rows, cols } = spec.shape {
            list.add(spec.name.to_string(), Kind::Trits { rows, cols }, &[]);
        }
    }
    let (mut floats, mut table) = (Vec::new(), None);
    for spec in schema::tensors(config) {
        let name = spec.name.to_string();
        match spec.shape {
            Shape::Trits { .. } => {}
            Shape::Matrix { rows, cols } => table = Some((name, rows, cols)),
            Shape::Vector(len) => floats.push((name, vec![len], len)),
            Shape::Taps { channels, taps } => {
                floats.push((name, vec![channels, 1, taps], channels * taps));
            }
        }
    }
    if let Some((name, rows, cols)) = table {
        let scales = format!("{name}.scales");
        let columns = match encoding.embedding {
            EmbeddingType::F32 => cols,
            kind => kind.row_bytes(cols),
        };
        list.add(name, Kind::Table { rows, cols }, &[rows, columns]);
        if encoding.embedding == EmbeddingType::Int8 {
            list.add(scales, Kind::Scales { rows }, &[rows]);
        }
    }
    for (name, shape, elems) in floats {
        list.add(name, Kind::Floats { elems }, &shape);
    }
    list.pieces
}

struct List {
    encoding: Encoding,
    pieces: Vec<Piece>,
}

impl List {
    /// Adds a tensor after the last; a matrix's shape is its bytes.
    fn add(&mut self, name: String, kind: Kind, shape: &[usize]) {
        let begin = self.pieces.last().map_or(0, |piece| piece.entry.end);
        let mut piece = Piece {
            kind,
            entry: Entry {
                name,
                dtype: "F32".into(),
                shape: shape.iter().map(|&n| n as u64).collect(),
                begin,
                end: begin,
            },
        };
        let (rows, _) = piece.rows();
        let mut bytes = piece.bytes_of(rows, self.encoding);
        let packed_table = self.encoding.embedding != EmbeddingType::F32;
        match kind {
            Kind::Trits { .. } => {
                let padded = bytes.checked_next_multiple_of(TENSOR_ALIGN_BYTES);
                bytes = padded.unwrap_or(usize::MAX);
                piece.entry.dtype = "U8".into();
                piece.entry.shape = vec![bytes as u64];
            }
            Kind::Table { .. } if packed_table => piece.entry.dtype = "U8".into(),
            _ => {}
        }
        piece.entry.end = begin + bytes as u64;
        self.pieces.push(piece);
    }
}
