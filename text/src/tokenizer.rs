//! Text to tokens and back.

use crate::bpe::{Bpe, Scratch, named_byte};
use crate::change::changed;
use crate::decoder::TextDecoder;
use crate::error::TextError;
use crate::spelt::{Finder, Part};
use crate::split::{Splitter, split};
use crate::vocabulary::{BLANK, Kind, Strings, Symbols, Vocabulary};
use std::borrow::Cow;

/// How text becomes tokens.
///
/// Any bytes have tokens, as far as the vocabulary has one for each byte, which all in use have. What a token stands for is
/// bytes: a character may be spelt over several tokens.
///
/// ```
/// use atome_text::Tokenizer;
///
/// let bytes = Tokenizer::bytes_alone();
/// assert_eq!(bytes.encode(b"Once"), [79, 110, 99, 101]);
/// assert_eq!(bytes.bytes(79), b"O");
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer(Inner);

#[derive(Clone, Debug)]
enum Inner {
    /// A token is a byte.
    Bytes,
    Vocabulary(Box<Encoding>),
}

/// A vocabulary and what was made of it.
#[derive(Clone, Debug)]
struct Encoding {
    vocabulary: Vocabulary,
    bpe: Bpe,
    /// Tokens by their names, in texts as they are and in changed ones.
    named: Option<Finder>,
    named_in_changed: Option<Finder>,
    splitters: Vec<Splitter>,
    /// What tokens stand for, where that is not what their texts are.
    spoken: Option<Strings>,
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

impl Vocabulary {
    /// Makes a tokenizer: some tens of milliseconds for 250,000 tokens.
    ///
    /// # Errors
    /// If a merge makes no token, or a pattern cannot be compiled.
    pub fn tokenizer(self) -> Result<Tokenizer, TextError> {
        let vocabulary = self;
        let splitters = vocabulary.settings.splits.iter().map(Splitter::new);
        Ok(Tokenizer(Inner::Vocabulary(Box::new(Encoding {
            bpe: Bpe::new(&vocabulary)?,
            named: Finder::new(&vocabulary, false)?,
            named_in_changed: Finder::new(&vocabulary, true)?,
            splitters: splitters.collect::<Result<_, _>>()?,
            spoken: spoken(&vocabulary),
            vocabulary,
        }))))
    }
}

impl Tokenizer {
    /// A token a byte: 256 of them.
    #[must_use]
    pub const fn bytes_alone() -> Tokenizer {
        Tokenizer(Inner::Bytes)
    }

    /// The number of token ids.
    #[must_use]
    pub fn vocab(&self) -> usize {
        match &self.0 {
            Inner::Bytes => BYTES.len(),
            Inner::Vocabulary(encoding) => encoding.vocabulary.len(),
        }
    }

    /// Returns the tokens of a text. Special tokens that it spells are text like all else.
    #[must_use]
    pub fn encode(&self, text: &[u8]) -> Vec<u32> {
        self.tokens(text, false)
    }

    /// Returns the tokens of a text, special ones where it spells them: for texts that the user of a model did not write.
    #[must_use]
    pub fn encode_with_special(&self, text: &[u8]) -> Vec<u32> {
        self.tokens(text, true)
    }

    fn tokens(&self, text: &[u8], special: bool) -> Vec<u32> {
        match &self.0 {
            Inner::Bytes => text.iter().map(|&byte| u32::from(byte)).collect(),
            Inner::Vocabulary(encoding) => encoding.tokens(text, special),
        }
    }

    /// Returns the bytes that a token stands for, which may be a part of a character; none for a special token and for an id
    /// that no token has. Nothing is allocated.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        match &self.0 {
            Inner::Bytes => {
                let id = usize::try_from(id).unwrap_or(usize::MAX);
                BYTES.get(id..=id).unwrap_or_default()
            }
            Inner::Vocabulary(encoding) => encoding.bytes(id),
        }
    }

    /// Returns what a token is called: its bytes, or the name of a special one.
    #[must_use]
    pub fn name(&self, id: u32) -> &[u8] {
        match &self.0 {
            Inner::Vocabulary(encoding) if self.is_special(id) => {
                encoding.vocabulary.tokens.text(id)
            }
            _ => self.bytes(id),
        }
    }

    /// Returns the token of a name, such as `<|im_end|>`.
    #[must_use]
    pub fn id(&self, name: &[u8]) -> Option<u32> {
        match &self.0 {
            Inner::Bytes => <[u8; 1]>::try_from(name).ok().map(|[byte]| byte.into()),
            Inner::Vocabulary(encoding) => {
                let Vocabulary { tokens, index, .. } = &encoding.vocabulary;
                index.get(tokens, name)
            }
        }
    }

    /// Whether a token stands for no text.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        match &self.0 {
            Inner::Bytes => false,
            Inner::Vocabulary(encoding) => {
                let token = encoding.vocabulary.tokens.get(id);
                token.is_some_and(|(_, kind)| kind.is_special())
            }
        }
    }

    /// The tokens that a model of this vocabulary expects before a text.
    #[must_use]
    pub fn before(&self) -> &[u32] {
        match &self.0 {
            Inner::Bytes => &[],
            Inner::Vocabulary(encoding) => &encoding.vocabulary.settings.before,
        }
    }

    /// The tokens that it expects after a text that is whole.
    #[must_use]
    pub fn after(&self) -> &[u32] {
        match &self.0 {
            Inner::Bytes => &[],
            Inner::Vocabulary(encoding) => &encoding.vocabulary.settings.after,
        }
    }

    /// The tokens that end what a model writes.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        match &self.0 {
            Inner::Bytes => &[],
            Inner::Vocabulary(encoding) => encoding.vocabulary.ends(),
        }
    }

    /// What somebody who uses the vocabulary should know, in a line.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        match &self.0 {
            Inner::Bytes => None,
            Inner::Vocabulary(encoding) => encoding.vocabulary.note(),
        }
    }

    /// Text of tokens as they come.
    #[must_use]
    pub fn writer(&self) -> TokenWriter<'_> {
        TokenWriter {
            tokenizer: self,
            drops_blank: match &self.0 {
                Inner::Bytes => false,
                Inner::Vocabulary(encoding) => encoding.vocabulary.settings.drops_blank,
            },
            decoder: TextDecoder::new(),
        }
    }

    /// Returns the text of tokens, with U+FFFD for bytes that are not UTF-8.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> String {
        let (mut writer, mut text) = (self.writer(), String::new());
        for &id in ids {
            writer.push(id, |part| text.push_str(part));
        }
        writer.finish(|part| text.push_str(part));
        text
    }
}

