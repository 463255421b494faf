//! What of a session's slot is saved: the tensors that carry something from token to token, without padding and without
//! scratch, so that a saved state depends on the model alone.

use super::{Size, Tensor, TensorInfo};
use crate::PrepareError;
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

/// The rows of a kept tensor.
#[derive(Debug)]
struct Piece {
    rows: usize,
    /// First byte in the slot, and the distance between rows.
    slot: (usize, usize),
    /// First byte in the saved state; its rows have no gaps.
    saved: usize,
    /// Bytes of a row, or of a position in it.
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
            let place = &tensors[kept.tensor.0];
            let entry = 4 * kept.width;
            let window = kept.cache.then_some(window);
            pieces.push(Piece {
                rows: kept.rows,
                slot: (place.offset, place.bytes / kept.rows.max(1)),
                saved: addressable(end)?,
                entry,
                window,
            });
            end += Size::from(entry) * window.unwrap_or(1) * kept.rows;
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
    fn spans(&self, seen: u64) -> impl Iterator<Item = Span> {
        let used = match self.window {
            None => 1,
            Some(window) => usize::try_from(seen).map_or(window, |seen| seen.min(window)),
        };
        let (used, room) = (used * self.entry, self.window.unwrap_or(1) * self.entry);
        (0..self.rows).map(move |row| {
            let slot = self.slot.0 + row * self.slot.1;
            let saved = self.saved + row * room;
            Span {
                slot: slot..slot + used,
                saved: saved..saved + room,
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
        // 5 floats; keys `[2, 16]` and values `[16, 3]` of a window of 6.
        let tensors = [tensor(0, 20), tensor(256, 128), tensor(512, 192)];
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
        let saved = Saved::new(&kept, &tensors, 6, 12).expect("small");
        assert_eq!(saved.bytes(), 20 + 2 * 24 + 72 + 12);
        let spans = |seen| -> Vec<(Range<usize>, Range<usize>)> {
            saved.spans(seen).map(|s| (s.slot, s.saved)).collect()
        };
        assert_eq!(
            spans(2),
            [
                (0..20, 0..20),
                (256..264, 20..44),
                (320..328, 44..68),
                (512..536, 68..140),
            ]
        );
        for seen in [6, u64::MAX] {
            assert_eq!(spans(seen)[1], (256..280, 20..44));
            assert_eq!(spans(seen)[3], (512..584, 68..140));
        }
        assert!(saved.zeros().eq(std::iter::once(0..20)));
    }
}
