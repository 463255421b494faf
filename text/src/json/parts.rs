//! The smaller parts of the file, as they stand there.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Added {
    pub(super) id: u64,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
    #[serde(default)]
    pub(super) special: bool,
}

#[derive(Deserialize)]
pub(super) enum Pattern {
    String(String),
    Regex(String),
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Normalizer {
    Sequence {
        normalizers: Vec<Normalizer>,
    },
    Prepend {
        prepend: String,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    ByteLevel,
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
}

#[derive(Clone, Copy, Default, Deserialize)]
pub(super) enum Behavior {
    Removed,
    #[default]
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Prepends {
    Always,
    First,
    Never,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenizer {
    Sequence {
        pretokenizers: Vec<PreTokenizer>,
    },
    Split {
        pattern: Pattern,
        #[serde(default)]
        behavior: Behavior,
        #[serde(default)]
        invert: bool,
    },
    ByteLevel {
        #[serde(default)]
        add_prefix_space: bool,
        use_regex: Option<bool>,
    },
    Digits {
        #[serde(default)]
        individual_digits: bool,
    },
    Punctuation {
        #[serde(default)]
        behavior: Behavior,
    },
    Metaspace(Metaspace),
}

#[derive(Deserialize)]
pub(super) struct Metaspace {
    pub(super) replacement: String,
    prepend_scheme: Option<Prepends>,
    add_prefix_space: Option<bool>,
    pub(super) split: Option<bool>,
}

impl Metaspace {
    pub(super) fn prepends(&self) -> Prepends {
        match (self.prepend_scheme, self.add_prefix_space) {
            (Some(scheme), _) => scheme,
            (None, Some(false)) => Prepends::Never,
            (None, _) => Prepends::Always,
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum PostProcessor {
    Sequence {
        processors: Vec<PostProcessor>,
    },
    ByteLevel,
    TemplateProcessing {
        single: Vec<Piece>,
        #[serde(default)]
        special_tokens: BTreeMap<String, Special>,
    },
    BertProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
    RobertaProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
}

#[derive(Deserialize)]
pub(super) enum Piece {
    SpecialToken { id: String },
    Sequence {},
}

#[derive(Deserialize)]
pub(super) struct Special {
    pub(super) ids: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Decoder {
    Sequence { decoders: Vec<Decoder> },
    ByteLevel,
    ByteFallback,
    Fuse,
    Replace {},
    Strip { content: String, start: u32 },
    Metaspace(Metaspace),
}

impl Decoder {
    /// Whether the first blank of a text is not the text's.
    pub(super) fn drops_blank(&self) -> bool {
        match self {
            Decoder::Sequence { decoders } => decoders.iter().any(Decoder::drops_blank),
            Decoder::Strip { content, start } => content == " " && *start > 0,
            Decoder::Metaspace(metaspace) => metaspace.prepends() != Prepends::Never,
            Decoder::ByteLevel | Decoder::ByteFallback | Decoder::Fuse | Decoder::Replace {} => {
                false
            }
        }
    }
}
