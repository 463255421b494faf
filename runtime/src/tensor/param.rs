//! The tensors that a model asks for.

use crate::error::{FileError, TensorFault};
use std::fmt;

/// A tensor that a model asks a file for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Param {
    /// Where it stands in the model, such as `layers.3.in_proj`.
    pub name: String,
    pub kind: Kind,
    /// What becomes of its numbers before kernels read them.
    pub prepare: Prepare,
    /// The interval that a random model draws floats from.
    pub typical: (f32, f32),
}

/// What a tensor is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A scale, or one for so many columns of a row, and `rows * cols` trits.
    Ternary {
        rows: usize,
        cols: usize,
        role: Role,
        group: Option<usize>,
    },
    /// Rows of numbers that are looked up, in whatever type a file has them.
    Table { rows: usize, cols: usize },
    /// f32 numbers of this shape.
    Floats(Vec<usize>),
}

/// What a ternary tensor is for, which decides its layout in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Rows to be looked up.
    Embedding,
    /// A matrix that multiplies f32 activations.
    Matrix,
    /// A matrix that multiplies int8 activations.
    MatrixI8,
    /// Taps of a depthwise convolution, `[channels, taps]`.
    Taps,
}

/// What becomes of the numbers of a float tensor before kernels read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prepare {
    /// Nothing.
    #[default]
    AsStored,
    /// The hyperbolic tangent of each.
    Tanh,
    /// Stored a channel after the other, `[channels, 1, taps]`, the oldest tap first; wanted a tap after the other, the
    /// newest first.
    NewestTapFirst,
}

impl Param {
    /// Number of elements.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] when they cannot be addressed.
    pub(crate) fn elems(&self) -> Result<usize, FileError> {
        let elems = self.kind.elems();
        match isize::try_from(elems) {
            Ok(_) => Ok(elems),
            Err(_) => Err(self.too_large()),
        }
    }

    /// The error that no file could hold the tensor.
    pub(crate) fn too_large(&self) -> FileError {
        let (rows, cols) = self.kind.matrix();
        FileError::tensor(&self.name, TensorFault::TooLarge { rows, cols })
    }
}

impl Kind {
    /// Columns of a ternary tensor's row that have one scale, if groups of them have.
    pub(crate) fn group(&self) -> Option<usize> {
        match self {
            Kind::Ternary { group, .. } => *group,
            Kind::Table { .. } | Kind::Floats(_) => None,
        }
    }

    /// Whether it is a ternary matrix whose rows are looked up, in a layout of tables.
    pub(crate) fn is_trit_table(&self) -> bool {
        matches!(
            self,
            Kind::Ternary {
                role: Role::Embedding,
                group: None,
                ..
            }
        )
    }

    /// Rows and columns; floats have a row for each element of all dimensions but the last of several.
    pub(crate) fn matrix(&self) -> (usize, usize) {
        match self {
            Kind::Ternary { rows, cols, .. } | Kind::Table { rows, cols } => (*rows, *cols),
            Kind::Floats(shape) => match shape.split_last() {
                None => (1, 1),
                Some((len, [])) => (*len, 1),
                Some((cols, rows)) => (product(rows), *cols),
            },
        }
    }

    /// Number of elements; `usize::MAX` if they cannot be counted.
    pub(crate) fn elems(&self) -> usize {
        let (rows, cols) = self.matrix();
        rows.saturating_mul(cols)
    }
}

impl Kind {
    /// The shape in the words of messages: `76 x 16 trits`.
    pub(crate) fn described(&self) -> String {
        match self {
            Kind::Ternary {
                rows,
                cols,
                group: Some(group),
                ..
            } => format!("{rows} x {cols} trits with a scale for {group} columns"),
            Kind::Ternary { rows, cols, .. } => format!("{rows} x {cols} trits"),
            Kind::Table { rows, cols } => format!("{rows} x {cols} numbers"),
            Kind::Floats(shape) => {
                let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("{} numbers", dims.join(" x "))
            }
        }
    }
}

impl Role {
    /// What it is, in the words of messages.
    pub(crate) const fn described(self) -> &'static str {
        match self {
            Role::Embedding => "rows of a table",
            Role::Matrix => "a matrix that multiplies f32",
            Role::MatrixI8 => "a matrix that multiplies int8",
            Role::Taps => "taps of a convolution",
        }
    }
}

fn product(dims: &[usize]) -> usize {
    dims.iter().fold(1, |all, n| all.saturating_mul(*n))
}

impl fmt::Display for Kind {
    /// As graphs are printed: `trits[76, 16]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Ternary {
                rows,
                cols,
                group: Some(group),
                ..
            } => write!(f, "trits[{rows}, {cols}] by {group}"),
            Kind::Ternary { rows, cols, .. } => write!(f, "trits[{rows}, {cols}]"),
            Kind::Table { rows, cols } => write!(f, "table[{rows}, {cols}]"),
            Kind::Floats(shape) => write!(f, "f32{shape:?}"),
        }
    }
}

impl Prepare {
    /// The word in a graph's text.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Prepare::AsStored => "as_stored",
            Prepare::Tanh => "tanh",
            Prepare::NewestTapFirst => "newest_tap_first",
        }
    }
}
