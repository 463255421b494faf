//! What of a session's slot is saved: the tensors that carry something from token to token, without padding and without
//! scratch, so that a saved state depends on the model alone. Caches lie in blocks of positions in a slot, as kernels read
//! them, and row by row in a saved state.

use super::{Size, Tensor, TensorInfo};
use crate::PrepareError;
use atome_spec::LANES;
use std::ops::Range;

/// A tensor that a session keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub tensor: Tensor,
    /// Rows of the tensor.
    pub rows: usize,
    /// Elements of a row, or of a position in it.
    pub width: usize,
    /// Whether a row is a cache of `width` elements for each position of the window.
    pub cache: bool,
}

/// Where the kept tensors lie in a slot, and where in a saved state, behind its header.
#[derive(Debug)]
pub(crate) struct Saved {
    pieces: Vec<Piece>,
    /// Bytes of all, the output's row among them.
    bytes: usize,
}

/// A kept tensor.
#[derive(Debug)]
struct Piece {
    /// Rows of a cache; else one.
    rows: usize,
    /// First byte in the slot.
    slot: usize,
    /// First byte in the saved state; its rows have no gaps.
    saved: usize,
    /// Bytes of a position in a row, or of all.
    entry: usize,
    /// Positions of a row that a saved state has room for; `None` if it is no cache.
    window: Option<usize>,
}

/// Bytes that are in use, and their place in a saved state. What the place is longer is 0.
#[derive(Debug)]
pub(crate) struct Span {
    pub slot: Range<usize>,
    pub saved: Range<usize>,
}

impl Saved {
    /// The layout of `kept`, with room for `window` positions and for `output_bytes` at the end.
    ///
    /// # Errors
    /// If a saved state is larger than this machine can address.
    pub(super) fn new(
        kept: &[Kept],
        tensors: &[TensorInfo],
        window: usize,
        output_bytes: usize,
    ) -> Result<Saved, PrepareError> {
        let mut end = Size::ZERO;
        let mut pieces = Vec::with_capacity(kept.len());
        for kept in kept {
            let window = kept.cache.then_some(window);
            let (rows, width) = match window {
                Some(_) => (kept.rows, kept.width),
                None => (1, kept.rows * kept.width),
            };
            pieces.push(Piece {
                rows,
                slot: tensors[kept.tensor.0].offset,
                saved: addressable(end)?,
                entry: 4 * width,
                window,
            });
            end += Size::from(4 * width) * window.unwrap_or(1) * rows;
        }
        let bytes = addressable(end + Size::from(output_bytes))?;
        Ok(Saved { pieces, bytes })
    }

    /// Bytes behind the header of a saved state.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is in use after `seen` tokens.
    pub(crate) fn spans(&self, seen: u64) -> impl Iterator<Item = Span> {
        self.pieces.iter().flat_map(move |piece| piece.spans(seen))
    }

    /// Each tensor whole: spans are parts of these.
    pub(crate) fn extents(&self) -> impl Iterator<Item = Span> {
        self.pieces.iter().map(Piece::extent)
    }

    /// What a session without tokens has as zeros.
    pub(crate) fn zeros(&self) -> impl Iterator<Item = Range<usize>> {
        // Nobody reads the positions of a cache that were not written.
        let pieces = self.pieces.iter().filter(|piece| piece.window.is_none());
        pieces
            .flat_map(|piece| piece.spans(0))
            .map(|span| span.slot)
    }
}

impl Piece {
    fn extent(&self) -> Span {
        let window = self.window.unwrap_or(1);
        let capacity = self
            .window
            .map_or(1, |window| window.next_multiple_of(LANES));
        let bytes = |positions: usize| positions * self.rows * self.entry;
        Span {
            slot: self.slot..self.slot + bytes(capacity),
            saved: self.saved..self.saved + bytes(window),
        }
    }

    /// Row by row, and in each row block by block, as far as they are in use.
    fn spans(&self, seen: u64) -> impl Iterator<Item = Span> {
        let window = self.window.unwrap_or(1);
        let used = match self.window {
            None => 1,
            Some(window) => usize::try_from(seen).map_or(window, |seen| seen.min(window)),
        };
        // The blocks of a single row lie one directly after the other.
        let block = if self.rows == 1 { window } else { LANES };
        let blocks = used.div_ceil(block).max(1);
        let each = (0..self.rows).flat_map(move |row| (0..blocks).map(move |n| (row, n)));
        each.map(move |(row, n)| {
            let first = n * block;
            let slot = self.slot + (n * self.rows + row) * block * self.entry;
            let saved = |position: usize| self.saved + (row * window + position) * self.entry;
            let end = if n + 1 == blocks {
                window
            } else {
                first + block
            };
            Span {
                slot: slot..slot + (used - first).min(block) * self.entry,
                saved: saved(first)..saved(end),
            }
        })
    }
}

fn addressable(size: Size) -> Result<usize, PrepareError> {
    let bytes = size.get();
    size.addressable()
        .ok_or(PrepareError::ArenaMemory { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Section;

    #[test]
    fn spans_are_what_was_used() {
        let tensor = |offset, bytes| TensorInfo {
            name: String::new(),
            section: Section::State,
            offset,
            bytes,
        };
        // 5 floats; keys `[2, 2, 16]` and values `[32, 3]` of a window of 20.
        let tensors = [tensor(0, 20), tensor(256, 256), tensor(512, 384)];
        let kept = |i, rows, width, cache| Kept {
            tensor: Tensor(i),
            rows,
            width,
            cache,
        };
        let kept = [
            kept(0, 1, 5, false),
            kept(1, 2, 1, true),
            kept(2, 1, 3, true),
        ];
        let saved = Saved::new(&kept, &tensors, 20, 12).expect("small");
        assert_eq!(saved.bytes(), 20 + 2 * 80 + 240 + 12);
        let spans = |seen| -> Vec<(Range<usize>, Range<usize>)> {
            saved.spans(seen).map(|s| (s.slot, s.saved)).collect()
        };
        assert_eq!(
            spans(2),
            [
                (0..20, 0..20),
                (256..264, 20..100),
                (320..328, 100..180),
                (512..536, 180..420),
            ]
        );
        let most = [
            (0..20, 0..20),
            // The first 16 positions of a row, then the others.
            (256..320, 20..84),
            (384..400, 84..100),
            (320..384, 100..164),
            (448..464, 164..180),
            (512..752, 180..420),
        ];
        assert_eq!(spans(20), most);
        assert_eq!(spans(u64::MAX), most);
        assert!(saved.zeros().eq(std::iter::once(0..20)));
        // All of a saved state is some span's, and what is copied lies within its tensor.
        let extents: Vec<Span> = saved.extents().collect();
        let places = extents.iter().map(|e| (e.slot.clone(), e.saved.clone()));
        assert!(places.eq([(0..20, 0..20), (256..512, 20..180), (512..896, 180..420)]));
        for seen in 0..22 {
            let spans = spans(seen);
            let end = spans.iter().fold(0, |end, (_, saved)| {
                assert_eq!(saved.start, end);
                saved.end
            });
            assert_eq!(end, 420);
            let within = |slot: &Range<usize>| {
                let holds = |e: &Span| e.slot.start <= slot.start && slot.end <= e.slot.end;
                extents.iter().any(holds)
            };
            assert!(spans.iter().all(|(slot, _)| within(slot)), "{seen}");
        }
    }
}
