//! Parts of a container's tensors, which threads pack and check by themselves.

use super::layout::{Encoding, Piece};
use std::ops::Range;

/// Bytes of a part, about: long enough to outlast its overhead, short enough for the cache.
const PART_BYTES: usize = 1 << 19;

/// Some rows of a tensor.
#[derive(Debug, Clone)]
pub(super) struct Part<'p> {
    /// Number of the tensor in its file.
    pub(super) number: usize,
    pub(super) piece: &'p Piece,
    pub(super) rows: Range<usize>,
    /// Where its bytes are in its tensor; the last part has what pads the tensor too.
    pub(super) bytes: Range<usize>,
}

impl Encoding {
    /// Cuts tensors into parts, in the order of their bytes.
    pub(super) fn parts(self, pieces: &[Piece]) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let (rows, step) = (piece.kind.rows(), self.step(piece.kind));
            let step_bytes = self.bytes_of(piece.kind, step).max(1);
            let step = (PART_BYTES / step_bytes).max(1) * step;
            for start in (0..rows).step_by(step) {
                let rows = start..rows.min(start.saturating_add(step));
                let bytes = self.bytes_of_rows(piece, rows.clone());
                parts.push(Part {
                    number,
                    piece,
                    rows,
                    bytes,
                });
            }
        }
        parts
    }

    fn bytes_of_rows(self, piece: &Piece, rows: Range<usize>) -> Range<usize> {
        let end = if rows.end == piece.kind.rows() {
            piece.entry.bytes() as usize
        } else {
            self.bytes_of(piece.kind, rows.end)
        };
        self.bytes_of(piece.kind, rows.start)..end
    }
}
