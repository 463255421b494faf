//! Byte-pair encoding: a piece of text to tokens.
//!
//! | file | concept |
//! |---|---|
//! | `pairs` | which neighbours merge |
//! | `merge` | the tokens of a piece |

mod merge;
mod pairs;

use crate::error::TextError;
use crate::utf8;
use crate::vocabulary::{BLANK, Kind, Symbols, Tokens, Vocabulary};
use merge::{Merger, NO_TOKEN};
use pairs::Pairs;

/// A longer piece is merged in parts of so many bytes, which bounds the memory. No text of words has one.
const MAX_PIECE_BYTES: usize = 1 << 24;

/// The encoding of a vocabulary.
#[derive(Clone, Debug)]
pub(crate) struct Bpe {
    pairs: Pairs,
    symbols: Symbols,
    /// The token of each byte: of texts of bytes, and of characters that have none.
    bytes: [u32; 256],
    /// The token of each ASCII character.
    ascii: [u32; 128],
    whole_pieces: bool,
    /// Characters that some token has before a blank; no merge joins another with a blank after it.
    before_blank: Vec<char>,
}

/// Memory for encoding, one text after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Merger);

impl Bpe {
    pub(crate) fn new(vocabulary: &Vocabulary) -> Result<Bpe, TextError> {
        let Vocabulary {
            tokens,
            index,
            settings,
            ..
        } = vocabulary;
        let text_of = |text: &[u8]| {
            let id = index.get(tokens, text)?;
            tokens.get(id).filter(|(_, kind)| !kind.is_special())?;
            Some(id)
        };
        let mut bytes = [NO_TOKEN; 256];
        for (byte, id) in (0..=u8::MAX).zip(&mut bytes) {
            *id = match settings.symbols {
                Symbols::Bytes => text_of(&[byte]).unwrap_or(NO_TOKEN),
                Symbols::Characters { .. } => NO_TOKEN,
            };
        }
        for (id, text, _) in tokens.iter().filter(|(_, _, kind)| *kind == Kind::Byte) {
            if let Some(byte) = named_byte(text) {
                bytes[usize::from(byte)] = id;
            }
        }
        let mut ascii = [NO_TOKEN; 128];
        for (byte, id) in (0..).zip(&mut ascii) {
            *id = text_of(&[byte]).unwrap_or(NO_TOKEN);
        }
        Ok(Bpe {
            pairs: Pairs::new(vocabulary)?,
            symbols: settings.symbols.clone(),
            bytes,
            ascii,
            whole_pieces: settings.whole_pieces,
            before_blank: match settings.symbols {
                Symbols::Bytes => Vec::new(),
                Symbols::Characters { .. } => before_blank(tokens),
            },
        })
    }

    /// Appends the tokens of a piece of text.
    pub(crate) fn encode(
        &self,
        vocabulary: &Vocabulary,
        piece: &[u8],
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) {
        if self.whole_pieces
            && let Some(id) = vocabulary.index.get(&vocabulary.tokens, piece)
            && vocabulary
                .tokens
                .get(id)
                .is_some_and(|(_, kind)| !kind.is_special())
        {
            out.push(id);
            return;
        }
        let merger = &mut scratch.0;
        if self.symbols == Symbols::Bytes {
            for part in piece.chunks(MAX_PIECE_BYTES) {
                let ids = part.iter().map(|byte| self.bytes[usize::from(*byte)]);
                merger.ids.extend(ids);
                merger.merge(&self.pairs, out);
            }
            return;
        }
        let mut rest = piece;
        while !rest.is_empty() {
            let (word, after) = rest.split_at(self.word(rest));
            self.characters(vocabulary, word, &mut merger.ids);
            merger.merge(&self.pairs, out);
            rest = after;
        }
    }

    /// Length of the first word: no merge goes over its end.
    fn word(&self, text: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let (c, length) = utf8::first(&text[at..]);
            at += length;
            let rest = &text[at..];
            let is_end = rest.is_empty() || at >= MAX_PIECE_BYTES;
            if is_end || rest.starts_with(BLANK.as_bytes()) && !self.before_blank.contains(&c) {
                return at;
            }
        }
    }

    /// Appends a symbol for each character.
    fn characters(&self, vocabulary: &Vocabulary, text: &[u8], ids: &mut Vec<u32>) {
        let Symbols::Characters {
            by_bytes,
            unknown,
            joined,
        } = self.symbols
        else {
            return;
        };
        let mut rest = text;
        let mut was_unknown = false;
        while let Some(&byte) = rest.first() {
            let (character, after) = rest.split_at(utf8::first(rest).1);
            rest = after;
            let id = match byte.is_ascii() {
                true => self.ascii[usize::from(byte)],
                false => self.character(vocabulary, character),
            };
            let as_bytes = || character.iter().map(|byte| self.bytes[usize::from(*byte)]);
            if id != NO_TOKEN {
                ids.push(id);
            } else if by_bytes && as_bytes().all(|id| id != NO_TOKEN) {
                ids.extend(as_bytes());
                continue;
            } else {
                if !(was_unknown && joined) {
                    ids.push(unknown.unwrap_or(NO_TOKEN));
                }
                was_unknown = true;
                continue;
            }
            was_unknown = false;
        }
    }

    fn character(&self, vocabulary: &Vocabulary, character: &[u8]) -> u32 {
        let Vocabulary { tokens, index, .. } = vocabulary;
        let id = index.get(tokens, character);
        let is_text = |id: &u32| tokens.get(*id).is_some_and(|(_, kind)| !kind.is_special());
        id.filter(is_text).unwrap_or(NO_TOKEN)
    }
}

/// The byte that a token of one is named after: `<0x0A>`.
pub(crate) fn named_byte(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let text = str::from_utf8(digits).ok().filter(|text| text.len() == 2)?;
    u8::from_str_radix(text, 16).ok()
}

/// The characters that stand before a blank within some token.
fn before_blank(tokens: &Tokens) -> Vec<char> {
    let mut found = Vec::new();
    let texts = tokens.iter().filter(|(_, _, kind)| !kind.is_special());
    for (_, text, _) in texts {
        let blank = BLANK.as_bytes();
        let starts = text.windows(blank.len()).enumerate().skip(1);
        for (at, _) in starts.filter(|(_, bytes)| *bytes == blank) {
            let (c, _) = utf8::first(&text[at - utf8::last(&text[..at])..]);
            if !found.contains(&c) {
                found.push(c);
            }
        }
    }
    found
}
