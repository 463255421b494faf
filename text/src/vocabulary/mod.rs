//! A vocabulary, whatever file it came from: tokens, merges, and how they are used.
//!
//! | file | concept |
//! |---|---|
//! | `tokens` | tokens by id, ids by text |
//! | `settings` | what is done to a text before and after |
//! | `ends` | the tokens that end a text, known by their names |
//! | `stored` | a vocabulary as bytes |

mod ends;
mod settings;
mod stored;
mod tokens;

pub(crate) use ends::ends_by_name;
pub(crate) use settings::{BLANK, Change, Matches, Settings, Spelt, Split, Symbols};
pub use tokens::Kind;
pub(crate) use tokens::{Index, Strings, Tokens};

use crate::change;
use crate::error::TextError;

/// A vocabulary that has been read and not been made into a [`Tokenizer`](crate::Tokenizer) yet.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pub(crate) tokens: Tokens,
    pub(crate) index: Index,
    pub(crate) merges: Merges,
    /// The token that each listed merge makes, as far as they were looked for with the merges.
    pub(crate) made: Vec<Option<u32>>,
    pub(crate) settings: Settings,
    /// What a user should know of it.
    pub(crate) note: Option<String>,
}

/// Which neighbours become one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Merges {
    /// Pairs of tokens; those that come first are merged first.
    Listed(Vec<[u32; 2]>),
    /// Any that make a token; those of the highest score first. `[tokens]`.
    Scores(Vec<f32>),
}

impl Vocabulary {
    /// A vocabulary of these parts.
    ///
    /// # Errors
    /// If an id of the settings or a merge is of no token, there is not a score for each, or changes make texts far longer.
    pub(crate) fn new(
        tokens: Tokens,
        index: Index,
        merges: Merges,
        settings: Settings,
    ) -> Result<Vocabulary, TextError> {
        for changes in [&settings.changes, &settings.late_changes] {
            change::check(changes)?;
        }
        let is_outside = |id: &u32| tokens.get(*id).is_none();
        let unknown = match settings.symbols {
            Symbols::Characters { unknown, .. } => unknown,
            Symbols::Bytes => None,
        };
        let lists = [&settings.before, &settings.after, &settings.ends];
        let ids = lists.into_iter().flatten().copied().chain(unknown);
        let ids = ids.chain(settings.spelt.iter().map(|spelt| spelt.id));
        if let Some(id) = ids.into_iter().find(is_outside) {
            return Err(outside(id, tokens.len()));
        }
        match &merges {
            Merges::Listed(pairs) => {
                if let Some(&id) = pairs.as_flattened().iter().find(|id| is_outside(id)) {
                    return Err(outside(id, tokens.len()));
                }
            }
            Merges::Scores(scores) if scores.len() != tokens.len() => {
                return Err(TextError::Count {
                    what: "a score",
                    tokens: tokens.len(),
                    found: scores.len(),
                });
            }
            Merges::Scores(_) => {}
        }
        Ok(Vocabulary {
            tokens,
            index,
            merges,
            made: Vec::new(),
            settings,
            note: None,
        })
    }

    /// The number of token ids.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "a vocabulary without tokens is refused"
    )]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens that end what a model writes.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.settings.ends
    }

    /// The same vocabulary with more tokens that end what the model writes; ids that it does not have are left out.
    #[must_use]
    pub fn with_ends(mut self, ids: &[u32]) -> Vocabulary {
        let known = ids.iter().filter(|id| self.tokens.get(**id).is_some());
        self.settings.ends.extend(known);
        self.settings.ends.sort_unstable();
        self.settings.ends.dedup();
        self
    }

    /// What somebody who uses the vocabulary should know, in a line.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

fn outside(id: u32, tokens: usize) -> TextError {
    TextError::Token {
        id: id.into(),
        expected: "an id of the vocabulary",
        found: format!("{tokens} tokens"),
    }
}
