//! Which neighbours merge, when, and into what.

use crate::error::TextError;
use crate::vocabulary::{Index, Kind, Merges, Symbols, Tokens, Vocabulary};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::fmt;

/// The longest token that is tried to be made of two, in bytes.
const MAX_SCORED_BYTES: usize = 1024;

/// What two tokens merge into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    /// Lower ones come first.
    pub(super) rank: u32,
    pub(super) id: u32,
}

/// The merges of a vocabulary.
#[derive(Clone)]
pub(super) struct Pairs(HashMap<u64, Merge, RandomState>);

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairs")
            .field("merges", &self.0.len())
            .finish()
    }
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl Pairs {
    pub(super) fn get(&self, left: u32, right: u32) -> Option<Merge> {
        self.0.get(&key(left, right)).copied()
    }

    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Pairs, TextError> {
        let Vocabulary {
            tokens,
            index,
            merges,
            made,
            settings,
            ..
        } = vocabulary;
        match merges {
            Merges::Listed(pairs) => listed(tokens, index, pairs, made),
            Merges::Scores(scores) => scored(tokens, index, scores, &settings.symbols),
        }
    }
}

/// Pairs in the order of a list, and the tokens that are known to be made of them.
fn listed(
    tokens: &Tokens,
    index: &Index,
    pairs: &[[u32; 2]],
    made: &[Option<u32>],
) -> Result<Pairs, TextError> {
    let mut merges = HashMap::with_capacity_and_hasher(pairs.len(), RandomState::default());
    let mut text = Vec::new();
    for (number, &[left, right]) in pairs.iter().enumerate() {
        let known = made.get(number).copied().flatten();
        let id = known.or_else(|| {
            text.clear();
            text.extend_from_slice(tokens.text(left));
            text.extend_from_slice(tokens.text(right));
            index.get(tokens, &text)
        });
        let id = id.ok_or_else(|| TextError::Merge {
            number,
            expected: "two tokens that are one together",
            found: String::from_utf8_lossy(&text).into_owned(),
        })?;
        let rank = number as u32;
        // Text never becomes a special token on its own.
        if !is_special(tokens, id) {
            merges.insert(key(left, right), Merge { rank, id });
        }
    }
    Ok(Pairs(merges))
}

/// Every pair that is a token, by the score of what it is.
fn scored(
    tokens: &Tokens,
    index: &Index,
    scores: &[f32],
    symbols: &Symbols,
) -> Result<Pairs, TextError> {
    let is_made = |kind| matches!(kind, Kind::Normal | Kind::UserDefined);
    let made = tokens.iter().filter(|(_, _, kind)| is_made(*kind));
    let mut order: Vec<(u32, f32)> = made.map(|(id, ..)| (id, scores[id as usize])).collect();
    order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut merges = HashMap::with_capacity_and_hasher(order.len(), RandomState::default());
    let (mut rank, mut before) = (0, None);
    for (id, score) in order {
        rank += u32::from(before.is_some_and(|before| before != score));
        before = Some(score);
        let text = tokens.text(id);
        if text.len() > MAX_SCORED_BYTES {
            return Err(TextError::Token {
                id: id.into(),
                expected: "at most 1024 bytes",
                found: text.len().to_string(),
            });
        }
        if index.get(tokens, text) != Some(id) {
            continue;
        }
        let is_boundary = |at: &usize| *symbols == Symbols::Bytes || text[*at] & 0xc0 != 0x80;
        for (left, right) in (1..text.len())
            .filter(is_boundary)
            .map(|at| text.split_at(at))
        {
            if let Some(left) = index.get(tokens, left)
                && let Some(right) = index.get(tokens, right)
            {
                merges.insert(key(left, right), Merge { rank, id });
            }
        }
    }
    Ok(Pairs(merges))
}

fn is_special(tokens: &Tokens, id: u32) -> bool {
    tokens.get(id).is_some_and(|(_, kind)| kind.is_special())
}
