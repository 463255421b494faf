//! Matrices and tables of a container as kernels read them: trits that are unpacked when they are wanted.

use crate::error::{FileError, TensorFault};
use crate::tensor::{Floats, Stored, TritRows, words};
use atome_kernels::packing::{self, matrix::Matrix, scales};
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

/// Scales of groups of a matrix's columns, as kernels read them.
#[derive(Debug)]
pub(super) struct TiledScales {
    pub(super) name: String,
    /// Rows of the matrix, and groups of its columns.
    pub(super) shape: (usize, usize),
    pub(super) stored: Stored,
}

impl Floats for TiledScales {
    fn name(&self) -> &str {
        &self.name
    }

    fn elems(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError> {
        let (all_rows, groups) = self.shape;
        let end = first + values.len();
        assert!(end <= self.elems(), "within the tensor");
        if values.is_empty() {
            return Ok(());
        }
        // Whole blocks have their scales for themselves.
        let start = first / groups / BLOCK_ROWS * BLOCK_ROWS;
        let rows = all_rows.min(end.div_ceil(groups).next_multiple_of(BLOCK_ROWS)) - start;
        let mut bytes = vec![0; 4 * scales::len(rows, groups)];
        self.stored
            .read(4 * scales::len(start, groups), &mut bytes)?;
        let packed: Vec<f32> = words(&bytes).map(f32::from_bits).collect();
        let mut blocks = vec![0.0; rows * groups];
        scales::unpack_into(&packed, rows, groups, &mut blocks);
        values.copy_from_slice(&blocks[first - start * groups..][..values.len()]);
        Ok(())
    }

    fn stored_scales(&self) -> Option<&Stored> {
        Some(&self.stored)
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
