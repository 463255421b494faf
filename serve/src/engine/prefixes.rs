//! States of beginnings of texts: a prompt that starts like an earlier one is read from where they part.

use crate::packed::Packed;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Tokens, and the state of a session that has taken them in.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) tokens: Arc<[u32]>,
    pub(crate) state: Packed,
}

impl Seen {
    /// Bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Seen>() + 4 * self.tokens.len() + self.state.bytes()
    }
}

/// The states that are kept, up to so many bytes: those that were not used for longest leave.
pub(crate) struct Prefixes {
    limit: usize,
    bytes: usize,
    /// By the hash of their tokens.
    entries: HashMap<u64, Entry>,
    /// How many there are of each length.
    lengths: BTreeMap<usize, usize>,
    /// Hashes by when they were used, the oldest first.
    order: BTreeMap<u64, u64>,
    clock: u64,
}

struct Entry {
    seen: Arc<Seen>,
    used: u64,
}

impl Prefixes {
    pub(crate) fn new(limit: usize) -> Prefixes {
        Prefixes {
            limit,
            bytes: 0,
            entries: HashMap::new(),
            lengths: BTreeMap::new(),
            order: BTreeMap::new(),
            clock: 0,
        }
    }

    /// Bytes and number of what is kept.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.bytes, self.entries.len())
    }

    /// The longest that `tokens` start with.
    pub(crate) fn find(&mut self, tokens: &[u32]) -> Option<Arc<Seen>> {
        let mut hash = Hash::NEW;
        let mut lengths = self.lengths.keys().copied().peekable();
        let mut found = None;
        for (at, token) in tokens.iter().enumerate() {
            hash.add(*token);
            if lengths.next_if_eq(&(at + 1)).is_none() {
                continue;
            }
            let entry = self.entries.get(&hash.0);
            let is_same = |entry: &&Entry| *entry.seen.tokens == tokens[..=at];
            if entry.filter(is_same).is_some() {
                found = Some(hash.0);
            }
        }
        let hash = found?;
        self.clock += 1;
        let entry = self.entries.get_mut(&hash)?;
        self.order.remove(&entry.used);
        self.order.insert(self.clock, hash);
        entry.used = self.clock;
        Some(Arc::clone(&entry.seen))
    }

    /// Whether exactly these tokens are there.
    pub(crate) fn has(&self, tokens: &[u32]) -> bool {
        let entry = self.entries.get(&Hash::of(tokens));
        entry.is_some_and(|entry| *entry.seen.tokens == *tokens)
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.limit > 0
    }

    /// Keeps a state, if there is room for it at all.
    pub(crate) fn keep(&mut self, seen: Arc<Seen>) {
        let bytes = seen.bytes();
        if bytes > self.limit {
            return;
        }
        let hash = Hash::of(&seen.tokens);
        self.remove(hash);
        while self.bytes + bytes > self.limit {
            let Some((_, &oldest)) = self.order.first_key_value() else {
                break;
            };
            self.remove(oldest);
        }
        self.clock += 1;
        self.bytes += bytes;
        *self.lengths.entry(seen.tokens.len()).or_default() += 1;
        self.order.insert(self.clock, hash);
        let used = self.clock;
        self.entries.insert(hash, Entry { seen, used });
    }

    fn remove(&mut self, hash: u64) {
        let Some(entry) = self.entries.remove(&hash) else {
            return;
        };
        self.order.remove(&entry.used);
        self.bytes -= entry.seen.bytes();
        let length = entry.seen.tokens.len();
        if let Some(count) = self.lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }
}

/// A hash of tokens, one after the other. What is found by it is compared.
struct Hash(u64);

impl Hash {
    const NEW: Hash = Hash(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, token: u32) {
        let mixed = (self.0 ^ u64::from(token)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }

    fn of(tokens: &[u32]) -> u64 {
        let mut hash = Hash::NEW;
        tokens.iter().for_each(|token| hash.add(*token));
        hash.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tokens: &[u32]) -> Arc<Seen> {
        let state = Packed::new(&[1; 1000]);
        let tokens = tokens.into();
        Arc::new(Seen { tokens, state })
    }

    #[test]
    fn the_longest_beginning_is_found() {
        let mut prefixes = Prefixes::new(1 << 20);
        for tokens in [&[1, 2][..], &[1, 2, 3], &[1, 2, 3, 4, 5], &[9]] {
            prefixes.keep(seen(tokens));
            prefixes.keep(seen(tokens));
        }
        assert_eq!(prefixes.size().1, 4);
        let mut length = |tokens: &[u32]| prefixes.find(tokens).map(|seen| seen.tokens.len());
        assert_eq!(length(&[1, 2, 3, 4]), Some(3));
        assert_eq!(length(&[1, 2, 3, 4, 5]), Some(5));
        assert_eq!(length(&[1, 2, 4, 4, 5]), Some(2));
        assert_eq!(length(&[1]), None);
        assert_eq!(length(&[]), None);
        assert_eq!(length(&[9, 9]), Some(1));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_leave() {
        let one = seen(&[0]).bytes();
        let mut prefixes = Prefixes::new(3 * one);
        for token in 0..3 {
            prefixes.keep(seen(&[token]));
        }
        assert!(prefixes.find(&[0, 7]).is_some());
        prefixes.keep(seen(&[3]));
        assert!(prefixes.has(&[0]) && prefixes.has(&[3]) && !prefixes.has(&[1]));
        assert_eq!(prefixes.size(), (3 * one, 3));
        // What is larger than all is not kept, and nothing leaves for it.
        prefixes.keep(seen(&[5; 2000]));
        assert_eq!(prefixes.size(), (3 * one, 3));
        let mut none = Prefixes::new(0);
        none.keep(seen(&[1]));
        assert!(!none.is_on() && none.size() == (0, 0));
    }
}
