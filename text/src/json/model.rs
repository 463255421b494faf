//! `model`: tokens and merges, read straight into arenas, for they are nearly all of the file.

use crate::error::TextError;
use crate::vocabulary::Strings;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

#[derive(Deserialize)]
pub(super) struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    pub(super) vocab: Vocab,
    #[serde(default)]
    pub(super) merges: Merges,
    pub(super) unk_token: Option<String>,
    pub(super) byte_fallback: Option<bool>,
    pub(super) fuse_unk: Option<bool>,
    pub(super) ignore_merges: Option<bool>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

impl Model {
    /// Checks that it is a model that is supported.
    pub(super) fn check(&self) -> Result<(), TextError> {
        let unsupported = |what, expected, found: &str| TextError::Unsupported {
            what,
            expected,
            found: found.to_owned(),
        };
        // Older files do not name the only model that has merges.
        let kind = self.kind.as_deref().unwrap_or(match self.merges.0.len() {
            0 => "nothing",
            _ => "BPE",
        });
        if kind != "BPE" {
            return Err(unsupported("the tokenizer's model", "`BPE`", kind));
        }
        for (what, text) in [
            (
                "`continuing_subword_prefix`",
                &self.continuing_subword_prefix,
            ),
            ("`end_of_word_suffix`", &self.end_of_word_suffix),
        ] {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                return Err(unsupported(what, "empty", text));
            }
        }
        Ok(())
    }
}

/// Texts and their ids, in the order of the file.
#[derive(Default)]
pub(super) struct Vocab {
    pub(super) texts: Strings,
    pub(super) ids: Vec<u64>,
}

/// Two texts for each merge.
#[derive(Default)]
pub(super) struct Merges(pub(super) Strings);

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Vocab, D::Error> {
        from.deserialize_any(VocabVisitor)
    }
}

struct VocabVisitor;

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = Vocab;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tokens and their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocab, A::Error> {
        let mut vocab = Vocab::default();
        while map.next_key_seed(Push(&mut vocab.texts))?.is_some() {
            vocab.ids.push(u64::from(map.next_value::<u32>()?));
        }
        Ok(vocab)
    }

    /// Other models than BPE have lists; their name says that they are not supported.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vocab, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Vocab::default())
    }
}

impl<'de> Deserialize<'de> for Merges {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Merges, D::Error> {
        from.deserialize_seq(MergesVisitor)
    }
}

struct MergesVisitor;

impl<'de> Visitor<'de> for MergesVisitor {
    type Value = Merges;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of merges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Merges, A::Error> {
        let mut texts = Strings::default();
        while seq.next_element_seed(PushPair(&mut texts))?.is_some() {}
        Ok(Merges(texts))
    }
}

/// Takes in a string.
struct Push<'s>(&'s mut Strings);

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Push<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a token")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(text.as_bytes());
        Ok(())
    }
}

/// Takes in two strings, or one with a blank between the two.
struct PushPair<'s>(&'s mut Strings);

impl<'de> DeserializeSeed<'de> for PushPair<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PushPair<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two tokens, as a list or with a blank between them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        let (left, right) = text.split_once(' ').ok_or_else(wrong)?;
        if right.contains(' ') {
            return Err(wrong());
        }
        self.0.push(left.as_bytes());
        self.0.push(right.as_bytes());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for taken in 0..2 {
            if seq.next_element_seed(Push(self.0))?.is_none() {
                return Err(A::Error::invalid_length(taken, &"two tokens"));
            }
        }
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::invalid_length(3, &"two tokens")),
        }
    }
}
