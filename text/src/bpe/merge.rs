//! The tokens of a piece: of the neighbours that merge those of lowest rank become one, again and again; of equals the
//! leftmost.

use super::pairs::Pairs;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A symbol without a token. None merges with it, and it is left out of the tokens.
pub(super) const NO_TOKEN: u32 = u32::MAX;

/// A shorter piece is searched from end to end for each merge, which is faster than to keep its pairs in order.
const SHORT: usize = 16;

/// Where a part ends that another has swallowed.
const GONE: u32 = 0;

/// Merges the symbols of pieces, one after the other.
///
/// A part of a piece is known by its first symbol. Memory of a long piece is about 30 bytes a symbol.
#[derive(Debug, Default)]
pub(super) struct Merger {
    /// The token of each part.
    pub(super) ids: Vec<u32>,
    /// Of a long piece: where each part ends.
    ends: Vec<u32>,
    /// And where the one before it starts.
    before: Vec<u32>,
    /// Pairs that merge: the rank, the start, the end, the token. Some are of parts that are no more.
    queue: BinaryHeap<Reverse<(u32, u32, u32, u32)>>,
    /// Of a short piece: the rank and the token of each part with the next one.
    next: Vec<(u32, u32)>,
}

/// The rank of what does not merge.
const NEVER: (u32, u32) = (u32::MAX, NO_TOKEN);

impl Merger {
    /// Merges `ids`, in time `n log n`, and appends their tokens. They are gone then.
    pub(super) fn merge(&mut self, pairs: &Pairs, tokens: &mut Vec<u32>) {
        if self.ids.len() < SHORT {
            self.merge_short(pairs);
            tokens.extend(self.ids.iter().filter(|id| **id != NO_TOKEN));
        } else {
            self.merge_long(pairs);
            let mut start = 0;
            while let Some(&id) = self.ids.get(start) {
                tokens.extend(Some(id).filter(|id| *id != NO_TOKEN));
                start = self.ends[start] as usize;
            }
        }
        self.ids.clear();
    }

    fn merge_short(&mut self, pairs: &Pairs) {
        let Merger { ids, next, .. } = self;
        let find = |left, right| pairs.get(left, right).map_or(NEVER, |m| (m.rank, m.id));
        next.clear();
        next.extend(ids.windows(2).map(|pair| find(pair[0], pair[1])));
        while let Some((at, &(rank, id))) = next.iter().enumerate().min_by_key(|(_, next)| next.0)
            && rank != NEVER.0
        {
            ids[at] = id;
            ids.remove(at + 1);
            next.remove(at);
            if at > 0 {
                next[at - 1] = find(ids[at - 1], id);
            }
            if at < next.len() {
                next[at] = find(id, ids[at + 1]);
            }
        }
    }

    fn merge_long(&mut self, pairs: &Pairs) {
        // A piece has less than 2^32 symbols.
        let symbols = self.ids.len() as u32;
        self.ends.clear();
        self.ends.extend(1..=symbols);
        self.before.clear();
        self.before
            .extend((0..symbols).map(|i| i.saturating_sub(1)));
        self.queue.clear();
        for start in 0..symbols {
            self.find(pairs, start);
        }
        while let Some(Reverse((_, start, end, id))) = self.queue.pop() {
            self.join(pairs, (start, end), id);
        }
    }

    /// Notes the pair that starts at a part, if it merges.
    fn find(&mut self, pairs: &Pairs, start: u32) {
        let middle = self.ends[start as usize];
        let Some(&end) = self.ends.get(middle as usize) else {
            return;
        };
        let merge = pairs.get(self.ids[start as usize], self.ids[middle as usize]);
        if let Some(merge) = merge {
            self.queue.push(Reverse((merge.rank, start, end, merge.id)));
        }
    }

    /// Makes one part of the two from `start` to `end`, if they are still there.
    fn join(&mut self, pairs: &Pairs, (start, end): (u32, u32), id: u32) {
        let middle = self.ends[start as usize];
        if middle == GONE || self.ends.get(middle as usize) != Some(&end) {
            return;
        }
        self.ids[start as usize] = id;
        self.ends[start as usize] = end;
        self.ends[middle as usize] = GONE;
        if let Some(before) = self.before.get_mut(end as usize) {
            *before = start;
        }
        self.find(pairs, start);
        if start > 0 {
            self.find(pairs, self.before[start as usize]);
        }
    }
}
