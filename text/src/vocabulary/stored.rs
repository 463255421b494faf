//! A vocabulary as bytes, for a container of a model. All numbers are little-endian:
//!
//! ```text
//! 0     "ATOMETOK"   8 bytes
//! 8     version      u32, 1
//! 12    S, N, B, M   u32 each: bytes of the settings, tokens, bytes of their texts, merges
//! 28    settings     JSON, S bytes
//!       kinds        N bytes
//!       lengths      N u32: bytes of each text
//!       texts        B bytes
//!       merges       M times two u32, or, where M is 2^32 - 1, N f32: scores
//! ```

use super::{Index, Kind, Merges, Settings, Tokens, Vocabulary};
use crate::error::TextError;

const MAGIC: &[u8; 8] = b"ATOMETOK";
const VERSION: u32 = 1;
/// In place of a number of merges.
const SCORES: u32 = u32::MAX;

impl Vocabulary {
    /// The vocabulary as bytes, from which [`Vocabulary::from_bytes`] makes it again.
    ///
    /// # Errors
    /// If there are 4 GiB of it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TextError> {
        let settings =
            serde_json::to_vec(&self.settings).map_err(|cause| TextError::Json { cause })?;
        let texts: Vec<u8> = self.tokens.text.iter().flatten().copied().collect();
        let merges = match &self.merges {
            Merges::Listed(pairs) => number(pairs.len())?,
            Merges::Scores(_) => SCORES,
        };
        let mut bytes = MAGIC.to_vec();
        let mut put = |number: u32| bytes.extend(number.to_le_bytes());
        put(VERSION);
        for count in [settings.len(), self.tokens.len(), texts.len()] {
            put(number(count)?);
        }
        put(merges);
        bytes.extend(&settings);
        bytes.extend(self.tokens.kinds.iter().map(|kind| *kind as u8));
        for text in self.tokens.text.iter() {
            bytes.extend(number(text.len())?.to_le_bytes());
        }
        bytes.extend(&texts);
        match &self.merges {
            Merges::Listed(pairs) => {
                bytes.extend(pairs.as_flattened().iter().flat_map(|id| id.to_le_bytes()));
            }
            Merges::Scores(scores) => bytes.extend(scores.iter().flat_map(|s| s.to_le_bytes())),
        }
        Ok(bytes)
    }

    /// Reads what [`Vocabulary::to_bytes`] wrote.
    ///
    /// # Errors
    /// The first fault, with its offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<Vocabulary, TextError> {
        let mut rest = Reader { bytes, at: 0 };
        if rest.take(8, "the bytes `ATOMETOK`")? != MAGIC {
            return Err(rest.fault(0, "the bytes `ATOMETOK`", "others".into()));
        }
        let version = rest.number("a version")?;
        if version != VERSION {
            return Err(rest.fault(8, "version 1", version.to_string()));
        }
        let [settings, tokens, texts, merges] = [(); 4].map(|()| rest.number("a length"));
        let (settings, tokens, texts, merges) = (settings?, tokens?, texts?, merges?);
        let settings_at = rest.at;
        let settings = rest.take(settings as usize, "settings")?;
        let settings: Settings = serde_json::from_slice(settings)
            .map_err(|cause| rest.fault(settings_at, "settings as JSON", cause.to_string()))?;
        let tokens = rest.tokens(tokens as usize, texts as usize)?;
        let merges = rest.merges(merges, tokens.len())?;
        if rest.at != bytes.len() {
            let found = format!("{} bytes more", bytes.len() - rest.at);
            return Err(rest.fault(rest.at, "its end", found));
        }
        let index = Index::new(&tokens);
        Vocabulary::new(tokens, index, merges, settings)
    }
}

/// A length as it is written.
fn number(count: usize) -> Result<u32, TextError> {
    u32::try_from(count).map_err(|_| TextError::Unsupported {
        what: "the vocabulary",
        expected: "less than 4 GiB",
        found: count.to_string(),
    })
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'b [u8], TextError> {
        let rest = &self.bytes[self.at..];
        let taken = rest
            .get(..count)
            .ok_or_else(|| self.fault(self.at, what, format!("{} of {count} bytes", rest.len())))?;
        self.at += count;
        Ok(taken)
    }

    fn number(&mut self, what: &'static str) -> Result<u32, TextError> {
        let bytes = self.take(4, what)?;
        Ok(bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| u32::from_le_bytes(*b))
            .sum())
    }

    fn numbers(&mut self, count: usize, what: &'static str) -> Result<&'b [[u8; 4]], TextError> {
        let bytes = count.saturating_mul(4);
        Ok(self.take(bytes, what)?.as_chunks().0)
    }

    fn tokens(&mut self, count: usize, text_bytes: usize) -> Result<Tokens, TextError> {
        let kinds_at = self.at;
        let kinds = self.take(count, "a kind for each token")?;
        let lengths = self.numbers(count, "a length for each token")?;
        let text_at = self.at;
        let mut text = self.take(text_bytes, "the texts of all tokens")?;
        let mut tokens = Tokens::default();
        tokens.reserve(count, text_bytes);
        for (i, (&kind, length)) in kinds.iter().zip(lengths).enumerate() {
            let of = Kind::of(kind)
                .ok_or_else(|| self.fault(kinds_at + i, "a kind from 1 to 6", kind.to_string()))?;
            let length = u32::from_le_bytes(*length) as usize;
            let Some((token, after)) = text.split_at_checked(length) else {
                let at = text_at + text_bytes - text.len();
                return Err(self.fault(at, "the text of a token", format!("a length of {length}")));
            };
            tokens.push(token, of);
            text = after;
        }
        match text {
            [] => Ok(tokens),
            more => {
                let at = text_at + text_bytes - more.len();
                Err(self.fault(
                    at,
                    "no text after the last token's",
                    format!("{} bytes", more.len()),
                ))
            }
        }
    }

    fn merges(&mut self, count: u32, tokens: usize) -> Result<Merges, TextError> {
        if count == SCORES {
            let scores = self.numbers(tokens, "a score for each token")?;
            return Ok(Merges::Scores(
                scores.iter().map(|s| f32::from_le_bytes(*s)).collect(),
            ));
        }
        let ids = self.numbers((count as usize).saturating_mul(2), "two ids for each merge")?;
        let pairs = ids.as_chunks().0.iter();
        Ok(Merges::Listed(
            pairs
                .map(|pair: &[_; 2]| pair.map(u32::from_le_bytes))
                .collect(),
        ))
    }

    fn fault(&self, offset: usize, expected: &'static str, found: String) -> TextError {
        TextError::Stored {
            offset,
            expected,
            found,
        }
    }
}
