//! A vocabulary from `tokenizer.json`, as the `tokenizers` library writes it.
//!
//! | file | concept |
//! |---|---|
//! | `model` | tokens and merges |
//! | `parts` | the other parts of the file |
//! | `steps` | these as settings |
//! | `config` | what `tokenizer_config.json` adds |

mod config;
mod model;
mod parts;
mod steps;

use crate::bpe::named_byte;
use crate::byte_level::bytes_of;
use crate::error::TextError;
use crate::vocabulary::{
    Index, Kind, Merges, Settings, Spelt, Strings, Symbols, Tokens, Vocabulary, ends_by_name,
};
use config::Config;
use model::Model;
use parts::{Added, Decoder, Normalizer, PostProcessor, PreTokenizer};
use serde::Deserialize;
use std::ops::Range;
use std::{io, panic, thread};

/// Ids without tokens that a file may have.
const MAX_UNUSED: usize = 1 << 16;

/// Merges whose tokens two threads look for.
const MANY_MERGES: usize = 1 << 15;

/// The tokens of each merge, and the one that it makes if there is one.
type Merged = (Vec<[u32; 2]>, Vec<Option<u32>>);

/// `tokenizer.json`.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<PreTokenizer>,
    post_processor: Option<PostProcessor>,
    decoder: Option<Decoder>,
    model: Model,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`, and the `tokenizer_config.json` beside it where there is one.
    ///
    /// # Errors
    /// The first fault: what is no JSON, is not supported, or does not belong together.
    pub fn from_json(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Vocabulary, TextError> {
        let json = |cause| TextError::Json { cause };
        // Checked once for the whole file, which is faster than string by string.
        let text = str::from_utf8(tokenizer).map_err(|fault| TextError::Stored {
            offset: fault.valid_up_to(),
            expected: "UTF-8",
            found: format!("{:#04x}", tokenizer[fault.valid_up_to()]),
        })?;
        let file: File = serde_json::from_str(text).map_err(json)?;
        let config = config.map(serde_json::from_slice::<Config>).transpose();
        file.vocabulary(&config.map_err(json)?.unwrap_or_default())
    }
}

impl File {
    fn vocabulary(self, config: &Config) -> Result<Vocabulary, TextError> {
        self.model.check()?;
        let mut settings = Settings::new(Symbols::Bytes);
        settings.whole_pieces = self.model.ignore_merges.unwrap_or(false);
        let mut is_bytes = match &self.normalizer {
            Some(normalizer) => normalizer.add_to(&mut settings)?,
            None => false,
        };
        if let Some(pre_tokenizer) = &self.pre_tokenizer {
            is_bytes |= pre_tokenizer.add_to(&mut settings)?;
        }
        let tokens = self.tokens(is_bytes)?;
        let index = Index::new(&tokens);
        if !is_bytes {
            settings.symbols = Symbols::Characters {
                by_bytes: self.model.byte_fallback.unwrap_or(false),
                unknown: self.unknown(&tokens, &index)?,
                joined: self.model.fuse_unk.unwrap_or(false),
            };
        }
        let (merges, made) = self.merges(&tokens, &index, is_bytes)?;
        if let Some(post_processor) = &self.post_processor {
            post_processor.add_to(&mut settings);
        }
        settings.drops_blank = match &self.decoder {
            Some(decoder) => decoder.drops_blank(),
            None => false,
        };
        let spelt = self.added_tokens.iter();
        settings.spelt = spelt.map(Added::spelt).collect::<Result<_, _>>()?;
        let named = |name: Option<&str>| name.and_then(|name| index.get(&tokens, name.as_bytes()));
        if settings.before.is_empty() && config.add_bos_token == Some(true) {
            settings.before.extend(named(config.bos()));
        }
        if settings.after.is_empty() && config.add_eos_token == Some(true) {
            settings.after.extend(named(config.eos()));
        }
        settings.ends = ends_by_name(&tokens, named(config.eos()));
        let vocabulary = Vocabulary::new(tokens, index, Merges::Listed(merges), settings)?;
        Ok(Vocabulary { made, ..vocabulary })
    }

    /// All tokens by id: those of the model, and those that were added.
    fn tokens(&self, is_bytes: bool) -> Result<Tokens, TextError> {
        let model = &self.model.vocab;
        let by_bytes = !is_bytes && self.model.byte_fallback.unwrap_or(false);
        let ids = model.ids.iter().copied();
        let ids = ids.chain(self.added_tokens.iter().map(|added| added.id));
        let most = ids.max().ok_or(TextError::Missing { what: "tokens" })?;
        let count = model.ids.len() + self.added_tokens.len();
        if most >= (count + MAX_UNUSED) as u64 {
            return Err(TextError::Token {
                id: most,
                expected: "at most 65536 ids without tokens",
                found: format!("{count} tokens"),
            });
        }
        // The number of each id's text, of the model's and then of those that were added.
        let mut numbers = vec![usize::MAX; most as usize + 1];
        for (number, &id) in model.ids.iter().enumerate() {
            let place = &mut numbers[id as usize];
            if *place != usize::MAX {
                return Err(twice(id, model.texts.get(number)));
            }
            *place = number;
        }
        let mut added = vec![
            usize::MAX;
            if self.added_tokens.is_empty() {
                0
            } else {
                numbers.len()
            }
        ];
        for (number, token) in self.added_tokens.iter().enumerate() {
            let id = token.id as usize;
            let in_model = model.texts.get(numbers[id]);
            let is_same = in_model.is_none_or(|text| text == token.content.as_bytes());
            if added[id] != usize::MAX || !is_same {
                return Err(twice(token.id, Some(token.content.as_bytes())));
            }
            added[id] = number;
        }
        let mut tokens = Tokens::default();
        tokens.reserve(numbers.len(), model.texts.bytes());
        let mut bytes = Vec::new();
        for (id, &number) in numbers.iter().enumerate() {
            if let Some(token) = added.get(id).and_then(|at| self.added_tokens.get(*at)) {
                let is_unknown = self.model.unk_token.as_deref() == Some(&token.content);
                let kind = match token.special {
                    true if is_unknown => Kind::Unknown,
                    true => Kind::Control,
                    false => Kind::UserDefined,
                };
                tokens.push(token.content.as_bytes(), kind);
                continue;
            }
            match model.texts.get(number) {
                None => tokens.push(b"", Kind::Unused),
                Some(text) if is_bytes && bytes_of(text, &mut bytes).is_some() => {
                    tokens.push(&bytes, Kind::Normal);
                }
                Some(text) if by_bytes && named_byte(text).is_some() => {
                    tokens.push(text, Kind::Byte)
                }
                Some(text) => tokens.push(text, Kind::Normal),
            }
        }
        Ok(tokens)
    }

    fn unknown(&self, tokens: &Tokens, index: &Index) -> Result<Option<u32>, TextError> {
        let Some(name) = &self.model.unk_token else {
            return Ok(None);
        };
        let id = index.get(tokens, name.as_bytes());
        let unknown = id.ok_or_else(|| TextError::Unsupported {
            what: "`unk_token`",
            expected: "a token",
            found: name.clone(),
        })?;
        Ok(Some(unknown))
    }

    /// The tokens of each merge, and the one that it makes if there is one.
    fn merges(&self, tokens: &Tokens, index: &Index, is_bytes: bool) -> Result<Merged, TextError> {
        let texts: &Strings = &self.model.merges.0;
        let find = |numbers: Range<usize>| {
            let (mut pairs, mut made) = (Vec::new(), Vec::new());
            pairs.reserve_exact(numbers.len());
            made.reserve_exact(numbers.len());
            let (mut parts, mut last) = ([Vec::new(), Vec::new()], 0u32);
            for number in numbers {
                let mut pair = [0; 2];
                for (at, part) in parts.iter_mut().enumerate() {
                    let text = texts.get(2 * number + at).unwrap_or_default();
                    if !is_bytes || bytes_of(text, part).is_none() {
                        part.clear();
                        part.extend_from_slice(text);
                    }
                    pair[at] = index.get(tokens, part).ok_or_else(|| TextError::Merge {
                        number,
                        expected: "a token",
                        found: String::from_utf8_lossy(text).into_owned(),
                    })?;
                }
                // Most lists have the pairs of a token together, and tokens in order.
                let likely = [last, last.saturating_add(1)];
                let id = index.joined(tokens, &parts, likely);
                let id = id.or_else(|| index.get(tokens, &parts.concat()));
                last = id.unwrap_or(last);
                pairs.push(pair);
                made.push(id);
            }
            Ok::<_, TextError>((pairs, made))
        };
        // Ids are all over the memory of the index, which two threads wait for together.
        let count = texts.len() / 2;
        let half = match count < MANY_MERGES {
            true => count,
            false => count / 2,
        };
        let (first, second) = thread::scope(|scope| {
            let other = || thread::Builder::new().spawn_scoped(scope, || find(half..count));
            let other = (half < count).then(other).and_then(io::Result::ok);
            let first = find(0..half);
            // Where the system starts no thread, this one does it all.
            let second = match other.map(thread::ScopedJoinHandle::join) {
                Some(Ok(second)) => second,
                Some(Err(cause)) => panic::resume_unwind(cause),
                None => find(half..count),
            };
            (first, second)
        });
        let ((mut pairs, mut made), second) = (first?, second?);
        pairs.extend(second.0);
        made.extend(second.1);
        Ok((pairs, made))
    }
}

impl Added {
    fn spelt(&self) -> Result<Spelt, TextError> {
        let id = u32::try_from(self.id).map_err(|_| TextError::Token {
            id: self.id,
            expected: "an id of 32 bits",
            found: self.id.to_string(),
        })?;
        Ok(Spelt {
            id,
            single_word: self.single_word,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            normalized: self.normalized,
        })
    }
}

fn twice(id: u64, text: Option<&[u8]>) -> TextError {
    TextError::Token {
        id,
        expected: "one token of this id",
        found: String::from_utf8_lossy(text.unwrap_or_default()).into_owned(),
    }
}
