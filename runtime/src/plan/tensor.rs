use crate::format::Ternary;
use serde::Serialize;

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
    /// Offset in bytes, from the model's part for shared sections and from the session's
    /// slot for the others. A multiple of 256.
    pub offset: usize,
    /// Length in bytes, padding of the layout included.
    pub bytes: usize,
}

/// What fills a shared tensor at load.
#[derive(Debug)]
pub(crate) enum Content<'m> {
    /// A matrix for `gemv`/`gemm`.
    Matrix(&'m Ternary),
    /// An embedding table.
    Embedding(&'m Ternary),
    /// Taps of a depthwise convolution, `[channels, taps]`.
    Taps(&'m Ternary),
    /// Floats.
    F32(std::borrow::Cow<'m, [f32]>),
}
