//! The tokens of a vocabulary by id, and ids by text.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::BuildHasher;

/// What a token is, numbered as in GGUF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// A part of texts.
    Normal = 1,
    /// Stands for what has no token.
    Unknown = 2,
    /// Controls the model and stands for no text: the beginning of a text, the end of a turn.
    Control = 3,
    /// A text that is always a token of its own.
    UserDefined = 4,
    /// An id without a token.
    Unused = 5,
    /// A byte of a character that has no token.
    Byte = 6,
}

impl Kind {
    /// The kind of this number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::Normal,
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => return None,
        })
    }

    /// Whether text may not become such a token unless it is allowed to.
    #[must_use]
    pub const fn is_special(self) -> bool {
        matches!(self, Kind::Control | Kind::Unknown)
    }
}

/// Byte strings, one after the other.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Strings {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all strings.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn reserve(&mut self, strings: usize, bytes: usize) {
        self.bytes.reserve(bytes);
        self.ends.reserve(strings);
    }

    pub(crate) fn get(&self, number: usize) -> Option<&[u8]> {
        let end = *self.ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => self.ends[before],
            None => 0,
        };
        Some(&self.bytes[start..end])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|number| self.get(number))
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(String::from_utf8_lossy))
            .finish()
    }
}

/// Tokens by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// What texts are made of: the bytes of a byte-level token, the characters of others; of special ones their names.
    pub(crate) text: Strings,
    pub(crate) kinds: Vec<Kind>,
}

impl Tokens {
    pub(crate) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn reserve(&mut self, tokens: usize, bytes: usize) {
        self.text.reserve(tokens, bytes);
        self.kinds.reserve(tokens);
    }

    pub(crate) fn push(&mut self, text: &[u8], kind: Kind) {
        self.text.push(text);
        self.kinds.push(kind);
    }

    pub(crate) fn get(&self, id: u32) -> Option<(&[u8], Kind)> {
        let id = usize::try_from(id).ok()?;
        Some((self.text.get(id)?, *self.kinds.get(id)?))
    }

    pub(crate) fn text(&self, id: u32) -> &[u8] {
        self.get(id).map(|(text, _)| text).unwrap_or_default()
    }

    /// Ids with their texts and kinds.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8], Kind)> {
        let all = self.text.iter().zip(&self.kinds);
        (0..).zip(all).map(|(id, (text, kind))| (id, text, *kind))
    }
}

/// Whether a token of this kind is found by its text.
fn is_indexed(kind: Kind) -> bool {
    kind != Kind::Unused && kind != Kind::Byte
}

/// The ids of texts.
#[derive(Clone)]
pub(crate) struct Index {
    ids: HashTable<u32>,
    hasher: RandomState,
    /// Whether no two tokens have one text.
    is_unique: bool,
}

impl Index {
    /// An index of all tokens that are there. Of several with one text a normal one is found, and else the first.
    pub(crate) fn new(tokens: &Tokens) -> Index {
        let mut index = Index {
            ids: HashTable::with_capacity(tokens.len()),
            hasher: RandomState::default(),
            is_unique: true,
        };
        let is_normal = |kind| matches!(kind, Kind::Normal);
        for normal in [true, false] {
            for (id, text, kind) in tokens.iter() {
                if is_normal(kind) == normal && is_indexed(kind) {
                    index.add(tokens, id, text);
                }
            }
        }
        index
    }

    fn add(&mut self, tokens: &Tokens, id: u32, text: &[u8]) {
        let Index { ids, hasher, .. } = self;
        let entry = ids.entry(
            hasher.hash_one(text),
            |&other| tokens.text(other) == text,
            |&other| hasher.hash_one(tokens.text(other)),
        );
        self.is_unique &= *entry.or_insert(id).get() == id;
    }

    /// The id of a text in two parts, if it is one of these; others are not looked for.
    pub(crate) fn joined(
        &self,
        tokens: &Tokens,
        [left, right]: &[Vec<u8>; 2],
        likely: [u32; 2],
    ) -> Option<u32> {
        let is_it = |id: &u32| {
            let whole = tokens.get(*id).filter(|(_, kind)| is_indexed(*kind));
            let rest = whole.and_then(|(text, _)| text.strip_prefix(&**left));
            self.is_unique && rest == Some(right)
        };
        likely.into_iter().find(is_it)
    }

    pub(crate) fn get(&self, tokens: &Tokens, text: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        let found = self.ids.find(hash, |&id| tokens.text(id) == text);
        found.copied()
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}
