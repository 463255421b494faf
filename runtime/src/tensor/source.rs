//! Tensors that are read a part at a time, so that a large file is never in memory twice.

use super::Stored;
use crate::error::FileError;
use atome_spec::Packing;
use std::fmt;
use std::ops::Range;

/// The shapes of named tensors, from which a family may tell its dimensions.
pub(crate) trait Shapes {
    /// Whether there is a tensor of this name.
    fn has(&self, name: &str) -> bool;

    /// Rows and columns of a matrix.
    ///
    /// # Errors
    /// If there is no such tensor, or it is no matrix.
    fn matrix(&self, name: &str) -> Result<[usize; 2], FileError>;
}

/// A ternary matrix whose rows are read when they are wanted.
pub trait TritRows: Send + Sync + fmt::Debug {
    /// Where the matrix stands in the model, such as `layers.3.in_proj`.
    fn name(&self) -> &str;

    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Writes `rows` to `trits`, row-major, each element -1, 0 or 1.
    ///
    /// # Errors
    /// If the rows cannot be read or hold something else than trits.
    ///
    /// # Panics
    /// If there are no such rows or `trits` is not as long as they are.
    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError>;

    /// What its source has of an element, and in how many bits: trits, or the floats that they are made of.
    fn element(&self) -> (&'static str, u64) {
        ("trits", 2)
    }

    /// The bytes of `rows`, if their source has four trits a byte, from its low end, as the code `trit + 1` in two bits,
    /// each row a whole number of bytes: they are packed some times faster than what [`TritRows::read`] gives. Codes of 3
    /// may be among them; reading says where.
    fn codes(&self, rows: Range<usize>) -> Option<&[u8]> {
        let _ = rows;
        None
    }

    /// Gives back memory that reading took and takes again.
    fn let_go(&self) {}

    /// The bytes of the matrix as kernels read it in this packing, if a file holds them.
    fn stored(&self, packing: Packing) -> Option<&Stored> {
        let _ = packing;
        None
    }
}

/// Floats that are read when they are wanted.
pub trait Floats: Send + Sync + fmt::Debug {
    /// Where the tensor stands in the model, such as `layers.3.dt_bias`.
    fn name(&self) -> &str;

    /// Number of elements.
    fn elems(&self) -> usize;

    /// Writes the elements from `first` on to `values`.
    ///
    /// # Errors
    /// If they cannot be read or are not finite.
    ///
    /// # Panics
    /// If there are not so many.
    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError>;

    /// All elements.
    ///
    /// # Errors
    /// As [`Floats::read`].
    fn all(&self) -> Result<Vec<f32>, FileError> {
        let mut values = vec![0.0; self.elems()];
        self.read(0, &mut values)?;
        Ok(values)
    }

    /// What its source has of an element, and in how many bits.
    fn element(&self) -> (&'static str, u64) {
        ("f32", 32)
    }

    /// Gives back memory that reading took and takes again.
    fn let_go(&self) {}

    /// The bytes of the tensor as kernels read it, if a file holds them.
    fn stored(&self) -> Option<&Stored> {
        None
    }

    /// The bytes of scales of groups of a matrix's columns as kernels read them, if a file holds them.
    fn stored_scales(&self) -> Option<&Stored> {
        None
    }
}
