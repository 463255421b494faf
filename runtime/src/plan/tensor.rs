use super::Size;
use crate::LoadError;
use crate::error::InvalidModel;
use crate::tensor::{EmbeddingTable, Floats, Stored, TritRows};
use atome_kernels::packing::{conv, embed, matrix::Matrix, scales};
use atome_spec::{Packing, layout};
use serde::Serialize;

/// A tensor of the plan, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tensor(pub usize);

/// Part of the arena a tensor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Section {
    /// Weights that stay in the model's file, mapped into memory, because it holds them as kernels read them.
    File,
    /// Packed ternary weights, in the layout the kernels read.
    Weights,
    /// Parameters in f32.
    Constants,
    /// Values within one block of tokens; offsets are shared by liveness. They belong to whoever runs.
    Scratch,
    /// What a session remembers from token to token.
    State,
    /// The last logits and their argmax; saved with the state.
    Logits,
}

impl Section {
    /// Every section, in the order of the arena.
    pub const ALL: [Section; 6] = [
        Section::File,
        Section::Weights,
        Section::Constants,
        Section::Scratch,
        Section::State,
        Section::Logits,
    ];

    /// Whether all sessions share the section.
    pub const fn is_shared(self) -> bool {
        matches!(self, Section::File | Section::Weights | Section::Constants)
    }

    /// What its tensors' offsets count from.
    pub(crate) const fn base(self) -> Base {
        match self {
            Section::File => Base::File,
            Section::Weights => Base::Weights,
            Section::Constants => Base::Constants,
            Section::Scratch => Base::Scratch,
            Section::State | Section::Logits => Base::Slot,
        }
    }

    /// Name, as in `inspect`.
    pub const fn name(self) -> &'static str {
        match self {
            Section::File => "file",
            Section::Weights => "weights",
            Section::Constants => "constants",
            Section::State => "state",
            Section::Logits => "logits",
            Section::Scratch => "scratch",
        }
    }
}

/// What offsets count from. The order is that of the entry points' parameters and of the interpreter's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The first byte of the model's file.
    File,
    /// The first weight.
    Weights,
    /// The first constant.
    Constants,
    /// The scratch of whoever runs.
    Scratch,
    /// The slot of a session: its state, and its logits.
    Slot,
}

/// A tensor's place in the arena, or in the model's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Name; parameters keep their checkpoint's names.
    pub name: String,
    /// Section.
    pub section: Section,
    /// Offset in bytes: from the start of the file, from the first weight, from the first constant, from the start of a
    /// scratch, or of the session's slot. A multiple of 256; in a file of tables, of 4.
    pub offset: usize,
    /// Length in bytes, padding of the layout included.
    pub bytes: usize,
}

/// What fills a shared tensor at load.
#[derive(Debug)]
pub(crate) struct Content<'m> {
    pub source: Source<'m>,
    /// The bytes as they will be in the arena, if a file holds them.
    pub stored: Option<&'m Stored>,
    /// The checksum of the tensor that a file states, in whatever packing it has.
    pub crc32: Option<u32>,
}

