//! How a conversation becomes text, in the words of whoever published a model: `tokenizer_config.json` and
//! `chat_template.jinja` of a directory, or keys of a GGUF file.

use crate::error::{ConfigError, FileError};
use crate::json;
use atome_gguf::Metadata;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file with the special tokens, and the template where that is no file of its own.
const SETTINGS: &str = "tokenizer_config.json";
/// The file of a template alone.
const ALONE: &str = "chat_template.jinja";
/// Longest `tokenizer_config.json`: it lists every special token.
const MAX_SETTINGS_BYTES: u64 = 16 << 20;

/// A template of conversations, and the tokens that it may spell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatTemplate {
    /// The template, in Jinja; `None` where the tokens alone are known.
    pub source: Option<String>,
    /// The token that begins a text; empty if there is none.
    pub bos: String,
    /// The token that ends a text; empty if there is none.
    pub eos: String,
}

impl ChatTemplate {
    /// The longest template.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Checks the length of a template.
    ///
    /// # Errors
    /// If it is longer than [`ChatTemplate::MAX_BYTES`].
    pub fn check(&self) -> Result<(), ConfigError> {
        match self.source.as_ref().map_or(0, String::len) {
            ..=Self::MAX_BYTES => Ok(()),
            found => Err(ConfigError::Value {
                key: "chat_template",
                expected: format!("of at most {} bytes", Self::MAX_BYTES),
                found: found.to_string(),
            }),
        }
    }

    /// What a directory says, if it does.
    ///
    /// # Errors
    /// If a file of it cannot be read or says what is none, with its path.
    pub fn of_folder(folder: &Path) -> Result<Option<Self>, FileError> {
        let path = folder.join(SETTINGS);
        let read = || -> Result<Settings, FileError> {
            let text = json::read(&path, MAX_SETTINGS_BYTES)?;
            Ok(json::object(&text)?)
        };
        let settings = match path.exists() {
            true => read().map_err(|fault| fault.in_file(&path))?,
            false => Settings::default(),
        };
        let alone = folder.join(ALONE);
        let (source, path) = match alone.exists() {
            true => {
                let source = template_alone(&alone).map_err(|fault| fault.in_file(&alone))?;
                (Some(source), alone)
            }
            false => (settings.source().map_err(|e| e.in_file(&path))?, path),
        };
        let template = ChatTemplate {
            source,
            bos: Token::text(settings.bos_token),
            eos: Token::text(settings.eos_token),
        };
        let checked = template.check();
        checked.map_err(|cause| FileError::from(cause).in_file(&path))?;
        Ok(template.unless_empty())
    }

    fn unless_empty(self) -> Option<Self> {
        let says = self.source.is_some() || !self.bos.is_empty() || !self.eos.is_empty();
        says.then_some(self)
    }

    /// What the keys of a GGUF file say, if they do; tokens of a file of ours are behind `own`.
    ///
    /// # Errors
    /// If a key is of another type, or the template too long.
    pub(super) fn in_gguf(keys: &Metadata<'_>, own: &str) -> Result<Option<Self>, FileError> {
        let token = |name: &str| -> Result<String, FileError> {
            if let Some(token) = keys.string(&format!("{own}{name}"))? {
                return Ok(token.to_owned());
            }
            let id = keys.u32(&format!("tokenizer.ggml.{name}_id"))?;
            let tokens = keys.array("tokenizer.ggml.tokens")?;
            let Some((id, tokens)) = id.zip(tokens) else {
                return Ok(String::new());
            };
            let token = tokens.byte_strings()?.nth(id as usize);
            Ok(token.map_or_else(String::new, |token| {
                String::from_utf8_lossy(token).into_owned()
            }))
        };
        let template = ChatTemplate {
            source: keys.string(GGUF_TEMPLATE)?.map(str::to_owned),
            bos: token(BOS)?,
            eos: token(EOS)?,
        };
        template.check()?;
        Ok(template.unless_empty())
    }

    /// The template that a container states.
    ///
    /// # Errors
    /// If it is no template, or too long.
    pub(super) fn stated(text: &str) -> Result<Self, FileError> {
        let template: ChatTemplate = json::object(text.as_bytes())?;
        template.check()?;
        Ok(template)
    }
}

/// The key of a template, in every GGUF file.
pub(super) const GGUF_TEMPLATE: &str = "tokenizer.chat_template";
/// The keys of the tokens, behind the family's name.
pub(super) const BOS: &str = "bos_token";
pub(super) const EOS: &str = "eos_token";

fn template_alone(path: &Path) -> Result<String, FileError> {
    let text = json::read(path, MAX_SETTINGS_BYTES)?;
    String::from_utf8(text).map_err(|fault| {
        let found = format!("another byte at {}", fault.utf8_error().valid_up_to());
        ConfigError::Value {
            key: "chat_template",
            expected: "in UTF-8".to_owned(),
            found,
        }
        .into()
    })
}

/// What matters of `tokenizer_config.json`.
#[derive(Default, Deserialize)]
struct Settings {
    chat_template: Option<Templates>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
}

impl Settings {
    /// The template, of several the one called `default`.
    fn source(&self) -> Result<Option<String>, FileError> {
        match &self.chat_template {
            None => Ok(None),
            Some(Templates::One(source)) => Ok(Some(source.clone())),
            Some(Templates::Several(all)) => {
                let default = all.iter().find(|each| each.name == "default");
                let found = || all.iter().map(|each| format!("{:?}", each.name));
                let none = || ConfigError::Value {
                    key: "chat_template",
                    expected: "to have one called \"default\"".to_owned(),
                    found: format!("[{}]", found().collect::<Vec<_>>().join(", ")),
                };
                let default = default.ok_or_else(none)?;
                Ok(Some(default.template.clone()))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of named ones")]
enum Templates {
    One(String),
    Several(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or an object with `content`")]
enum Token {
    Text(String),
    Object { content: String },
}

impl Token {
    fn text(token: Option<Token>) -> String {
        match token {
            None => String::new(),
            Some(Token::Text(text) | Token::Object { content: text }) => text,
        }
    }
}
