//! What `tokenizer_config.json` says beside the vocabulary.

use serde::Deserialize;

#[derive(Default, Deserialize)]
pub(super) struct Config {
    pub(super) add_bos_token: Option<bool>,
    pub(super) add_eos_token: Option<bool>,
    bos_token: Option<Named>,
    eos_token: Option<Named>,
}

/// A token by its text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Added { content: String },
}

impl Config {
    pub(super) fn bos(&self) -> Option<&str> {
        self.bos_token.as_ref().map(Named::text)
    }

    pub(super) fn eos(&self) -> Option<&str> {
        self.eos_token.as_ref().map(Named::text)
    }
}

impl Named {
    fn text(&self) -> &str {
        match self {
            Named::Text(text) | Named::Added { content: text } => text,
        }
    }
}
