//! What of a session's slot is saved: the tensors that carry something from token to token, without padding and without
//! scratch, so that a saved state depends on the model alone. Caches lie in a slot as kernels read them, and row by row in a
//! saved state.

use super::{Size, Tensor, TensorInfo};
use crate::PrepareError;
use crate::graph::{CacheLayout, Heads};
use atome_spec::{CacheType, LANES};
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

    /// What the caches hold: f16 if any do.
    pub(crate) fn caches(&self) -> CacheType {
        let held = self.pieces.iter().map(Piece::held);
        held.max().unwrap_or_default()
    }

    /// What the state at this offset of a slot holds.
    pub(super) fn cache_type(&self, offset: usize) -> CacheType {
        let piece = self.pieces.iter().find(|piece| piece.slot == offset);
        piece.map_or(CacheType::F32, Piece::held)
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
    fn held(&self) -> CacheType {
        let held = self.cache.and_then(|(_, layout)| layout.held());
        held.unwrap_or_default()
    }

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
            Some((_, CacheLayout::Values(heads))) => used * self.pieces(heads),
            Some((_, CacheLayout::Blocks)) if self.rows == 1 => 1,
            Some(_) => self.rows * used.div_ceil(LANES).max(1),
            None => 1,
        }
    }

    /// Runs of a value, of all heads.
    fn pieces(&self, Heads { head_dim, held }: Heads) -> usize {
        let words = held.value_words(head_dim);
        self.width.checked_div(words).unwrap_or(0) * words.div_ceil(together(held))
    }

    fn run(&self, n: usize, used: usize) -> Run {
        let Some((window, layout)) = self.cache else {
            return Run {
                slot: 0,
                saved: 0,
                len: self.width,
            };
        };
        match layout {
            CacheLayout::Values(heads) => {
                self.run_of_values(n, used, (heads, layout.capacity(window)))
            }
            CacheLayout::Blocks if self.rows == 1 => Run {
                slot: 0,
                saved: 0,
                len: used * self.width,
            },
            // Positions of a row: a block lies together.
            CacheLayout::Blocks | CacheLayout::Keys(_) => {
                let blocks = used.div_ceil(LANES).max(1);
                let (row, first) = (n / blocks, n % blocks * LANES);
                let slot = match layout {
                    CacheLayout::Keys(heads) => key_row(heads, layout.capacity(window), row, first),
                    _ => (first * self.rows + row * LANES) * self.width,
                };
                Run {
                    slot,
                    saved: (row * window + first) * self.width,
                    len: (used - first).min(LANES) * self.width,
                }
            }
        }
    }

    fn run_of_values(&self, n: usize, used: usize, (heads, capacity): (Heads, usize)) -> Run {
        let Heads { head_dim, held } = heads;
        let (words, pieces) = (held.value_words(head_dim), self.pieces(heads).max(1));
        let of_head = words.div_ceil(together(held)).max(1);
        let (position, piece) = (n / pieces, n % pieces);
        let (head, first) = (piece / of_head, piece % of_head * together(held));
        let run = held.value_run(head_dim, position, first);
        Run {
            slot: head * capacity * words + run.word,
            saved: position * self.width + head * words + first,
            len: if used == 0 { 0 } else { run.len },
        }
    }
}

/// Words of a value that lie together.
const fn together(held: CacheType) -> usize {
    CacheType::VALUE_COLS / held.per_word()
}

/// The word of a position in a row of the keys: in f32 that of an element, in f16 a line of a block.
fn key_row(heads: Heads, capacity: usize, row: usize, position: usize) -> usize {
    let Heads { head_dim, held } = heads;
    let words = held.key_words(head_dim);
    let (head, own) = (row / words, row % words);
    let of_head = match held {
        CacheType::F32 => held.key(head_dim, position, own).word,
        CacheType::F16 => held.key_line(head_dim, position, own),
    };
    head * capacity * words + of_head
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

    /// Heads of a cache lie apart, and their words in the order in which they are read.
    #[test]
    fn caches_of_heads_are_saved_row_by_row() {
        for (held, head_dim) in [
            (CacheType::F32, 83),
            (CacheType::F16, 83),
            (CacheType::F16, 1),
        ] {
            are_saved_row_by_row(Heads { head_dim, held });
        }
    }

    fn are_saved_row_by_row(of: Heads) {
        let Heads { head_dim, held } = of;
        let (heads, window, capacity) = (2, 70, 128);
        let words = [held.key_words(head_dim), held.value_words(head_dim)];
        let rows = words.map(|words| heads * words);
        let tensor = |offset: usize, words: usize| TensorInfo {
            name: String::new(),
            section: Section::State,
            offset: 4 * offset,
            bytes: 4 * words,
        };
        let slots = rows.map(|row| row * capacity);
        let tensors = [tensor(0, slots[0]), tensor(slots[0], slots[1])];
        let kept = |i, rows, width, cache| Kept {
            tensor: Tensor(i),
            rows,
            width,
            cache: Some(cache),
        };
        let kept = [
            kept(0, rows[0], 1, CacheLayout::Keys(of)),
            kept(1, 1, rows[1], CacheLayout::Values(of)),
        ];
        let saved = Saved::new(&kept, &tensors, window, 0).expect("small");
        assert_eq!(saved.bytes(), 4 * window * (rows[0] + rows[1]));
        for used in [0, 1, 16, 17, 64, 65, 70] {
            // What each word of a slot is saved as.
            let mut to = vec![None; slots[0] + slots[1]];
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
            assert_eq!(to.iter().flatten().count(), used * (rows[0] + rows[1]));
            for (position, head) in (0..used).flat_map(|p| (0..heads).map(move |head| (p, head))) {
                for row in 0..words[0] {
                    let key = head * capacity * words[0] + key_row(of, capacity, row, position);
                    let row = head * words[0] + row;
                    assert_eq!(to[key], Some(row * window + position));
                }
                for word in 0..words[1] {
                    let run = held.value_run(head_dim, position, word);
                    let value = slots[0] + head * capacity * words[1] + run.word;
                    let at = position * rows[1] + head * words[1] + word;
                    assert_eq!(to[value], Some(rows[0] * window + at));
                }
            }
        }
    }
}
