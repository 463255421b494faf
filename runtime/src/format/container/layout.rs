//! Which tensor of a container lies where, and what its bytes are: arithmetic only.

use super::header::Entry;
use crate::tensor::{EmbeddingType, Kind as ParamKind, Param, Role, rows_of_block, trits};
use atome_kernels::packing::{embed, scales};
use atome_spec::layout::{self, BLOCK_ROWS};
use atome_spec::{Packing, TENSOR_ALIGN_BYTES};
use safetensors::tensor::Dtype;

/// How a container orders its tensors and lays out trits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Floats, then trits, row after row without gaps.
    Dense,
    /// Trits, tables, floats. Trits are as kernels read them, then zeros to a multiple of 256 bytes.
    Tiled,
}

/// How a container has its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) layout: Layout,
    pub(crate) packing: Packing,
    /// What the elements of tables are.
    pub(crate) embedding: EmbeddingType,
    /// How ternary tables are packed where they are as kernels read them: then they come first, and begin as in
    /// [`Layout::Tiled`]. `None` if they are like other trits.
    pub(crate) table: Option<Packing>,
}

/// What a tensor of a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Trits {
        rows: usize,
        cols: usize,
        /// Columns that have a scale of their own, if groups of them have.
        group: Option<usize>,
    },
    /// Trits of a table as kernels read them, row by row.
    TritTable {
        rows: usize,
        cols: usize,
        packing: Packing,
    },
    Table {
        rows: usize,
        cols: usize,
    },
    /// The scales of the rows of a table of int8.
    Scales {
        rows: usize,
    },
    /// The scales of groups of a ternary tensor's columns, as kernels read them, then zeros to a multiple of 256 bytes.
    GroupScales {
        rows: usize,
        groups: usize,
    },
    Floats {
        elems: usize,
    },
    /// The vocabulary, as it is stored.
    Vocabulary {
        bytes: usize,
    },
}

/// The name of the vocabulary among the tensors.
pub(super) const VOCABULARY: &str = "tokenizer.vocabulary";

/// A tensor of a file.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) entry: Entry,
}

impl Layout {
    /// That of a model of these tensors: where all its matrices are read for int8 activations, or have scales for groups of
    /// columns, they lie as kernels read them.
    pub(crate) fn of(params: &[Param]) -> Layout {
        if has_groups(params) {
            return Layout::Tiled;
        }
        let is_read_so = |param: &Param| match param.kind {
            ParamKind::Ternary { role, .. } => role == Role::MatrixI8,
            ParamKind::Table { .. } | ParamKind::Floats(_) => true,
        };
        match params.iter().all(is_read_so) {
            true => Layout::Tiled,
            false => Layout::Dense,
        }
    }

    /// The value of `layout` in the metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Layout::Dense => "dense",
            Layout::Tiled => "tiled",
        }
    }

    const fn order(self, kind: &ParamKind) -> usize {
        match (self, kind) {
            (Layout::Dense, ParamKind::Floats(_)) | (Layout::Tiled, ParamKind::Ternary { .. }) => 1,
            (_, ParamKind::Table { .. }) => 2,
            (Layout::Dense, ParamKind::Ternary { .. }) | (Layout::Tiled, ParamKind::Floats(_)) => 3,
        }
    }
}

/// Whether ternary tensors have scales for groups of columns.
pub(crate) fn has_groups(params: &[Param]) -> bool {
    params.iter().any(|param| param.kind.group().is_some())
}

impl Encoding {
    /// Tensors start at a multiple of this many bytes, as far as the lengths of those before allow.
    pub(super) const fn align_bytes(self) -> usize {
        match (self.layout, self.table) {
            // As in any safetensors file.
            (Layout::Dense, None) => 8,
            (Layout::Tiled, _) | (_, Some(_)) => TENSOR_ALIGN_BYTES,
        }
    }

    /// The packing of a parameter that is a ternary table as kernels read it.
    fn table(self, kind: &ParamKind) -> Option<Packing> {
        self.table.filter(|_| kind.is_trit_table())
    }

