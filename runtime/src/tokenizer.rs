//! Text to tokens and back: a byte a token, or the byte-pair encoding of GPT-2.

#[cfg(feature = "gpt2")]
use std::ops::Range;

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
#[non_exhaustive]
pub enum Tokenizer {
    /// A token is a byte.
    Bytes,
    /// The 50,257 tokens of GPT-2.
    #[cfg(feature = "gpt2")]
    Gpt2(Box<Gpt2>),
}

/// A model whose token ids are not those of the tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tokenizer `{tokenizer}` has {tokens} ids, the model has {vocab}")]
pub struct VocabularyMismatch {
    /// The tokenizer's name.
    pub tokenizer: &'static str,
    /// Ids of the tokenizer.
    pub tokens: usize,
    /// Ids of the model.
    pub vocab: usize,
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
    /// Returns the tokenizer's name, as a container states it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            #[cfg(feature = "gpt2")]
            Self::Gpt2(_) => "gpt2",
        }
    }

    /// Returns the number of token ids.
    #[must_use]
    pub fn tokens(&self) -> usize {
        match self {
            Self::Bytes => BYTES.len(),
            #[cfg(feature = "gpt2")]
            Self::Gpt2(gpt2) => gpt2.places.len(),
        }
    }

    /// Checks that a model of `vocab` ids speaks in these tokens.
    ///
    /// # Errors
    /// If it has another number of ids.
    pub fn check(&self, vocab: usize) -> Result<(), VocabularyMismatch> {
        if vocab == self.tokens() {
            return Ok(());
        }
        Err(VocabularyMismatch {
            tokenizer: self.name(),
            tokens: self.tokens(),
            vocab,
        })
    }

    /// Returns the tokens of a text. Bytes that are not UTF-8 are a token each.
    #[must_use]
    pub fn encode(&self, text: &[u8]) -> Vec<u32> {
        match self {
            Self::Bytes => text.iter().map(|&byte| u32::from(byte)).collect(),
            #[cfg(feature = "gpt2")]
            Self::Gpt2(gpt2) => gpt2.encode(text),
        }
    }

    /// Returns the bytes of a token, which may be a part of a character; none for an id that no token has. Nothing is
    /// allocated.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        let id = usize::try_from(id).unwrap_or(usize::MAX);
        match self {
            Self::Bytes => BYTES.get(id..=id).unwrap_or_default(),
            #[cfg(feature = "gpt2")]
            Self::Gpt2(gpt2) => gpt2.places.get(id).map_or(&[], |at| &gpt2.text[at.clone()]),
        }
    }
}

/// GPT-2's vocabulary, and the bytes of its tokens one after the other.
#[cfg(feature = "gpt2")]
pub struct Gpt2 {
    pairs: &'static tiktoken_rs::CoreBPE,
    text: Vec<u8>,
    places: Vec<Range<usize>>,
    /// The token of each single byte.
    singles: [u32; 256],
}

#[cfg(feature = "gpt2")]
impl Tokenizer {
    /// Loads GPT-2's tokenizer from inside this crate.
    #[must_use]
    pub fn gpt2() -> Tokenizer {
        let pairs = tiktoken_rs::r50k_base_singleton();
        let (mut text, mut places, mut singles) = (Vec::new(), Vec::new(), [0; 256]);
        for id in 0.. {
            let Ok(bytes) = pairs.decode_bytes(&[id]) else {
                break;
            };
            if let [byte] = bytes[..] {
                singles[usize::from(byte)] = id;
            }
            places.push(text.len()..text.len() + bytes.len());
            text.extend(bytes);
        }
        Tokenizer::Gpt2(Box::new(Gpt2 {
            pairs,
            text,
            places,
            singles,
        }))
    }
}

#[cfg(feature = "gpt2")]
impl Gpt2 {
    fn encode(&self, text: &[u8]) -> Vec<u32> {
        let mut tokens = Vec::new();
        for chunk in text.utf8_chunks() {
            tokens.extend(self.pairs.encode_ordinary(chunk.valid()));
            let single = |&byte: &u8| self.singles[usize::from(byte)];
            tokens.extend(chunk.invalid().iter().map(single));
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(tokenizer: &Tokenizer, tokens: &[u32]) -> Vec<u8> {
        tokens
            .iter()
            .flat_map(|&id| tokenizer.bytes(id))
            .copied()
            .collect()
    }

    #[test]
    fn a_byte_a_token() {
        let all: Vec<u8> = (0..=255).collect();
        let tokens = Tokenizer::Bytes.encode(&all);
        assert_eq!(tokens, (0..256).collect::<Vec<u32>>());
        assert_eq!(decode(&Tokenizer::Bytes, &tokens), all);
        assert!(
            Tokenizer::Bytes.bytes(256).is_empty() && Tokenizer::Bytes.bytes(u32::MAX).is_empty()
        );
        assert!(Tokenizer::Bytes.check(256).is_ok());
        assert_eq!(
            Tokenizer::Bytes.check(300).unwrap_err().to_string(),
            "the tokenizer `bytes` has 256 ids, the model has 300"
        );
    }

    /// Ids as GPT-2's own encoder gives them.
    #[cfg(feature = "gpt2")]
    #[test]
    fn gpt2_tokens() {
        let gpt2 = Tokenizer::gpt2();
        assert_eq!(gpt2.tokens(), 50_257);
        assert_eq!(gpt2.encode(b"Hello, world!"), [15496, 11, 995, 0]);
        assert_eq!(gpt2.encode(b"hello world"), [31373, 995]);
        assert_eq!(gpt2.bytes(50_256), b"<|endoftext|>");
        assert!(gpt2.bytes(50_257).is_empty());
        assert!(gpt2.check(50_257).is_ok() && gpt2.check(50_304).is_err());
    }

    #[cfg(feature = "gpt2")]
    #[test]
    fn gpt2_gives_any_bytes_back() {
        let gpt2 = Tokenizer::gpt2();
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        let spaces = [&[b' '; 100_000][..], b"x"].concat();
        for text in [
            &b""[..],
            "na\u{ef}ve \u{4f60}\u{597d} \u{1f600}\r\n\t  x".as_bytes(),
            b"a\xffb\xe2\x82z\xf0\x9f\x98",
            &all,
            &spaces,
        ] {
            let tokens = gpt2.encode(text);
            assert_eq!(decode(&gpt2, &tokens), text);
        }
    }
}
