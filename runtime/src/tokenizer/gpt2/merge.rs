//! The tokens of a piece: its bytes, of which the pair that is the token of lowest id becomes that token, again and
//! again; of equals the leftmost.

use super::Ids;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The longest token, in bytes.
const LONGEST: usize = 128;

/// A longer piece is merged in parts of so many bytes, which bounds the memory. No text of words has one.
const MAX_PIECE_BYTES: usize = 1 << 24;

/// A part that another has swallowed.
const GONE: u32 = 0;

/// Merges pieces. Its memory, about 20 bytes a byte of a piece, serves one after the other.
pub(super) struct Merger<'i> {
    ids: &'i Ids,
    /// For each byte of the piece that starts a part: where the part ends.
    ends: Vec<u32>,
    /// And where the part before it starts.
    before: Vec<u32>,
    /// Pairs that are tokens: the id, the start, the end. Some are of parts that are no more.
    pairs: BinaryHeap<Reverse<(u32, u32, u32)>>,
}

impl<'i> Merger<'i> {
    pub(super) fn new(ids: &'i Ids) -> Merger<'i> {
        Merger {
            ids,
            ends: Vec::new(),
            before: Vec::new(),
            pairs: BinaryHeap::new(),
        }
    }

    /// Appends the tokens of a piece, in time `n log n`.
    pub(super) fn merge(&mut self, piece: &[u8], tokens: &mut Vec<u32>) {
        for part in piece.chunks(MAX_PIECE_BYTES) {
            self.start(part);
            while let Some(Reverse((_, start, end))) = self.pairs.pop() {
                self.join(part, start, end);
            }
            let mut start = 0;
            while start < part.len() {
                let end = self.ends[start] as usize;
                // Every byte is a token, and parts are joined only to tokens.
                tokens.push(self.ids[&part[start..end]]);
                start = end;
            }
        }
    }

    /// A part for each byte.
    fn start(&mut self, piece: &[u8]) {
        // A piece is at most `MAX_PIECE_BYTES` long.
        let length = piece.len() as u32;
        self.ends.clear();
        self.ends.extend(1..=length);
        self.before.clear();
        self.before.extend((0..length).map(|i| i.saturating_sub(1)));
        for start in 0..length {
            self.find(piece, start);
        }
    }

    /// Notes the pair that starts at a part, if it is a token.
    fn find(&mut self, piece: &[u8], start: u32) {
        let middle = self.ends[start as usize];
        let Some(&end) = self.ends.get(middle as usize) else {
            return;
        };
        let pair = &piece[start as usize..end as usize];
        if pair.len() > LONGEST {
            return;
        }
        if let Some(&id) = self.ids.get(pair) {
            self.pairs.push(Reverse((id, start, end)));
        }
    }

    /// Makes one part of the two from `start` to `end`, if they are still there.
    fn join(&mut self, piece: &[u8], start: u32, end: u32) {
        let middle = self.ends[start as usize];
        if middle == GONE || self.ends.get(middle as usize) != Some(&end) {
            return;
        }
        self.ends[start as usize] = end;
        self.ends[middle as usize] = GONE;
        if let Some(before) = self.before.get_mut(end as usize) {
            *before = start;
        }
        self.find(piece, start);
        if start > 0 {
            self.find(piece, self.before[start as usize]);
        }
    }
}
