//! The vocabulary of GPT-2, which `tiktoken-rs` calls `r50k_base`.

use crate::pre::GPT2;
use crate::vocabulary::{Index, Kind, Merges, Settings, Split, Symbols, Tokens, Vocabulary};
use crate::{TextError, Tokenizer};

/// The length of each token in a byte, then the bytes of all tokens.
static VOCABULARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gpt2.tokens"));

/// Ids of tokens that stand for text; the one that follows them ends a text.
const TOKENS: usize = 50_256;
const END_OF_TEXT: &[u8] = b"<|endoftext|>";

impl Tokenizer {
    /// Loads GPT-2's tokenizer from inside this crate; takes some milliseconds.
    ///
    /// ```
    /// use atome_text::Tokenizer;
    ///
    /// let gpt2 = Tokenizer::gpt2();
    /// assert_eq!(gpt2.encode(b"Hello, world!"), [15496, 11, 995, 0]);
    /// assert_eq!(gpt2.bytes(995), b" world");
    /// ```
    ///
    /// # Panics
    /// Never: the vocabulary is the one that tests have read.
    #[must_use]
    pub fn gpt2() -> Tokenizer {
        vocabulary()
            .and_then(Vocabulary::tokenizer)
            .expect("the vocabulary of GPT-2")
    }
}

fn vocabulary() -> Result<Vocabulary, TextError> {
    let (lengths, mut text) = VOCABULARY.split_at(TOKENS + 1);
    let mut tokens = Tokens::default();
    tokens.reserve(TOKENS + 1, text.len());
    for &length in &lengths[..TOKENS] {
        let token;
        (token, text) = text.split_at(usize::from(length));
        tokens.push(token, Kind::Normal);
    }
    tokens.push(END_OF_TEXT, Kind::Control);
    let end = TOKENS as u32;
    let mut settings = Settings::new(Symbols::Bytes);
    settings.splits = vec![Split::new(GPT2)];
    settings.spelt = vec![crate::vocabulary::Spelt::plain(end)];
    settings.ends = vec![end];
    // Tokens are numbered in the order of their merges, and every one is made by them.
    settings.whole_pieces = true;
    let scores = (0..=end).map(|id| -(id as f32)).collect();
    let index = Index::new(&tokens);
    Vocabulary::new(tokens, index, Merges::Scores(scores), settings)
}
