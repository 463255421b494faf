//! Which tokens a model speaks in, as far as anybody said.

use super::Tokenizer;
use serde::Serialize;
use std::fmt;

/// Which tokens a model speaks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TokenizerKind {
    /// A token is a byte.
    Bytes,
    /// The byte-pair encoding of GPT-2.
    Gpt2,
    /// Nobody said: the model takes and gives token ids.
    None,
}

/// Why a model has no tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A name that no tokenizer has.
    #[error("expected the tokenizer to be `bytes`, `gpt2` or `none`, found {found:?}")]
    Unknown {
        /// The name, at most 40 characters of it.
        found: String,
    },
    /// The model's token ids are not those of the tokenizer it names.
    #[error("the tokenizer `{tokenizer}` has {tokens} ids, the model has {vocab}")]
    Vocabulary {
        /// The tokenizer.
        tokenizer: TokenizerKind,
        /// Ids of the tokenizer.
        tokens: usize,
        /// Ids of the model.
        vocab: usize,
    },
    /// Text was asked of a model that only knows ids.
    #[error(
        "no tokenizer is known for the model's {vocab} token ids: `bytes` has 256, `gpt2` has 50257"
    )]
    None {
        /// Ids of the model.
        vocab: usize,
    },
    /// This build lacks the tokenizer.
    #[error("this build is without the tokenizer `{tokenizer}`: the feature `{tokenizer}` adds it")]
    NotBuilt {
        /// The tokenizer.
        tokenizer: TokenizerKind,
    },
}

impl TokenizerKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Bytes, Self::Gpt2, Self::None];

    /// Returns the name, as a container states it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Gpt2 => "gpt2",
            Self::None => "none",
        }
    }

    /// Returns the number of token ids.
    #[must_use]
    pub const fn tokens(self) -> Option<usize> {
        match self {
            Self::Bytes => Some(256),
            Self::Gpt2 => Some(50_257),
            Self::None => None,
        }
    }

    /// The token that ends a text, where there is one.
    #[must_use]
    pub const fn end_of_text(self) -> Option<u32> {
        match self {
            Self::Gpt2 => Some(50_256),
            Self::Bytes | Self::None => None,
        }
    }

    /// The tokenizer that `name` states for a model of `vocab` token ids.
    ///
    /// # Errors
    /// If no tokenizer has that name, or the one that has it has another number of ids.
    pub fn stated(name: &str, vocab: usize) -> Result<Self, TokenizerError> {
        const MOST: usize = 40;
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        let tokenizer = kind.ok_or_else(|| TokenizerError::Unknown {
            found: name.chars().take(MOST).collect(),
        })?;
        match tokenizer.tokens() {
            Some(tokens) if tokens != vocab => Err(TokenizerError::Vocabulary {
                tokenizer,
                tokens,
                vocab,
            }),
            _ => Ok(tokenizer),
        }
    }

    /// Loads the tokenizer for a model of `vocab` token ids: for `gpt2` some milliseconds, once for any number of texts.
    ///
    /// # Errors
    /// If there is none, or this build is without it.
    pub fn load(self, vocab: usize) -> Result<Tokenizer, TokenizerError> {
        match self {
            Self::Bytes => Ok(Tokenizer::Bytes),
            #[cfg(feature = "gpt2")]
            Self::Gpt2 => Ok(Tokenizer::gpt2()),
            #[cfg(not(feature = "gpt2"))]
            Self::Gpt2 => Err(TokenizerError::NotBuilt { tokenizer: self }),
            Self::None => Err(TokenizerError::None { vocab }),
        }
    }
}

impl fmt::Display for TokenizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_the_vocabulary() {
        for (name, vocab, kind) in [
            ("bytes", 256, TokenizerKind::Bytes),
            ("gpt2", 50_257, TokenizerKind::Gpt2),
            ("none", 256, TokenizerKind::None),
            ("none", 7, TokenizerKind::None),
        ] {
            assert_eq!(TokenizerKind::stated(name, vocab), Ok(kind));
        }
        let message = |name: &str, vocab| {
            let error = TokenizerKind::stated(name, vocab).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            message("gpt2", 50_304),
            "the tokenizer `gpt2` has 50257 ids, the model has 50304"
        );
        assert_eq!(
            message("bytes", 300),
            "the tokenizer `bytes` has 256 ids, the model has 300"
        );
        assert_eq!(
            message(&"x\n".repeat(100), 256),
            format!(
                "expected the tokenizer to be `bytes`, `gpt2` or `none`, found {:?}",
                "x\n".repeat(20)
            )
        );
    }

    #[test]
    fn ids_alone_have_no_text() {
        let error = TokenizerKind::None.load(300).unwrap_err();
        assert_eq!(error, TokenizerError::None { vocab: 300 });
    }
}
