use crate::ir::{Access, Elem, Size};
use atome_spec::{Packing, layout};
use std::borrow::Cow;

/// A buffer of an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferDef {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Reads, writes or both.
    pub access: Access,
    /// Whether it is read as it was before the call.
    pub takes: bool,
    /// What is in it.
    pub content: Content,
    /// Its length in elements of four bytes, over the dimensions of its [`Signature`](super::Signature).
    pub len: Size,
}

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Numbers.
    F32,
    /// Whole numbers.
    I32,
    /// Numbers of rows, each below the dimension of that name, which whoever calls sees to.
    Rows(&'static str),
    /// f16 numbers, two a word.
    F16,
    /// int8 numbers, four a word.
    I8,
    /// Trits of a matrix, as [`layout`] packs those of `gemv` and `gemm`.
    Matrix(Packing),
    /// Trits of a table of rows, as [`layout`] packs those of `embed`.
    Table(Packing),
    /// Trits of filters, as [`layout`] packs those of `conv1d`.
    Taps(Packing),
}

impl Content {
    /// The type by which kernels load and store it.
    pub const fn elem(self) -> Elem {
        match self {
            Content::F32 => Elem::F32,
            Content::I32
            | Content::Rows(_)
            | Content::F16
            | Content::I8
            | Content::Matrix(_)
            | Content::Table(_)
            | Content::Taps(_) => Elem::I32,
        }
    }

    /// How many of what it holds are in an element of four bytes.
    pub const fn per_elem(self) -> usize {
        match self {
            Content::F32 | Content::I32 | Content::Rows(_) => 1,
            Content::F16 => 2,
            Content::I8 => 4,
            Content::Matrix(packing) => layout::word_cols(packing),
            Content::Table(packing) => layout::tile_cols(packing) / (layout::TILE_BYTES / 4),
            Content::Taps(_) => layout::WORD_COLS,
        }
    }
}

/// A buffer that is only read.
pub(crate) fn input(name: impl Into<Cow<'static, str>>, content: Content, len: &Size) -> BufferDef {
    buffer(name, Access::In, content, len)
}

/// A buffer that is only written.
pub(crate) fn output(
    name: impl Into<Cow<'static, str>>,
    content: Content,
    len: &Size,
) -> BufferDef {
    buffer(name, Access::Out, content, len)
}

/// A buffer that is written, and read again by the same call.
pub(crate) fn read_back(
    name: impl Into<Cow<'static, str>>,
    content: Content,
    len: &Size,
) -> BufferDef {
    BufferDef {
        takes: false,
        ..in_out(name, content, len)
    }
}

/// A buffer that is read and written.
pub(crate) fn in_out(
    name: impl Into<Cow<'static, str>>,
    content: Content,
    len: &Size,
) -> BufferDef {
    buffer(name, Access::InOut, content, len)
}

pub(crate) fn buffer(
    name: impl Into<Cow<'static, str>>,
    access: Access,
    content: Content,
    len: &Size,
) -> BufferDef {
    let len = len.clone();
    BufferDef {
        name: name.into(),
        access,
        takes: access != Access::Out,
        content,
        len,
    }
}