/// Where the elements come from.
#[derive(Debug)]
pub(crate) enum Source<'m> {
    /// A matrix for `gemv`/`gemm`.
    Matrix(Trits<'m>, Packing),
    /// An embedding table.
    Embedding(Trits<'m>, Packing),
    /// An embedding table as floats, each a trit times this scale.
    Scaled(Trits<'m>, f32),
    /// Taps of a depthwise convolution, `[channels, taps]`.
    Taps(Trits<'m>),
    /// Floats in memory.
    Values(Vec<f32>),
    /// Scales beside a matrix whose groups of columns have them.
    Scales(Scales<'m>),
    /// A table of numbers, of this name.
    Rows(&'m str, &'m EmbeddingTable),
}

/// Trits of a shape that was checked. Their source is not asked for it again: it may answer otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trits<'m> {
    pub source: &'m dyn TritRows,
    pub rows: usize,
    pub cols: usize,
    /// Columns that have a scale of their own, if groups of them have.
    pub group: Option<usize>,
}

/// Scales of groups of columns, `[rows, groups]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scales<'m> {
    pub source: &'m dyn Floats,
    pub rows: usize,
    pub groups: usize,
    /// What each is multiplied by.
    pub factor: f32,
}

impl Trits<'_> {
    /// So many first rows of the matrix, packed.
    pub(crate) const fn packed(&self, packing: Packing, rows: usize) -> Matrix {
        Matrix {
            packing,
            rows,
            cols: self.cols,
            group: self.group,
        }
    }
}

impl<'m> From<Source<'m>> for Content<'m> {
    fn from(source: Source<'m>) -> Content<'m> {
        Content {
            source,
            stored: None,
            crc32: None,
        }
    }
}

impl<'m> Content<'m> {
    /// A matrix, as its file has it if that is this packing.
    ///
    /// # Errors
    /// If a source has bytes of another matrix.
    pub(super) fn matrix(w: Trits<'m>, packing: Packing) -> Result<Content<'m>, LoadError> {
        let source = Source::Matrix(w, packing);
        let in_file = Packing::STORED.iter().find_map(|p| w.source.stored(*p));
        let content = Content {
            crc32: in_file.and_then(Stored::crc32),
            ..source.into()
        };
        content.stored_as(w.source.name(), w.source.stored(packing))
    }

    /// A table of trits, as its file has it if that is this packing.
    ///
    /// # Errors
    /// As [`Content::matrix`].
    pub(super) fn embedding(w: Trits<'m>, packing: Packing) -> Result<Content<'m>, LoadError> {
        let content = Content::from(Source::Embedding(w, packing));
        content.stored_as(w.source.name(), w.source.stored(packing))
    }

    /// Scales of groups of columns, as their file has them if nothing multiplies them. A model is the same whether a file
    /// has them so: what identifies it are the numbers, not the file's checksum.
    ///
    /// # Errors
    /// As [`Content::matrix`].
    pub(super) fn scales(scales: Scales<'m>) -> Result<Content<'m>, LoadError> {
        let stored = scales.source.stored_scales();
        let stored = stored.filter(|_| scales.factor.to_bits() == 1_f32.to_bits());
        let content =
            Content::from(Source::Scales(scales)).stored_as(scales.source.name(), stored)?;
        Ok(Content {
            crc32: None,
            ..content
        })
    }

    /// A table of numbers.
    ///
    /// # Errors
    /// As [`Content::matrix`].
    pub(super) fn rows(name: &'m str, table: &'m EmbeddingTable) -> Result<Content<'m>, LoadError> {
        Content::from(Source::Rows(name, table)).stored_as(name, table.stored())
    }

    fn stored_as(self, name: &str, stored: Option<&'m Stored>) -> Result<Content<'m>, LoadError> {
        let Some(stored) = stored else {
            return Ok(self);
        };
        let (expected, found) = (self.bytes(), stored.len());
        if expected.addressable() != Some(found) {
            let expected = format!("{} bytes in its file", expected.get());
            return Err(InvalidModel::shape(name, expected, found).into());
        }
        Ok(Content {
            crc32: self.crc32.or(stored.crc32()),
            stored: Some(stored),
            ..self
        })
    }

    /// Bytes of the arena that everything takes.
    pub(crate) fn bytes(&self) -> Size {
        match &self.source {
            Source::Matrix(w, packing) => Size::from(w.packed(*packing, w.rows).words()) * 4,
            Source::Embedding(w, packing) => Size::from(embed::words(*packing, w.rows, w.cols)) * 4,
            Source::Scaled(w, _) => Size::from(w.rows) * w.cols * 4,
            Source::Taps(w) => Size::from(conv::words(w.rows, w.cols)) * 4,
            Source::Values(values) => Size::from(values.len()) * 4,
            Source::Scales(s) => Size::from(scales::len(s.rows, s.groups)) * 4,
            Source::Rows(_, table) => Size::from(table.shape().0) * row_bytes(table),
        }
    }

    /// Bytes of the arena that the first `parts` take, which are not all: rows of a matrix or a table, elements of
    /// floats.
    pub(crate) fn bytes_of(&self, parts: usize) -> usize {
        match &self.source {
            Source::Matrix(w, packing) => 4 * w.packed(*packing, parts).words(),
            Source::Embedding(w, packing) => parts * layout::embed_row_bytes(*packing, w.cols),
            Source::Scaled(w, _) => 4 * parts * w.cols,
            Source::Taps(w) => 4 * layout::conv_words(parts, w.cols),
            Source::Values(_) => 4 * parts,
            Source::Scales(s) => 4 * scales::len(parts, s.groups),
            Source::Rows(_, table) => parts * row_bytes(table),
        }
    }

    /// Has its source give back memory that reading took and takes again.
    pub(crate) fn let_go(&self) {
        match &self.source {
            Source::Matrix(w, _)
            | Source::Embedding(w, _)
            | Source::Scaled(w, _)
            | Source::Taps(w) => {
                w.source.let_go();
            }
            Source::Scales(s) => s.source.let_go(),
            Source::Values(_) | Source::Rows(..) => {}
        }
    }

    /// Rows and columns: those of a matrix or a table, all elements of floats in one column.
    pub(crate) fn shape(&self) -> (usize, usize) {
        match &self.source {
            Source::Matrix(w, _)
            | Source::Embedding(w, _)
            | Source::Scaled(w, _)
            | Source::Taps(w) => (w.rows, w.cols),
            Source::Values(values) => (values.len(), 1),
            Source::Scales(s) => (s.rows, s.groups),
            Source::Rows(_, table) => table.shape(),
        }
    }
}

/// Bytes of a row as kernels read it.
fn row_bytes(table: &EmbeddingTable) -> usize {
    table.element_type().row_bytes(table.shape().1)
}
