//! Named tensors, wherever their elements are.

use super::{Elements, EmbeddingTable, Floats, Ternary, TritRows, Values};
use crate::error::{FileError, TensorFault};
use atome_spec::Packing;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tensors of a model by name: `embed`, `blocks.3.wq`.
pub type Tensors = BTreeMap<String, Tensor>;

/// A tensor of a model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Tensor {
    /// A ternary matrix.
    Ternary(TernaryTensor),
    /// Rows that are looked up.
    Table(EmbeddingTable),
    /// f32 numbers.
    Floats(FloatTensor),
}

/// A ternary matrix of a model.
#[derive(Debug, Clone)]
pub struct TernaryTensor {
    /// Its trits.
    pub rows: Arc<dyn TritRows>,
    /// One scale for the whole matrix: a weight is `scale * trit`.
    pub scale: f32,
    /// Scales for some columns of each row, by which weights are multiplied besides.
    pub groups: Option<TernaryGroups>,
}

/// Scales of groups of a row's columns.
#[derive(Debug, Clone)]
pub struct TernaryGroups {
    /// Columns of a group.
    pub cols: usize,
    /// `[rows, columns / cols]`.
    pub scales: FloatTensor,
}

/// A float tensor of a model.
pub type FloatTensor = Arc<dyn Floats>;

impl TernaryTensor {
    /// The matrix in memory, without the scales of its groups.
    ///
    /// # Errors
    /// If it cannot be read or holds something else than trits.
    pub fn read(&self) -> Result<Ternary, FileError> {
        let (rows, cols) = self.rows.shape();
        let name = self.rows.name().to_owned();
        let Some(elems) = rows.checked_mul(cols) else {
            return Err(FileError::tensor(
                name,
                TensorFault::TooLarge { rows, cols },
            ));
        };
        let mut trits = vec![0; elems];
        self.rows.read(0..rows, &mut trits)?;
        Ok(Ternary {
            name,
            rows,
            cols,
            scale: self.scale,
            trits,
        })
    }

    /// The packing in which a file has the matrix as kernels read it.
    pub(crate) fn packing(&self) -> Option<Packing> {
        let is_stored = |packing: &Packing| self.rows.stored(*packing).is_some();
        Packing::STORED.iter().copied().find(is_stored)
    }
}

impl Tensor {
    /// Rows and columns; floats have one column.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Tensor::Ternary(w) => w.rows.shape(),
            Tensor::Table(table) => table.shape(),
            Tensor::Floats(values) => (values.elems(), 1),
        }
    }

    /// The shape in the words of messages.
    pub(crate) fn described(&self) -> String {
        match (self, self.shape()) {
            (Tensor::Ternary(_), (rows, cols)) => format!("{rows} x {cols} trits"),
            (Tensor::Table(_), (rows, cols)) => format!("a table of {rows} x {cols} numbers"),
            (Tensor::Floats(_), (elems, _)) => format!("{elems} numbers"),
        }
    }

    /// The ternary matrix, if it is one.
    pub fn as_ternary(&self) -> Option<&TernaryTensor> {
        match self {
            Tensor::Ternary(w) => Some(w),
            _ => None,
        }
    }

    /// The embedding table, if it is one.
    pub fn as_table(&self) -> Option<&EmbeddingTable> {
        match self {
            Tensor::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The floats, if it is some.
    pub fn as_floats(&self) -> Option<&FloatTensor> {
        match self {
            Tensor::Floats(values) => Some(values),
            _ => None,
        }
    }

    /// What the file it was read from has of an element, and in how many bits, without what only pads.
    fn element(&self) -> (&'static str, u64) {
        match self {
            Tensor::Ternary(w) => w.rows.element(),
            Tensor::Floats(values) => values.element(),
            Tensor::Table(table) => match table.elements() {
                Elements::F32(values) | Elements::Halves(values) => values.element(),
                Elements::F16(_) => ("f16", 16),
                Elements::Int8(..) => ("int8", 8),
            },
        }
    }

    /// What the file it was read from has of an element: `trits`, or a type of floats.
    #[must_use]
    pub fn source_type(&self) -> &'static str {
        self.element().0
    }

    /// Bytes that the file it was read from has of it, without headers and scales; of a ternary matrix in memory, four
    /// trits a byte.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        let (rows, cols) = self.shape();
        let elems = (rows as u64).saturating_mul(cols as u64);
        let bytes = elems.saturating_mul(self.element().1) / 8;
        match self {
            Tensor::Ternary(w) => {
                let stored = w.packing().and_then(|packing| w.rows.stored(packing));
                stored.map_or(bytes, |stored| stored.len() as u64)
            }
            Tensor::Table(table)
                if matches!(table.elements(), Elements::F16(_) | Elements::Int8(..)) =>
            {
                (rows * table.element_type().row_bytes(cols)) as u64
            }
            Tensor::Table(_) | Tensor::Floats(_) => bytes,
        }
    }
}

impl From<Ternary> for Tensor {
    fn from(w: Ternary) -> Tensor {
        Tensor::Ternary(TernaryTensor {
            scale: w.scale,
            groups: None,
            rows: Arc::new(w),
        })
    }
}

impl From<Values> for Tensor {
    fn from(values: Values) -> Tensor {
        Tensor::Floats(Arc::new(values))
    }
}
