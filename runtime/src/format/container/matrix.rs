//! Matrices and tables of a container as kernels read them: trits that are unpacked when they are wanted.

use crate::error::{FileError, TensorFault};
use crate::tensor::{Stored, TritRows, words};
use atome_kernels::packing::{self, matrix::Matrix};
use atome_spec::Packing;
use atome_spec::layout::{BLOCK_ROWS, embed_row_bytes};
use std::ops::Range;

/// A matrix in blocks of rows, as kernels read it.
#[derive(Debug)]
pub(super) struct TiledMatrix {
    pub(super) name: String,
    pub(super) shape: (usize, usize),
    pub(super) packing: Packing,
    /// Columns that have a scale of their own, if groups of them have.
    pub(super) group: Option<usize>,
    pub(super) stored: Stored,
}

impl TiledMatrix {
    /// So many of its rows, packed.
    fn packed(&self, rows: usize) -> Matrix {
        Matrix {
            packing: self.packing,
            rows,
            cols: self.shape.1,
            group: self.group,
        }
    }
}

impl TritRows for TiledMatrix {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        let (all_rows, cols) = self.shape;
        assert!(rows.end <= all_rows, "within the matrix");
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        if rows.is_empty() {
            return Ok(());
        }
        // Whole blocks are matrices of their own.
        let first = rows.start / BLOCK_ROWS * BLOCK_ROWS;
        let end = all_rows.min(rows.end.next_multiple_of(BLOCK_ROWS));
        let bytes_before = |row| 4 * self.packed(row).words();
        let mut bytes = vec![0; bytes_before(end) - bytes_before(first)];
        self.stored.read(bytes_before(first), &mut bytes)?;
        let words: Vec<u32> = words(&bytes).collect();
        let unpack = |trits: &mut [i8]| {
            let unpacked = self.packed(end - first).unpack_into(&words, trits);
            unpacked.map_err(|cause| {
                FileError::tensor(
                    &self.name,
                    TensorFault::Words {
                        offset: self.stored.offset() + bytes_before(first) as u64,
                        cause,
                    },
                )
            })
        };
        if (first, end) == (rows.start, rows.end) {
            return unpack(trits);
        }
        let mut blocks = vec![0; (end - first) * cols];
        unpack(&mut blocks)?;
        let skipped = (rows.start - first) * cols;
        trits.copy_from_slice(&blocks[skipped..skipped + trits.len()]);
        Ok(())
    }

    fn stored(&self, packing: Packing) -> Option<&Stored> {
        (packing == self.packing).then_some(&self.stored)
    }
}

/// A table row by row, as kernels read it.
#[derive(Debug)]
pub(super) struct TritTable {
    pub(super) name: String,
    pub(super) shape: (usize, usize),
    pub(super) packing: Packing,
    pub(super) stored: Stored,
}

impl TritRows for TritTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        let (all_rows, cols) = self.shape;
        assert!(rows.end <= all_rows, "within the table");
        let row_bytes = embed_row_bytes(self.packing, cols);
        let mut bytes = vec![0; rows.len() * row_bytes];
        let start = rows.start * row_bytes;
        self.stored.read(start, &mut bytes)?;
        let words: Vec<u32> = words(&bytes).collect();
        let unpacked = packing::embed::unpack_into(self.packing, &words, rows.len(), cols, trits);
        unpacked.map_err(|cause| {
            let offset = self.stored.offset() + start as u64;
            FileError::tensor(&self.name, TensorFault::Words { offset, cause })
        })
    }

    fn stored(&self, packing: Packing) -> Option<&Stored> {
        (packing == self.packing).then_some(&self.stored)
    }
}
