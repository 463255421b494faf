//! Text to tokens and back: a byte a token, or the byte-pair encoding of GPT-2.
//!
//! | file | concept |
//! |---|---|
//! | `kind` | which tokens a model speaks in |
//! | `gpt2` | the vocabulary and the encoding of GPT-2 (feature `gpt2`) |
//! | `decoder` | bytes to text as they come |
//!
//! ```
//! use atome::tokenizer::{TextDecoder, Tokenizer};
//!
//! let tokenizer = Tokenizer::Bytes;
//! let mut text = String::new();
//! let mut decoder = TextDecoder::new();
//! for id in tokenizer.encode("Grüße".as_bytes()) {
//!     decoder.push(tokenizer.bytes(id), |part| text.push_str(part));
//! }
//! decoder.finish(|part| text.push_str(part));
//! assert_eq!(text, "Grüße");
//! ```

mod decoder;
#[cfg(feature = "gpt2")]
mod gpt2;
mod kind;

pub use decoder::TextDecoder;
#[cfg(feature = "gpt2")]
pub use gpt2::Gpt2;
pub use kind::{TokenizerError, TokenizerKind};

/// How text becomes tokens.
///
/// Any bytes have tokens, and the bytes of the tokens are the bytes again.
///
/// ```
/// use atome::tokenizer::Tokenizer;
///
/// let tokens = Tokenizer::Bytes.encode(b"Once");
/// assert_eq!(tokens, [79, 110, 99, 101]);
/// assert_eq!(Tokenizer::Bytes.bytes(79), b"O");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Tokenizer {
    /// A token is a byte.
    Bytes,
    /// The 50,257 tokens of GPT-2.
    #[cfg(feature = "gpt2")]
    Gpt2(Gpt2),
}

/// Every byte, for tokens that are one.
const BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut i = 0;
    while i < 256 {
        bytes[i] = i as u8;
        i += 1;
    }
    bytes
};

impl Tokenizer {
    /// Which tokenizer it is.
    #[must_use]
    pub fn kind(&self) -> TokenizerKind {
        match self {
            Self::Bytes => TokenizerKind::Bytes,
            #[cfg(feature = "gpt2")]
            Self::Gpt2(_) => TokenizerKind::Gpt2,
        }
    }

    /// Returns the tokens of a text; those that stand for no text, as [`Tokenizer::end_of_text`], are never among them.
    #[must_use]
    pub fn encode(&self, text: &[u8]) -> Vec<u32> {
        match self {
            Self::Bytes => text.iter().map(|&byte| u32::from(byte)).collect(),
            #[cfg(feature = "gpt2")]
            Self::Gpt2(gpt2) => gpt2.encode(text),
        }
    }

    /// Returns the bytes of a token, which may be a part of a character; none for a token that stands for no text and for an
    /// id that no token has. Nothing is allocated.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        match self {
            Self::Bytes => {
                let id = usize::try_from(id).unwrap_or(usize::MAX);
                BYTES.get(id..=id).unwrap_or_default()
            }
            #[cfg(feature = "gpt2")]
            Self::Gpt2(gpt2) => gpt2.bytes(id),
        }
    }

    /// The token that ends a text, where there is one.
    #[must_use]
    pub fn end_of_text(&self) -> Option<u32> {
        self.kind().end_of_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_a_token() {
        let all: Vec<u8> = (0..=255).collect();
        let tokens = Tokenizer::Bytes.encode(&all);
        assert_eq!(tokens, (0..256).collect::<Vec<u32>>());
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|&id| Tokenizer::Bytes.bytes(id))
            .copied()
            .collect();
        assert_eq!(bytes, all);
        for id in [256, u32::MAX] {
            assert!(Tokenizer::Bytes.bytes(id).is_empty());
        }
        assert_eq!(Tokenizer::Bytes.end_of_text(), None);
    }
}
