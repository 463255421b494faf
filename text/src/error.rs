//! What can be wrong with a vocabulary.

use std::fmt;

impl TextError {
    /// Whether the vocabulary may be sound, and is of a kind that is not supported here.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        match self {
            TextError::Unsupported { .. } | TextError::Pattern { .. } => true,
            // Of JSON that is whole, a part of no kind that is known.
            TextError::Json { cause } => cause.is_data(),
            _ => false,
        }
    }
}

/// Why a vocabulary cannot be read or used. Each is one line, whatever the file holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The text is not the JSON that was expected.
    #[error("expected a tokenizer as JSON, found {}", OneLine(cause))]
    Json {
        /// What the parser found, and where.
        cause: serde_json::Error,
    },
    /// The file's metadata is not what it should be.
    #[error(transparent)]
    Gguf(#[from] atome_gguf::Error),
    /// Something that is valid elsewhere and not supported here, or not known.
    #[error("expected {what} to be {expected}, found {}", Shown(found))]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// What it could be.
        expected: &'static str,
        /// What it is instead.
        found: String,
    },
    /// A pattern that cannot be compiled.
    #[error(
        "expected {expected} in a pattern that splits text, found {}",
        Shown(pattern)
    )]
    Pattern {
        /// What was expected.
        expected: &'static str,
        /// The pattern.
        pattern: String,
    },
    /// Something is missing.
    #[error("expected {what}, found none")]
    Missing {
        /// What it is.
        what: &'static str,
    },
    /// A token is not what it should be.
    #[error("token {id}: expected {expected}, found {}", Shown(found))]
    Token {
        /// The token's id.
        id: u64,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A merge is not of two tokens, or does not make one.
    #[error("merge {number}: expected {expected}, found {}", Shown(found))]
    Merge {
        /// Its number, from 0.
        number: usize,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// Lists that should be equally long are not.
    #[error("expected {what} for each of {tokens} tokens, found {found}")]
    Count {
        /// What there should be of each.
        what: &'static str,
        /// Tokens.
        tokens: usize,
        /// What there is.
        found: usize,
    },
    /// A stored vocabulary that is damaged.
    #[error(
        "byte {offset} of the vocabulary: expected {expected}, found {}",
        Shown(found)
    )]
    Stored {
        /// Where.
        offset: usize,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

/// A message of another crate, as one line.
struct OneLine<'m, M>(&'m M);

impl<M: fmt::Display> fmt::Display for OneLine<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 160;
        let message = self.0.to_string();
        for c in message.chars().take(MOST) {
            match c.is_control() {
                true => write!(f, "{}", c.escape_default())?,
                false => write!(f, "{c}")?,
            }
        }
        match message.chars().nth(MOST) {
            Some(_) => f.write_str(".."),
            None => Ok(()),
        }
    }
}

/// Something of a file: in quotes, escaped, and cut if it is long.
struct Shown<'t>(&'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 60;
        match self.0.char_indices().nth(MOST) {
            Some((end, _)) => write!(f, "{:?}..", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_anything() {
        let error = TextError::Unsupported {
            what: "the model",
            expected: "`BPE`",
            found: "a\n".repeat(100),
        };
        let message = error.to_string();
        assert!(!message.contains('\n') && message.len() < 200, "{message}");
        assert!(message.ends_with("a\\n\".."), "{message}");
    }
}
