//! GPT-2's byte-pair encoding, with the vocabulary that `tiktoken-rs` calls `r50k_base`.
//!
//! | file | concept |
//! |---|---|
//! | `split` | a text in pieces that are encoded alone |
//! | `merge` | the tokens of a piece |
//!
//! The encoder is our own because it has to take any bytes in a time that grows hardly faster than their number:
//! that of `tiktoken-rs` panics after a million blanks, and takes 0.1 s to build.

mod merge;
mod split;

use super::{Tokenizer, TokenizerKind};
use merge::Merger;
use std::collections::HashMap;
use std::fmt;

/// The length of each token in a byte, then the bytes of all tokens.
static VOCABULARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gpt2.tokens"));

/// Ids of tokens that stand for text; the one that follows them ends a text.
const TOKENS: usize = 50_256;

/// Tokens of known bytes, lower ids first merged.
type Ids = HashMap<&'static [u8], u32>;

/// The vocabulary of GPT-2.
#[derive(Clone)]
pub struct Gpt2 {
    /// `[TOKENS]`: the bytes of each token.
    tokens: Vec<&'static [u8]>,
    /// The token of such bytes.
    ids: Ids,
}

impl Tokenizer {
    /// Loads GPT-2's tokenizer from inside this crate; takes some milliseconds.
    ///
    /// ```
    /// use atome::tokenizer::Tokenizer;
    ///
    /// let gpt2 = Tokenizer::gpt2();
    /// assert_eq!(gpt2.encode(b"Hello, world!"), [15496, 11, 995, 0]);
    /// assert_eq!(gpt2.bytes(995), b" world");
    /// ```
    #[must_use]
    pub fn gpt2() -> Tokenizer {
        let (lengths, mut text) = VOCABULARY.split_at(TOKENS + 1);
        let mut tokens = Vec::with_capacity(TOKENS);
        let mut ids = Ids::with_capacity(TOKENS);
        for (id, &length) in (0..).zip(&lengths[..TOKENS]) {
            let token;
            (token, text) = text.split_at(usize::from(length));
            tokens.push(token);
            ids.insert(token, id);
        }
        Tokenizer::Gpt2(Gpt2 { tokens, ids })
    }
}

impl Gpt2 {
    /// Returns the tokens of a text; a byte that is no part of UTF-8 counts as a symbol.
    pub(super) fn encode(&self, text: &[u8]) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut merger = Merger::new(&self.ids);
        for piece in split::pieces(text) {
            match self.ids.get(piece) {
                Some(&id) => tokens.push(id),
                None => merger.merge(piece, &mut tokens),
            }
        }
        tokens
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let id = usize::try_from(id).unwrap_or(usize::MAX);
        self.tokens.get(id).copied().unwrap_or_default()
    }
}

impl fmt::Debug for Gpt2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpt2").finish_non_exhaustive()
    }
}

const _: () = assert!(
    TokenizerKind::Gpt2.tokens().unwrap() == TOKENS + 1,
    "the last id ends a text"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(tokenizer: &Tokenizer, tokens: &[u32]) -> Vec<u8> {
        let bytes = tokens.iter().flat_map(|&id| tokenizer.bytes(id));
        bytes.copied().collect()
    }

    /// Ids as GPT-2's own encoder gives them.
    #[test]
    fn known_tokens() {
        let gpt2 = Tokenizer::gpt2();
        for (text, tokens) in [
            ("Hello, world!", &[15496, 11, 995, 0][..]),
            ("hello world", &[31373, 995]),
            ("", &[]),
        ] {
            assert_eq!(gpt2.encode(text.as_bytes()), tokens, "{text:?}");
        }
        for id in [50_256, 50_257, u32::MAX] {
            assert!(gpt2.bytes(id).is_empty(), "{id}");
        }
        assert_eq!(gpt2.end_of_text(), Some(50_256));
    }

    #[test]
    fn no_text_ends_the_text() {
        let gpt2 = Tokenizer::gpt2();
        let tokens = gpt2.encode(b"a<|endoftext|>b");
        assert!(!tokens.contains(&50_256), "{tokens:?}");
        assert_eq!(decode(&gpt2, &tokens), b"a<|endoftext|>b");
    }

    #[test]
    fn any_bytes_come_back() {
        let gpt2 = Tokenizer::gpt2();
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        for text in [
            &b""[..],
            "na\u{ef}ve \u{4f60}\u{597d} \u{1f600}\r\n\t  x".as_bytes(),
            b"a\xffb\xe2\x82z\xf0\x9f\x98",
            &all,
        ] {
            let tokens = gpt2.encode(text);
            assert_eq!(decode(&gpt2, &tokens), text);
        }
    }

    /// What is quadratic in the length of a piece would take hours.
    #[test]
    fn a_megabyte_of_anything() {
        const LENGTH: usize = 1 << 20;
        let gpt2 = Tokenizer::gpt2();
        let parts = [
            &b"a"[..],
            b" ",
            b"\n",
            b"\xff",
            b"=",
            b"0",
            b"ab",
            b" \n",
            "\u{4f60}".as_bytes(),
        ];
        for part in parts {
            let text = [&part.repeat(LENGTH / part.len())[..], b"x"].concat();
            let tokens = gpt2.encode(&text);
            assert!(decode(&gpt2, &tokens) == text, "{part:?}");
        }
    }
}
