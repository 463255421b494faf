//! Text to tokens and back.

use super::body;
use super::prompt::{aside, check};
use crate::app::App;
use crate::error::ApiError;
use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// A text whose tokens are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    content: String,
    /// Whether tokens that the model expects before a text are among them.
    #[serde(default)]
    add_special: bool,
    /// Whether special tokens that the text spells are tokens.
    #[serde(default)]
    parse_special: bool,
    /// Whether each token's text is told.
    #[serde(default)]
    with_pieces: bool,
}

/// Tokens whose text is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ids {
    tokens: Vec<u32>,
}

pub(super) async fn tokenize(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let text: Text = body::json(&app, request).await?;
    aside(move || {
        let tokenizer = app.tokenizer()?;
        let mut tokens = match text.add_special {
            true => tokenizer.before().to_vec(),
            false => Vec::new(),
        };
        tokens.extend(match text.parse_special {
            true => tokenizer.encode_with_special(text.content.as_bytes()),
            false => tokenizer.encode(text.content.as_bytes()),
        });
        let piece = |id: &u32| json!({ "id": id, "piece": app.name(*id).0 });
        Ok(Json(match text.with_pieces {
            true => json!({ "tokens": tokens.iter().map(piece).collect::<Vec<_>>() }),
            false => json!({ "tokens": tokens }),
        }))
    })
    .await
}

pub(super) async fn detokenize(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let ids: Ids = body::json(&app, request).await?;
    if !ids.tokens.is_empty() {
        check(&app, &ids.tokens)?;
    }
    let text = app.tokenizer()?.decode(&ids.tokens);
    Ok(Json(json!({ "content": text })))
}
