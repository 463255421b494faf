//! Matrices of a container: trits that are unpacked when they are wanted.

use crate::error::LoadError;
use crate::format::bitmamba2::words;
use crate::format::source::{Stored, TritRows};
use crate::format::trits;
use atome_kernels::packing;
use atome_spec::Packing;
use atome_spec::layout::{BLOCK_ROWS, gemv_words};
use std::ops::Range;

/// A matrix row after row without gaps.
#[derive(Debug)]
pub(super) struct DenseMatrix {
    pub(super) name: String,
    pub(super) shape: (usize, usize),
    pub(super) packing: trits::Packing,
    pub(super) stored: Stored,
}

impl TritRows for DenseMatrix {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), LoadError> {
        let (all_rows, cols) = self.shape;
        assert!(rows.end <= all_rows, "within the matrix");
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        let per_byte = self.packing.per_byte();
        // Whole bytes are unpacked; the last one of the matrix is padded.
        let first = rows.start * cols / per_byte;
        let end = (rows.end * cols).div_ceil(per_byte);
        let mut bytes = vec![0; end - first];
        self.stored.read(first, &mut bytes)?;
        let whole = (all_rows * cols).min(end * per_byte) - first * per_byte;
        let at = self.stored.offset() + first as u64;
        let unpacked = self.packing.unpack_at(&self.name, &bytes, at, whole)?;
        let skipped = rows.start * cols - first * per_byte;
        trits.copy_from_slice(&unpacked[skipped..skipped + trits.len()]);
        Ok(())
    }
}

/// A matrix in blocks of rows, as kernels read it.
#[derive(Debug)]
pub(super) struct TiledMatrix {
    pub(super) name: String,
    pub(super) shape: (usize, usize),
    pub(super) packing: Packing,
    pub(super) stored: Stored,
}

impl TritRows for TiledMatrix {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), LoadError> {
        let (all_rows, cols) = self.shape;
        assert!(rows.end <= all_rows, "within the matrix");
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        if rows.is_empty() {
            return Ok(());
        }
        // Whole blocks are matrices of their own.
        let first = rows.start / BLOCK_ROWS * BLOCK_ROWS;
        let end = all_rows.min(rows.end.next_multiple_of(BLOCK_ROWS));
        let bytes_before = |row| 4 * gemv_words(self.packing, row, cols);
        let mut bytes = vec![0; bytes_before(end) - bytes_before(first)];
        self.stored.read(bytes_before(first), &mut bytes)?;
        let words: Vec<u32> = words(&bytes).collect();
        let unpack = |trits: &mut [i8]| {
            let rows = end - first;
            let unpacked = packing::matrix::unpack_into(self.packing, &words, rows, cols, trits);
            unpacked.map_err(|cause| LoadError::Stored {
                tensor: self.name.clone(),
                offset: self.stored.offset() + bytes_before(first) as u64,
                cause,
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