impl Encoding {
    fn tokens(&self, text: &[u8], special: bool) -> Vec<u32> {
        let (mut tokens, mut scratch) = (Vec::new(), Scratch::default());
        let mut part = |part| match part {
            Part::Token(id) => tokens.push(id),
            Part::Text(start, end) => {
                let text = &text[start..end];
                self.add(text, start == 0, special, &mut scratch, &mut tokens);
            }
        };
        match &self.named {
            Some(finder) => finder.parts(text, special, &mut part),
            None => part(Part::Text(0, text.len())),
        }
        tokens
    }

    /// Appends the tokens of what lies between tokens.
    fn add(
        &self,
        text: &[u8],
        is_first: bool,
        special: bool,
        scratch: &mut Scratch,
        tokens: &mut Vec<u32>,
    ) {
        let settings = &self.vocabulary.settings;
        let text = changed(&settings.changes, text, is_first);
        let mut part = |part| match part {
            Part::Token(id) => tokens.push(id),
            Part::Text(start, end) => {
                let is_first = is_first && start == 0;
                let text = changed(&settings.late_changes, &text[start..end], is_first);
                split(&self.splitters, &text, &mut |piece| {
                    self.bpe.encode(&self.vocabulary, piece, scratch, tokens);
                });
            }
        };
        match &self.named_in_changed {
            Some(finder) => finder.parts(&text, special, &mut part),
            None => part(Part::Text(0, text.len())),
        }
    }

    fn bytes(&self, id: u32) -> &[u8] {
        let Some((text, kind)) = self.vocabulary.tokens.get(id) else {
            return &[];
        };
        match &self.spoken {
            _ if kind.is_special() => &[],
            Some(spoken) => spoken.get(id as usize).unwrap_or_default(),
            None => text,
        }
    }
}

/// What tokens of characters stand for: blanks, and bytes by their names.
fn spoken(vocabulary: &Vocabulary) -> Option<Strings> {
    let Vocabulary {
        tokens, settings, ..
    } = vocabulary;
    if settings.symbols == Symbols::Bytes {
        return None;
    }
    let blank = [crate::vocabulary::Change::Replace {
        from: BLANK.into(),
        to: " ".into(),
    }];
    let mut spoken = Strings::default();
    for (_, text, kind) in tokens.iter() {
        let bytes: Cow<'_, [u8]> = match named_byte(text) {
            Some(byte) if kind == Kind::Byte => vec![byte].into(),
            _ => changed(&blank, text, false),
        };
        spoken.push(&bytes);
    }
    Some(spoken)
}

/// Turns tokens that come one by one into text: every character as soon as it is complete.
///
/// Nothing is allocated.
#[derive(Clone, Debug)]
pub struct TokenWriter<'t> {
    tokenizer: &'t Tokenizer,
    /// The next text starts with a blank that is not its own.
    drops_blank: bool,
    decoder: TextDecoder,
}

impl<'t> TokenWriter<'t> {
    /// Takes in a token; `write` is given the text that is complete, in parts.
    pub fn push(&mut self, id: u32, write: impl FnMut(&str)) {
        let bytes = self.bytes(id);
        self.decoder.push(bytes, write);
    }

    /// The bytes of a token as part of the text, for whoever makes characters of them itself: the first blank of a text may
    /// not be the text's.
    pub fn bytes(&mut self, id: u32) -> &'t [u8] {
        let bytes = self.tokenizer.bytes(id);
        if !self.drops_blank || bytes.is_empty() {
            return bytes;
        }
        self.drops_blank = false;
        bytes.strip_prefix(b" ").unwrap_or(bytes)
    }

    /// Ends the text: what is no whole character becomes U+FFFD.
    pub fn finish(&mut self, write: impl FnMut(&str)) {
        self.decoder.finish(write);
    }
}
