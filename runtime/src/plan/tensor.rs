use crate::format::{Floats, Stored, TritRows};
use atome_spec::{Packing, layout};
use serde::Serialize;
use std::borrow::Cow;

/// A tensor of the plan, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tensor(pub usize);

/// Part of the arena a tensor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Section {
    /// Packed ternary weights, in the layout the kernels read.
    Weights,
    /// Parameters in f32.
    Constants,
    /// What a session remembers from token to token.
    State,
    /// The last logits and their argmax; saved with the state.
    Logits,
    /// Values within one block of tokens; offsets are shared by liveness.
    Scratch,
}

impl Section {
    /// Whether all sessions share the section.
    pub const fn is_shared(self) -> bool {
        matches!(self, Section::Weights | Section::Constants)
    }

    /// Name, as in `inspect`.
    pub const fn name(self) -> &'static str {
        match self {
            Section::Weights => "weights",
            Section::Constants => "constants",
            Section::State => "state",
            Section::Logits => "logits",
            Section::Scratch => "scratch",
        }
    }
}

/// A tensor's place in the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Name; parameters keep their checkpoint's names.
    pub name: String,
    /// Section.
    pub section: Section,
    /// Offset in bytes: from the first weight, from the first constant, or from the start of the
    /// session's slot. A multiple of 256.
    pub offset: usize,
    /// Length in bytes, padding of the layout included.
    pub bytes: usize,
}

/// What fills a shared tensor at load.
#[derive(Debug)]
pub(crate) enum Content<'m> {
    /// A matrix for `gemv`/`gemm`.
    Matrix(&'m dyn TritRows, Packing),
    /// An embedding table.
    Embedding(&'m dyn TritRows),
    /// Taps of a depthwise convolution, `[channels, taps]`.
    Taps(&'m dyn TritRows),
    /// Floats.
    F32(FloatSource<'m>),
    /// Words that a file holds as kernels read them.
    Words(&'m Stored),
}

/// Where floats come from.
#[derive(Debug)]
pub(crate) enum FloatSource<'m> {
    /// They are in memory.
    Values(Cow<'m, [f32]>),
    /// They are read.
    Tensor(&'m dyn Floats),
}

impl Content<'_> {
    /// Bytes of the arena that `parts` take: rows of a matrix or a table, elements of floats.
    pub(crate) fn bytes_of(&self, parts: usize) -> usize {
        match self {
            Content::Matrix(w, packing) => 4 * layout::gemv_words(*packing, parts, w.shape().1),
            Content::Embedding(w) => parts * layout::embed_row_bytes(Packing::Int2, w.shape().1),
            Content::Taps(w) => 4 * layout::conv_words(parts, w.shape().1),
            Content::F32(_) | Content::Words(_) => 4 * parts,
        }
    }

    /// Bytes of the arena that everything takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes_of(self.parts())
    }

    /// Rows of a matrix or a table, elements of floats, words.
    pub(crate) fn parts(&self) -> usize {
        match self {
            Content::Matrix(w, _) | Content::Embedding(w) | Content::Taps(w) => w.shape().0,
            Content::F32(values) => values.elems(),
            Content::Words(words) => words.len() / 4,
        }
    }

    /// The bytes as they will be in the arena, if a file holds them.
    pub(crate) fn stored(&self) -> Option<&Stored> {
        match self {
            Content::Matrix(w, packing) => w.stored(*packing),
            Content::F32(FloatSource::Tensor(tensor)) => tensor.stored(),
            Content::Words(words) => Some(words),
            _ => None,
        }
    }
}

impl FloatSource<'_> {
    /// Number of elements.
    pub(crate) fn elems(&self) -> usize {
        match self {
            FloatSource::Values(values) => values.len(),
            FloatSource::Tensor(tensor) => tensor.elems(),
        }
    }
}
