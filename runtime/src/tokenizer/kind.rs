//! Which tokens a model speaks in, as far as anybody said.

use super::{TextError, Tokenizer, Vocabulary};
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
    /// A vocabulary that the model carries.
    Own,
    /// Nobody said: the model takes and gives token ids.
    None,
}

/// Why a model has no tokenizer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A name that no tokenizer has.
    #[error("expected the tokenizer to be `bytes`, `gpt2`, `own` or `none`, found {found:?}")]
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
    /// Text was asked of a model whose tokenizer is of a kind that is not supported.
    #[error("{why}")]
    Refused {
        /// What is not supported, with its file.
        why: String,
    },
    /// The vocabulary is damaged or not supported.
    #[error(transparent)]
    Text(Box<TextError>),
    /// A model that should carry its vocabulary does not.
    #[error("the tokenizer is `own`, but the model carries no vocabulary")]
    NoVocabulary,
    /// This build lacks the tokenizer.
    #[error("this build is without the tokenizer `{tokenizer}`: the feature `{tokenizer}` adds it")]
    NotBuilt {
        /// The tokenizer.
        tokenizer: TokenizerKind,
    },
}

impl From<TextError> for TokenizerError {
    fn from(cause: TextError) -> TokenizerError {
        TokenizerError::Text(Box::new(cause))
    }
}

impl TokenizerKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Bytes, Self::Gpt2, Self::Own, Self::None];

    /// Returns the name, as a container states it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Gpt2 => "gpt2",
            Self::Own => "own",
            Self::None => "none",
        }
    }

    /// Returns the number of token ids, where it is known.
    #[must_use]
    pub const fn tokens(self) -> Option<usize> {
        match self {
            Self::Bytes => Some(256),
            Self::Gpt2 => Some(50_257),
            Self::Own | Self::None => None,
        }
    }

    /// The tokens that end what a model writes, of one that does not carry its vocabulary.
    pub(crate) const fn ends(self) -> &'static [u32] {
        match self {
            Self::Gpt2 => &[50_256],
            Self::Bytes | Self::Own | Self::None => &[],
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

    /// Loads the tokenizer for a model of `vocab` token ids that may carry its vocabulary: for `gpt2` some milliseconds, once
    /// for any number of texts.
    ///
    /// # Errors
    /// If there is none, or this build is without it; that the one there is was `refused`.
    pub fn load(
        self,
        vocab: usize,
        carried: Option<&Vocabulary>,
        refused: Option<&str>,
    ) -> Result<Tokenizer, TokenizerError> {
        if let Some(why) = refused {
            let why = why.to_owned();
            return Err(TokenizerError::Refused { why });
        }
        match self {
            Self::Own => {
                let vocabulary = carried.ok_or(TokenizerError::NoVocabulary)?;
                Ok(vocabulary.clone().tokenizer()?)
            }
            Self::Bytes => Ok(Tokenizer::bytes_alone()),
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
            assert_eq!(TokenizerKind::stated(name, vocab).unwrap(), kind);
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
                "expected the tokenizer to be `bytes`, `gpt2`, `own` or `none`, found {:?}",
                "x\n".repeat(20)
            )
        );
    }

    #[test]
    fn ids_alone_have_no_text() {
        let error = TokenizerKind::None.load(300, None, None).unwrap_err();
        assert!(matches!(error, TokenizerError::None { vocab: 300 }));
        let error = TokenizerKind::Own.load(300, None, None).unwrap_err();
        assert!(matches!(error, TokenizerError::NoVocabulary));
    }
}
