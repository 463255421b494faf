//! Messages of a conversation, as they are sent.

use crate::chat::Message;
use crate::error::ApiError;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A message as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    role: String,
    content: Content,
    #[serde(default, rename = "name")]
    _name: IgnoredAny,
    #[serde(default, rename = "refusal")]
    _refusal: IgnoredAny,
    #[serde(default, rename = "annotations")]
    _annotations: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, or parts of the type `text`")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

impl Said {
    /// The message as text.
    pub(super) fn message(self) -> Result<Message, ApiError> {
        let role = match &*self.role {
            "developer" => "system",
            role @ ("system" | "user" | "assistant") => role,
            role => {
                let message =
                    format!("expected system, developer, user or assistant, found {role:?}");
                return Err(ApiError::field("messages.role", message));
            }
        };
        let text = match self.content {
            Content::Text(text) => text,
            Content::Parts(parts) => {
                let other = parts.iter().find(|part| part.kind != "text");
                if let Some(Part { kind, .. }) = other {
                    let message = format!("expected parts of the type `text`, found {kind:?}");
                    return Err(ApiError::field("messages.content", message));
                }
                parts.into_iter().map(|part| part.text).collect()
            }
        };
        Ok(Message::new(role, &text))
    }
}
