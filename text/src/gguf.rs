//! A vocabulary from the keys of a GGUF file.

use crate::byte_level::bytes_of;
use crate::error::TextError;
use crate::pre::Pre;
use crate::vocabulary::{
    BLANK, Change, Index, Kind, Merges, Settings, Spelt, Symbols, Tokens, Vocabulary, ends_by_name,
};
use atome_gguf::Metadata;

/// The values of `tokenizer.ggml.*`, as far as a file has them.
struct Keys<'f> {
    /// `gpt2` or `llama`.
    model: &'f str,
    /// What cuts texts.
    pre: Option<&'f str>,
    tokens: Vec<&'f [u8]>,
    /// All are normal where there are none.
    token_types: Vec<i128>,
    scores: Vec<f32>,
    /// Two tokens each, with a blank between them.
    merges: Vec<&'f [u8]>,
    bos: Option<u32>,
    eos: Option<u32>,
    /// Other ends than that of a text.
    ends: Vec<u32>,
    unknown: Option<u32>,
    add_bos: Option<bool>,
    add_eos: Option<bool>,
    add_space_prefix: Option<bool>,
}

impl Vocabulary {
    /// Reads the vocabulary in the keys of a GGUF file.
    ///
    /// # Errors
    /// If there is none or it is not supported, or values are missing or do not belong together.
    pub fn from_gguf(metadata: &Metadata<'_>) -> Result<Vocabulary, TextError> {
        Keys::read(metadata)?.vocabulary()
    }
}

