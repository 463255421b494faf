//! Tokens that a text spells by name: found before anything else is done to it.

use crate::change::changed;
use crate::error::TextError;
use crate::pattern::is_word;
use crate::utf8;
use crate::vocabulary::{Spelt, Vocabulary};
use aho_corasick::{AhoCorasick, MatchKind};

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A token that is spelt there.
    Token(u32),
    /// What lies between: from where to where.
    Text(usize, usize),
}

/// A search for tokens by their names. Of several that start at one place the longest is found.
#[derive(Clone, Debug)]
pub(crate) struct Finder {
    names: AhoCorasick,
    spelt: Vec<Spelt>,
    /// Whether each may be found only where special tokens are allowed.
    is_special: Vec<bool>,
}

impl Finder {
    /// A search in a text as it is, or in changed text; `None` if no token is found so.
    pub(crate) fn new(
        vocabulary: &Vocabulary,
        in_changed: bool,
    ) -> Result<Option<Finder>, TextError> {
        let Vocabulary {
            tokens, settings, ..
        } = vocabulary;
        let mut names = Vec::new();
        let (mut spelt, mut is_special) = (Vec::new(), Vec::new());
        for token in settings.spelt.iter().filter(|s| s.normalized == in_changed) {
            let Some((name, kind)) = tokens.get(token.id).filter(|(name, _)| !name.is_empty())
            else {
                continue;
            };
            names.push(match in_changed {
                true => changed(&settings.changes, name, true),
                false => name.into(),
            });
            spelt.push(token.clone());
            is_special.push(kind.is_special());
        }
        if names.is_empty() {
            return Ok(None);
        }
        let mut builder = AhoCorasick::builder();
        let built = builder.match_kind(MatchKind::LeftmostLongest).build(&names);
        let names = built.map_err(|cause| TextError::Unsupported {
            what: "the tokens that are found by name",
            expected: "fewer",
            found: cause.to_string(),
        })?;
        Ok(Some(Finder {
            names,
            spelt,
            is_special,
        }))
    }

    /// Gives the parts of a text in order, none of them empty. A special token counts as text unless those are `allowed`.
    pub(crate) fn parts(&self, text: &[u8], allowed: bool, part: &mut dyn FnMut(Part)) {
        let mut given = 0;
        if allowed || !self.is_special.iter().all(|is| *is) {
            for found in self.names.find_iter(text) {
                let number = found.pattern().as_usize();
                let spelt = &self.spelt[number];
                if self.is_special[number] && !allowed {
                    continue;
                }
                let (before, after) = (&text[..found.start()], &text[found.end()..]);
                if spelt.single_word && (ends_in_word(before) || starts_in_word(after)) {
                    continue;
                }
                let (mut start, mut end) = (found.start(), found.end());
                if spelt.lstrip {
                    start = (start - blanks_at_end(before)).max(given);
                }
                if spelt.rstrip {
                    end += blanks_at_start(after);
                }
                if given < start {
                    part(Part::Text(given, start));
                }
                part(Part::Token(spelt.id));
                given = end;
            }
        }
        if given < text.len() {
            part(Part::Text(given, text.len()));
        }
    }
}

fn ends_in_word(text: &[u8]) -> bool {
    !text.is_empty() && is_word(utf8::first(&text[text.len() - utf8::last(text)..]).0)
}

fn starts_in_word(text: &[u8]) -> bool {
    !text.is_empty() && is_word(utf8::first(text).0)
}

fn blanks_at_start(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        match utf8::first(&text[at..]) {
            (c, length) if c.is_whitespace() => at += length,
            _ => break,
        }
    }
    at
}

fn blanks_at_end(text: &[u8]) -> usize {
    let mut end = text.len();
    while end > 0 {
        let length = utf8::last(&text[..end]);
        if !utf8::first(&text[end - length..]).0.is_whitespace() {
            break;
        }
        end -= length;
    }
    text.len() - end
}
