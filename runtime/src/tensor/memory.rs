//! Tensors in memory.

use super::{Floats, TritRows};
use crate::error::{FileError, InvalidModel};
use std::ops::Range;

/// A ternary matrix and its scale; the weight at `(r, c)` is `scale * trits[r * cols + c]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ternary {
    /// Where the matrix stands in the model, such as `blocks.3.wq`.
    pub name: String,
    /// Output width of the product.
    pub rows: usize,
    /// Input width of the product.
    pub cols: usize,
    /// One scale for the whole matrix; finite and not negative.
    pub scale: f32,
    /// `[rows, cols]`, row-major; each -1, 0 or 1.
    pub trits: Vec<i8>,
}

impl Ternary {
    /// Returns row `r`.
    ///
    /// # Panics
    /// If `r >= rows`.
    #[must_use]
    pub fn row(&self, r: usize) -> &[i8] {
        &self.trits[r * self.cols..(r + 1) * self.cols]
    }

    /// What the fields say of the shape, for messages.
    fn shape_found(&self) -> String {
        let (rows, cols, trits) = (self.rows, self.cols, self.trits.len());
        format!("{rows} x {cols} with {trits} trits")
    }
}

impl TritRows for Ternary {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        // The fields are public, so they may disagree.
        let whole = self.rows.checked_mul(self.cols) == Some(self.trits.len());
        let at = |row: usize| row.saturating_mul(self.cols);
        let found = self
            .trits
            .get(at(rows.start)..at(rows.end))
            .filter(|_| whole);
        let Some(found) = found.filter(|found| found.len() == trits.len()) else {
            let expected = format!("{} trits in rows {rows:?}", trits.len());
            return Err(InvalidModel::shape(&self.name, expected, self.shape_found()).into());
        };
        trits.copy_from_slice(found);
        Ok(())
    }
}

/// f32 numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Where they stand in the model, such as `blocks.3.norm.gamma`.
    pub name: String,
    /// The numbers, those of the last dimension next to each other.
    pub values: Vec<f32>,
}

impl Floats for Values {
    fn name(&self) -> &str {
        &self.name
    }

    fn elems(&self) -> usize {
        self.values.len()
    }

    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError> {
        let end = first.checked_add(values.len());
        let found = end.and_then(|end| self.values.get(first..end));
        let Some(found) = found else {
            let expected = format!("{} numbers from {first} on", values.len());
            return Err(InvalidModel::shape(&self.name, expected, self.values.len()).into());
        };
        values.copy_from_slice(found);
        Ok(())
    }
}