impl<'f> Keys<'f> {
    fn read(metadata: &Metadata<'f>) -> Result<Keys<'f>, TextError> {
        let strings = |key| {
            let array = metadata.array(key)?;
            let strings = array.map(|array| array.byte_strings()).transpose()?;
            Ok::<_, atome_gguf::Error>(strings.into_iter().flatten().collect())
        };
        let integers = match metadata.array("tokenizer.ggml.token_type")? {
            Some(types) => types.integers()?.collect(),
            None => Vec::new(),
        };
        let scores = match metadata.array("tokenizer.ggml.scores")? {
            Some(scores) => scores.iter::<f32>()?.collect(),
            None => Vec::new(),
        };
        let id = |key| metadata.u32(key);
        let ends = [
            id("tokenizer.ggml.eot_token_id")?,
            id("tokenizer.ggml.eom_token_id")?,
        ];
        Ok(Keys {
            model: metadata
                .string("tokenizer.ggml.model")?
                .ok_or(TextError::Missing {
                    what: "`tokenizer.ggml.model`",
                })?,
            pre: metadata.string("tokenizer.ggml.pre")?,
            tokens: strings("tokenizer.ggml.tokens")?,
            token_types: integers,
            scores,
            merges: strings("tokenizer.ggml.merges")?,
            bos: id("tokenizer.ggml.bos_token_id")?,
            eos: id("tokenizer.ggml.eos_token_id")?,
            ends: ends.into_iter().flatten().collect(),
            unknown: id("tokenizer.ggml.unknown_token_id")?,
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token")?,
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token")?,
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix")?,
        })
    }

    fn vocabulary(&self) -> Result<Vocabulary, TextError> {
        match self.model {
            "gpt2" => self.byte_level(),
            "llama" => self.characters(),
            model => Err(TextError::Unsupported {
                what: "`tokenizer.ggml.model`",
                expected: "`gpt2` or `llama`",
                found: model.to_owned(),
            }),
        }
    }

    fn byte_level(&self) -> Result<Vocabulary, TextError> {
        let name = self.pre.unwrap_or("default");
        let pre = Pre::named(name).ok_or_else(|| TextError::Unsupported {
            what: "`tokenizer.ggml.pre`",
            expected: "a known name",
            found: name.to_owned(),
        })?;
        let tokens = self.tokens(|text, kind, bytes| match kind {
            Kind::Normal => bytes_of(text, bytes).is_some(),
            _ => false,
        })?;
        let index = Index::new(&tokens);
        let merges = self.merges(&tokens, &index)?;
        let mut settings = Settings::new(Symbols::Bytes);
        settings.splits = pre.splits();
        settings.whole_pieces = pre.whole_pieces;
        self.finish(tokens, index, merges, settings, pre.begins)
            .map(|vocabulary| Vocabulary {
                note: match self.pre {
                    Some(_) => None,
                    None => Some("the file does not say what cuts its texts: tokens may not be those the model was trained on".into()),
                },
                ..vocabulary
            })
    }

    fn characters(&self) -> Result<Vocabulary, TextError> {
        let tokens = self.tokens(|_, _, _| false)?;
        let index = Index::new(&tokens);
        let by_bytes = tokens.kinds.contains(&Kind::Byte);
        let unknown = tokens.iter().find(|(_, _, kind)| *kind == Kind::Unknown);
        let mut settings = Settings::new(Symbols::Characters {
            by_bytes,
            unknown: self.unknown.or(unknown.map(|(id, ..)| id)),
            joined: false,
        });
        if self.add_space_prefix.unwrap_or(true) {
            settings.drops_blank = true;
            settings.changes.push(Change::Prepend {
                text: BLANK.into(),
                first: false,
                unless_there: false,
            });
        }
        settings.changes.push(Change::Replace {
            from: " ".into(),
            to: BLANK.into(),
        });
        let merges = match self.scores.is_empty() {
            true if !self.merges.is_empty() => self.merges(&tokens, &index)?,
            true => {
                return Err(TextError::Missing {
                    what: "`tokenizer.ggml.scores`",
                });
            }
            false => Merges::Scores(self.scores.clone()),
        };
        self.finish(tokens, index, merges, settings, true)
    }

    /// The tokens; `rewrite` may write the bytes of one in place of its text.
    fn tokens(
        &self,
        rewrite: impl Fn(&[u8], Kind, &mut Vec<u8>) -> bool,
    ) -> Result<Tokens, TextError> {
        if self.tokens.is_empty() {
            return Err(TextError::Missing {
                what: "`tokenizer.ggml.tokens`",
            });
        }
        let types = self.token_types.len();
        if types != 0 && types != self.tokens.len() {
            return Err(TextError::Count {
                what: "a type",
                tokens: self.tokens.len(),
                found: types,
            });
        }
        let (mut tokens, mut bytes) = (Tokens::default(), Vec::new());
        for (id, &text) in self.tokens.iter().enumerate() {
            let number = self.token_types.get(id).copied().unwrap_or(1);
            let kind = u8::try_from(number).ok().and_then(Kind::of);
            let kind = kind.ok_or_else(|| TextError::Token {
                id: id as u64,
                expected: "a type from 1 to 6",
                found: number.to_string(),
            })?;
            match rewrite(text, kind, &mut bytes) {
                true => tokens.push(&bytes, kind),
                false => tokens.push(text, kind),
            }
        }
        Ok(tokens)
    }

    fn merges(&self, tokens: &Tokens, index: &Index) -> Result<Merges, TextError> {
        let is_bytes = self.model == "gpt2";
        let mut bytes = Vec::new();
        let mut id = |text: &[u8]| match is_bytes && bytes_of(text, &mut bytes).is_some() {
            true => index.get(tokens, &bytes),
            false => index.get(tokens, text),
        };
        let mut pairs = Vec::with_capacity(self.merges.len());
        for (number, merge) in self.merges.iter().enumerate() {
            let fault = || TextError::Merge {
                number,
                expected: "two tokens with a blank between them",
                found: String::from_utf8_lossy(merge).into_owned(),
            };
            // A token may start with a blank.
            let blank = merge.iter().skip(1).position(|byte| *byte == b' ');
            let (left, right) = merge.split_at(blank.ok_or_else(fault)? + 1);
            let pair = id(left).zip(id(&right[1..]));
            let (left, right) = pair.ok_or_else(fault)?;
            pairs.push([left, right]);
        }
        Ok(Merges::Listed(pairs))
    }

    fn finish(
        &self,
        tokens: Tokens,
        index: Index,
        merges: Merges,
        mut settings: Settings,
        begins: bool,
    ) -> Result<Vocabulary, TextError> {
        if self.add_bos.unwrap_or(begins && self.bos.is_some()) {
            settings.before.extend(self.bos);
        }
        if self.add_eos.unwrap_or(false) {
            settings.after.extend(self.eos);
        }
        settings.ends = ends_by_name(
            &tokens,
            self.eos.into_iter().chain(self.ends.iter().copied()),
        );
        let is_spelt = |kind| matches!(kind, Kind::Control | Kind::Unknown | Kind::UserDefined);
        let spelt = tokens.iter().filter(|(_, _, kind)| is_spelt(*kind));
        settings.spelt = spelt.map(|(id, ..)| Spelt::plain(id)).collect();
        Vocabulary::new(tokens, index, merges, settings)
    }
}