    /// Lists the tensors of a file in the order of their bytes; those of one kind keep the order in which a model has them. A
    /// vocabulary of so many bytes comes last.
    pub(super) fn pieces(self, params: &[Param], vocabulary: Option<usize>) -> Vec<Piece> {
        let mut params: Vec<&Param> = params.iter().collect();
        params.sort_by_key(|param| match self.table(&param.kind) {
            Some(_) => 0,
            None => self.layout.order(&param.kind),
        });
        let mut pieces: Vec<Piece> = Vec::new();
        let mut add = |name: String, kind: Kind, dtype: Dtype, shape: Vec<usize>| {
            let begin = pieces.last().map_or(0, |p| p.entry.info.data_offsets.1);
            let entry = Entry::new(name, dtype, shape, begin, self.bytes(kind));
            pieces.push(Piece { kind, entry });
        };
        for param in params {
            let name = param.name.clone();
            match param.kind {
                ParamKind::Ternary {
                    rows, cols, group, ..
                } => {
                    let kind = match self.table(&param.kind) {
                        Some(packing) => Kind::TritTable {
                            rows,
                            cols,
                            packing,
                        },
                        None => Kind::Trits { rows, cols, group },
                    };
                    let scales = format!("{name}.scales");
                    add(name, kind, Dtype::U8, vec![self.bytes(kind)]);
                    if let Some(group) = group {
                        let groups = cols / group;
                        let kind = Kind::GroupScales { rows, groups };
                        add(scales, kind, Dtype::F32, vec![self.bytes(kind) / 4]);
                    }
                }
                ParamKind::Table { rows, cols } => {
                    let kind = Kind::Table { rows, cols };
                    let scales = format!("{name}.scales");
                    match self.embedding {
                        EmbeddingType::F32 => add(name, kind, Dtype::F32, vec![rows, cols]),
                        other => add(name, kind, Dtype::U8, vec![rows, other.row_bytes(cols)]),
                    }
                    if self.embedding == EmbeddingType::Int8 {
                        add(scales, Kind::Scales { rows }, Dtype::F32, vec![rows]);
                    }
                }
                ParamKind::Floats(ref dims) => {
                    let elems = param.kind.elems();
                    add(name, Kind::Floats { elems }, Dtype::F32, dims.clone());
                }
            }
        }
        if let Some(bytes) = vocabulary {
            let kind = Kind::Vocabulary { bytes };
            add(VOCABULARY.to_owned(), kind, Dtype::U8, vec![bytes]);
        }
        pieces
    }

    /// Bytes of a tensor; `usize::MAX`, which no file has, if they cannot be counted.
    fn bytes(self, kind: Kind) -> usize {
        let bytes = self.bytes_of(kind, kind.rows());
        match (self.layout, kind) {
            (Layout::Tiled, Kind::Trits { .. } | Kind::GroupScales { .. }) => {
                let padded = bytes.checked_next_multiple_of(TENSOR_ALIGN_BYTES);
                padded.unwrap_or(usize::MAX)
            }
            _ => bytes,
        }
    }

    /// Bytes of the first rows of a tensor, without what only pads it.
    pub(super) fn bytes_of(self, kind: Kind, rows: usize) -> usize {
        match kind {
            Kind::Trits { cols, group, .. } => match self.layout {
                Layout::Dense => {
                    let per_byte = trits::TritBytes::from(self.packing).per_byte();
                    rows.saturating_mul(cols).div_ceil(per_byte)
                }
                Layout::Tiled => {
                    let words = layout::matrix_words(self.packing, rows, cols, group);
                    words.saturating_mul(4)
                }
            },
            Kind::TritTable { cols, packing, .. } => {
                embed::words(packing, rows, cols).saturating_mul(4)
            }
            Kind::Table { cols, .. } => rows.saturating_mul(self.embedding.row_bytes(cols)),
            Kind::GroupScales { groups, .. } => scales::len(rows, groups).saturating_mul(4),
            Kind::Scales { .. } | Kind::Floats { .. } => rows.saturating_mul(4),
            Kind::Vocabulary { .. } => rows,
        }
    }

    /// Rows that may be packed or checked by themselves; those of a table make up a block that has a checksum.
    pub(super) fn step(self, kind: Kind) -> usize {
        match (kind, self.layout) {
            // A row may start in the middle of a byte.
            (Kind::Trits { rows, .. }, Layout::Dense) => rows.max(1),
            (Kind::Trits { .. }, Layout::Tiled) | (Kind::GroupScales { .. }, _) => BLOCK_ROWS,
            (Kind::Table { cols, .. }, _) => rows_of_block(self.embedding.row_bytes(cols)),
            _ => 1,
        }
    }
}

impl Encoding {
    /// Bytes of a table's blocks that have checksums of their own, and how many there are; `None` for what has none.
    pub(super) fn blocks(self, kind: Kind) -> Option<(usize, usize)> {
        match (self.layout, kind) {
            (Layout::Tiled, Kind::Table { rows, .. }) => {
                let step = self.step(kind);
                Some((self.bytes_of(kind, step), rows.div_ceil(step)))
            }
            _ => None,
        }
    }
}

impl Kind {
    /// Number of rows; that of elements or bytes where there are no rows.
    pub(super) const fn rows(self) -> usize {
        match self {
            Kind::Trits { rows, .. }
            | Kind::TritTable { rows, .. }
            | Kind::Table { rows, .. }
            | Kind::Scales { rows }
            | Kind::GroupScales { rows, .. } => rows,
            Kind::Floats { elems } => elems,
            Kind::Vocabulary { bytes } => bytes,
        }
    }
}
