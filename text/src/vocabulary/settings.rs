//! How a vocabulary is used: what is done to a text before its characters become tokens, and after.

use serde::{Deserialize, Serialize};

/// How a text becomes symbols, and these tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) symbols: Symbols,
    /// A piece that is a token is that token, whatever the merges say.
    #[serde(default)]
    pub(crate) whole_pieces: bool,
    /// Changes of the text between tokens that it spells, in order.
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
    /// The same, after tokens that are spelt in changed text were found.
    #[serde(default)]
    pub(crate) late_changes: Vec<Change>,
    /// What cuts a text into pieces, one within the pieces of the other.
    #[serde(default)]
    pub(crate) splits: Vec<Split>,
    /// Tokens before and after a text.
    #[serde(default)]
    pub(crate) before: Vec<u32>,
    #[serde(default)]
    pub(crate) after: Vec<u32>,
    /// Tokens that end what a model writes.
    #[serde(default)]
    pub(crate) ends: Vec<u32>,
    /// The first blank of a text is not the text's.
    #[serde(default)]
    pub(crate) drops_blank: bool,
    /// Tokens that are found in a text in other ways than as they are spelt.
    #[serde(default)]
    pub(crate) spelt: Vec<Spelt>,
}

/// What merges start with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Symbols {
    /// Bytes.
    Bytes,
    /// Characters; one without a token is its bytes, where `by_bytes` and they have tokens, or else unknown.
    Characters {
        by_bytes: bool,
        unknown: Option<u32>,
        /// Several unknown ones are one.
        joined: bool,
    },
}

/// A change of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Change {
    /// A text before it.
    Prepend {
        text: String,
        /// Only before the first of what lies between tokens.
        first: bool,
        /// Only where it does not start so already.
        unless_there: bool,
    },
    /// A text in place of another.
    Replace {
        from: String,
        to: String,
    },
    /// A normal form of Unicode.
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

/// What cuts a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Split {
    pub(crate) pattern: String,
    #[serde(default)]
    pub(crate) matches: Matches,
    /// What does not match counts as what does, and the reverse.
    #[serde(default)]
    pub(crate) inverted: bool,
}

/// What becomes of the matches of a pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Matches {
    /// Pieces.
    #[default]
    Alone,
    /// No part of the text.
    Removed,
    /// The end of the piece before.
    WithPrevious,
    /// The start of the piece after.
    WithNext,
    /// Pieces with the matches beside them.
    Joined,
}

/// How a token is found in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spelt {
    pub(crate) id: u32,
    /// Not within a word.
    #[serde(default)]
    pub(crate) single_word: bool,
    /// With the white space before it.
    #[serde(default)]
    pub(crate) lstrip: bool,
    /// With the white space after it.
    #[serde(default)]
    pub(crate) rstrip: bool,
    /// In changed text.
    #[serde(default)]
    pub(crate) normalized: bool,
}

impl Spelt {
    /// A token that is found as it is spelt.
    pub(crate) fn plain(id: u32) -> Spelt {
        Spelt {
            id,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
        }
    }
}

impl Settings {
    pub(crate) fn new(symbols: Symbols) -> Settings {
        Settings {
            symbols,
            whole_pieces: false,
            changes: Vec::new(),
            late_changes: Vec::new(),
            splits: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            ends: Vec::new(),
            drops_blank: false,
            spelt: Vec::new(),
        }
    }
}

impl Split {
    /// A pattern whose matches are pieces.
    pub(crate) fn new(pattern: impl Into<String>) -> Split {
        Split {
            pattern: pattern.into(),
            matches: Matches::Alone,
            inverted: false,
        }
    }
}

/// What stands for a blank in vocabularies of characters.
pub(crate) const BLANK: &str = "\u{2581}";
