//! What of a session's slot is saved: the tensors that carry something from token to token, without padding and without
//! scratch, so that a saved state depends on the model alone. Caches lie in a slot as kernels read them, and row by row in a
//! saved state.

use super::{Size, Tensor, TensorInfo};
use crate::PrepareError;
use crate::graph::CacheLayout;
use atome_spec::LANES;
use atome_spec::layout::{VALUE_COLS, cached_key, cached_value};
use std::ops::Range;

/// A tensor that a session keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub tensor: Tensor,
    /// Rows of the tensor.
    pub rows: usize,
    /// Elements of a row, or of a position in it.
    pub width: usize,
    /// How the rows lie if they have `width` elements for each position of the window.
    pub cache: Option<CacheLayout>,
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
    /// Elements of a position in a row, or all.
    width: usize,
    /// Positions of a row that a saved state has room for, and how they lie in the slot; `None` if it is no cache.
    cache: Option<(usize, CacheLayout)>,
}

/// Elements that lie together.
struct Run {
    slot: usize,
    saved: usize,
    len: usize,
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
            let cache = kept.cache.map(|layout| (window, layout));
            let (rows, width) = match cache {
                Some(_) => (kept.rows, kept.width),
                None => (1, kept.rows * kept.width),
            };
            pieces.push(Piece {
                rows,
                slot: tensors[kept.tensor.0].offset,
                saved: addressable(end)?,
                width,
                cache,
            });
            end += Size::from(4 * width) * cache.map_or(1, |(window, _)| window) * rows;
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
        let pieces = self.pieces.iter().filter(|piece| piece.cache.is_none());
        pieces
            .flat_map(|piece| piece.spans(0))
            .map(|span| span.slot)
    }
}

impl Piece {
    fn extent(&self) -> Span {
        let (window, capacity) = self
            .cache
            .map_or((1, 1), |(window, layout)| (window, layout.capacity(window)));
        let bytes = |positions: usize| 4 * positions * self.rows * self.width;
        Span {
            slot: self.slot..self.slot + bytes(capacity),
            saved: self.saved..self.saved + bytes(window),
        }
    }

    /// Row by row, and in each row in the order of the positions, as far as they are in use.
    fn spans(&self, seen: u64) -> impl Iterator<Item = Span> {
        let used = self.cache.map_or(1, |(window, _)| {
            usize::try_from(seen).map_or(window, |seen| seen.min(window))
        });
        let (count, end) = (self.runs(used).max(1), self.extent().saved.end);
        (0..count).map(move |n| {
            let run = self.run(n, used);
            let saved = |run: &Run| self.saved + 4 * run.saved;
            let next = (n + 1 < count).then(|| saved(&self.run(n + 1, used)));
            let slot = self.slot + 4 * run.slot;
            Span {
                slot: slot..slot + 4 * run.len,
                saved: saved(&run)..next.unwrap_or(end),
            }
        })
    }

    /// How many runs there are in `used` positions.
    fn runs(&self, used: usize) -> usize {
        match self.cache {
            Some((_, CacheLayout::Heads { head_dim })) if self.rows == 1 => {
                used * self.pieces(head_dim)
            }
            // The blocks of a single row lie one directly after the other.
            Some(_) if self.rows > 1 => self.rows * used.div_ceil(LANES).max(1),
            _ => 1,
        }
    }

    /// Runs of a value.
    fn pieces(&self, head_dim: usize) -> usize {
        self.width / head_dim * head_dim.div_ceil(VALUE_COLS)
    }

    fn run(&self, n: usize, used: usize) -> Run {
        let Some((window, layout)) = self.cache else {
            return Run {
                slot: 0,
                saved: 0,
                len: self.width,
            };
        };
        let capacity = layout.capacity(window);
        match layout {
            CacheLayout::Heads { head_dim } if self.rows == 1 => {
                let pieces = self.pieces(head_dim);
                let (position, piece) = (n / pieces, n % pieces);
                let of_head = head_dim.div_ceil(VALUE_COLS);
                let (head, first) = (piece / of_head, piece % of_head * VALUE_COLS);
                let (place, more) = cached_value(head_dim, position, first);
                Run {
                    slot: head * capacity * head_dim + place,
                    saved: position * self.width + head * head_dim + first,
                    len: if used == 0 { 0 } else { more + 1 },
                }
            }
            CacheLayout::Blocks if self.rows == 1 => Run {
                slot: 0,
                saved: 0,
                len: used * self.width,
            },
            _ => {
                let blocks = used.div_ceil(LANES).max(1);
                let (row, first) = (n / blocks, n % blocks * LANES);
                let slot = match layout {
                    CacheLayout::Blocks => (first * self.rows + row * LANES) * self.width,
                    CacheLayout::Heads { head_dim } => {
                        let (head, i) = (row / head_dim, row % head_dim);
                        head * capacity * head_dim + cached_key(head_dim, first, i)
                    }
                };
                Run {
                    slot,
                    saved: (row * window + first) * self.width,
                    len: (used - first).min(LANES) * self.width,
                }
            }
        }
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
            kept(0, 1, 5, None),
            kept(1, 2, 1, Some(CacheLayout::Blocks)),
            kept(2, 1, 3, Some(CacheLayout::Blocks)),
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

    /// Heads of a cache lie apart, and their elements in the order in which they are read.
    #[test]
    fn caches_of_heads_are_saved_row_by_row() {
        let (heads, head_dim, window, capacity) = (2, 83, 70, 128);
        let row = heads * head_dim;
        let tensor = |n: usize| TensorInfo {
            name: String::new(),
            section: Section::State,
            offset: n * 4 * row * capacity,
            bytes: 4 * row * capacity,
        };
        let tensors = [tensor(0), tensor(1)];
        let kept = |i, rows, width| Kept {
            tensor: Tensor(i),
            rows,
            width,
            cache: Some(CacheLayout::Heads { head_dim }),
        };
        let saved = Saved::new(&[kept(0, row, 1), kept(1, 1, row)], &tensors, window, 0);
        let saved = saved.expect("small");
        assert_eq!(saved.bytes(), 2 * 4 * row * window);
        for used in [0, 1, 16, 17, 64, 65, 70] {
            // What each element of a slot is saved as.
            let mut to = vec![None; 2 * row * capacity];
            let mut end = 0;
            for span in saved.spans(used as u64) {
                assert_eq!(span.saved.start, end);
                end = span.saved.end;
                for (n, byte) in span.slot.step_by(4).enumerate() {
                    let place = &mut to[byte / 4];
                    assert_eq!(place.replace(span.saved.start / 4 + n), None, "{byte}");
                }
            }
            assert_eq!(end, saved.bytes());
            assert_eq!(to.iter().flatten().count(), 2 * row * used);
            for (position, i) in (0..used).flat_map(|p| (0..row).map(move |i| (p, i))) {
                let (head, i) = (i / head_dim, i % head_dim);
                let first = head * capacity * head_dim;
                let key = first + cached_key(head_dim, position, i);
                let value = row * capacity + first + cached_value(head_dim, position, i).0;
                let element = head * head_dim + i;
                assert_eq!(to[key], Some(element * window + position));
                assert_eq!(to[value], Some(row * window + position * row + element));
            }
        }
    }
}
