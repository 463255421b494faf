//! Normalizers, pre-tokenizers and post-processors as settings.

use super::parts::{
    Behavior, Metaspace, Normalizer, Pattern, Piece, PostProcessor, PreTokenizer, Prepends,
};
use crate::error::TextError;
use crate::pattern::escaped;
use crate::pre::GPT2;
use crate::vocabulary::{Change, Matches, Settings, Split};

impl Normalizer {
    /// Adds what is done to texts; whether the text is then of bytes.
    pub(super) fn add_to(&self, to: &mut Settings) -> Result<bool, TextError> {
        let change = match self {
            Normalizer::Sequence { normalizers } => {
                let each = normalizers.iter().map(|one| one.add_to(to));
                return each.reduce(|a, b| Ok(a? | b?)).unwrap_or(Ok(false));
            }
            Normalizer::ByteLevel => return Ok(true),
            Normalizer::Prepend { prepend } => Change::Prepend {
                text: prepend.clone(),
                first: false,
                unless_there: false,
            },
            Normalizer::Replace { pattern, content } => match pattern {
                Pattern::String(from) => Change::Replace {
                    from: from.clone(),
                    to: content.clone(),
                },
                Pattern::Regex(regex) => {
                    return Err(unsupported("what a normalizer replaces", "a text", regex));
                }
            },
            Normalizer::Nfc => Change::Nfc,
            Normalizer::Nfd => Change::Nfd,
            Normalizer::Nfkc => Change::Nfkc,
            Normalizer::Nfkd => Change::Nfkd,
        };
        to.changes.push(change);
        Ok(false)
    }
}

impl PreTokenizer {
    /// Adds what cuts texts; whether the text is of bytes then.
    pub(super) fn add_to(&self, to: &mut Settings) -> Result<bool, TextError> {
        match self {
            PreTokenizer::Sequence { pretokenizers } => {
                let mut is_bytes = false;
                for one in pretokenizers {
                    if is_bytes {
                        let found = "something after it";
                        return Err(unsupported("`ByteLevel`", "the last pre-tokenizer", found));
                    }
                    is_bytes |= one.add_to(to)?;
                }
                return Ok(is_bytes);
            }
            PreTokenizer::Split {
                pattern,
                behavior,
                invert,
            } => to.splits.push(Split {
                pattern: match pattern {
                    Pattern::String(text) => escaped(text),
                    Pattern::Regex(regex) => regex.clone(),
                },
                matches: (*behavior).into(),
                inverted: *invert,
            }),
            PreTokenizer::ByteLevel {
                add_prefix_space,
                use_regex,
            } => {
                if *add_prefix_space {
                    prepend(to, " ", false)?;
                }
                if use_regex.unwrap_or(true) {
                    to.splits.push(Split::new(GPT2));
                }
                return Ok(true);
            }
            PreTokenizer::Digits { individual_digits } => to.splits.push(Split {
                pattern: r"\p{N}".into(),
                matches: match individual_digits {
                    true => Matches::Alone,
                    false => Matches::Joined,
                },
                inverted: false,
            }),
            PreTokenizer::Punctuation { behavior } => to.splits.push(Split {
                pattern: r"[\p{P}$+<=>^`|~]".into(),
                matches: (*behavior).into(),
                inverted: false,
            }),
            PreTokenizer::Metaspace(metaspace) => metaspace.add_to(to)?,
        }
        Ok(false)
    }
}

impl Metaspace {
    fn add_to(&self, to: &mut Settings) -> Result<(), TextError> {
        to.late_changes.push(Change::Replace {
            from: " ".into(),
            to: self.replacement.clone(),
        });
        match self.prepends() {
            Prepends::Never => {}
            scheme => prepend(to, &self.replacement, scheme == Prepends::First)?,
        }
        if self.split.unwrap_or(true) {
            to.splits.push(Split {
                pattern: escaped(&self.replacement),
                matches: Matches::WithNext,
                inverted: false,
            });
        }
        Ok(())
    }
}

/// Adds a text before each text that does not start so.
fn prepend(to: &mut Settings, text: &str, first: bool) -> Result<(), TextError> {
    if !to.splits.is_empty() {
        let found = "one that is after another";
        return Err(unsupported(
            "a pre-tokenizer that adds a blank",
            "the first",
            found,
        ));
    }
    to.late_changes.push(Change::Prepend {
        text: text.to_owned(),
        first,
        unless_there: true,
    });
    Ok(())
}

impl PostProcessor {
    /// Adds the tokens around a text.
    pub(super) fn add_to(&self, to: &mut Settings) {
        match self {
            PostProcessor::Sequence { processors } => {
                processors.iter().for_each(|one| one.add_to(to));
            }
            PostProcessor::ByteLevel => {}
            PostProcessor::TemplateProcessing {
                single,
                special_tokens,
            } => {
                let mut is_before = true;
                for piece in single {
                    match piece {
                        Piece::Sequence {} => is_before = false,
                        Piece::SpecialToken { id } => {
                            let ids = special_tokens.get(id).map(|special| &special.ids);
                            let side = match is_before {
                                true => &mut to.before,
                                false => &mut to.after,
                            };
                            side.extend(ids.into_iter().flatten());
                        }
                    }
                }
            }
            PostProcessor::BertProcessing { cls, sep }
            | PostProcessor::RobertaProcessing { cls, sep } => {
                to.before.push(cls.1);
                to.after.push(sep.1);
            }
        }
    }
}

impl From<Behavior> for Matches {
    fn from(behavior: Behavior) -> Matches {
        match behavior {
            Behavior::Removed => Matches::Removed,
            Behavior::Isolated => Matches::Alone,
            Behavior::MergedWithPrevious => Matches::WithPrevious,
            Behavior::MergedWithNext => Matches::WithNext,
            Behavior::Contiguous => Matches::Joined,
        }
    }
}

fn unsupported(what: &'static str, expected: &'static str, found: &str) -> TextError {
    TextError::Unsupported {
        what,
        expected,
        found: found.to_owned(),
    }
}
