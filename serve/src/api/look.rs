//! What a model makes of texts without continuing them: classes, and vectors.

use super::body;
use super::complete::{failed, gone};
use super::prompt::{Input, aside, check_model, inputs};
use crate::app::App;
use crate::engine::{Event, Job, Kept, Permit, shares};
use crate::error::ApiError;
use crate::log::Record;
use axum::Json;
use axum::extract::{Extension, Request, State};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::mpsc;

/// A request to look at texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    #[serde(default)]
    model: Option<String>,
    input: Input,
    #[serde(default)]
    encoding_format: Option<String>,
    #[serde(default)]
    dimensions: Option<usize>,
    #[serde(default, rename = "user")]
    _user: IgnoredAny,
}

/// What the model made of a text.
struct Seen {
    logits: Vec<f32>,
    class: u32,
    state: Vec<f32>,
}

pub(super) async fn classify(
    State(app): State<Arc<App>>,
    Extension(record): Extension<Arc<Record>>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let ask: Ask = body::json(&app, request).await?;
    if app.model.classes().is_none() {
        let message = "the model is no classifier, it continues text: ask /v1/completions";
        return Err(ApiError::bad(message));
    }
    let (seen, tokens) = look(&app, &record, ask.model.as_deref(), ask.input).await?;
    let told = |(index, seen): (usize, Seen)| {
        json!({
            "index": index,
            "class": seen.class,
            "probabilities": shares(&seen.logits),
            "logits": seen.logits,
        })
    };
    let data: Vec<Value> = seen.into_iter().enumerate().map(told).collect();
    Ok(Json(json!({
        "object": "list",
        "model": app.settings.name,
        "data": data,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })))
}

pub(super) async fn embeddings(
    State(app): State<Arc<App>>,
    Extension(record): Extension<Arc<Record>>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let ask: Ask = body::json(&app, request).await?;
    let is_base64 = match ask.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let message = format!("expected float or base64, found {other:?}");
            return Err(ApiError::field("encoding_format", message));
        }
    };
    let (seen, tokens) = look(&app, &record, ask.model.as_deref(), ask.input).await?;
    let mut data = Vec::new();
    for (index, seen) in seen.into_iter().enumerate() {
        // A classifier's answer is what it makes of a text; a language model's, what it remembers of it.
        let vector = match app.model.classes() {
            Some(_) => shares(&seen.logits),
            None => seen.state,
        };
        if vector.is_empty() {
            let message = "the model has no state of one size: it gives no vectors";
            return Err(ApiError::bad(message));
        }
        if ask
            .dimensions
            .is_some_and(|dimensions| dimensions != vector.len())
        {
            let message = format!("the model gives vectors of {} numbers", vector.len());
            return Err(ApiError::field("dimensions", message));
        }
        let embedding = match is_base64 {
            true => base64(vector.iter().flat_map(|x| x.to_le_bytes())).into(),
            false => json!(vector),
        };
        data.push(json!({ "object": "embedding", "index": index, "embedding": embedding }));
    }
    Ok(Json(json!({
        "object": "list",
        "model": app.settings.name,
        "data": data,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })))
}

/// Has the model read texts; gives what it made of each, and how many tokens they have.
async fn look(
    app: &Arc<App>,
    record: &Record,
    model: Option<&str>,
    input: Input,
) -> Result<(Vec<Seen>, usize), ApiError> {
    check_model(app, model)?;
    let for_tokens = Arc::clone(app);
    let texts = aside(move || inputs(&for_tokens, input)).await?;
    let most = app.settings.max_choices;
    if !(1..=most).contains(&texts.len()) {
        let message = format!("expected 1 to {most} texts, found {}", texts.len());
        return Err(ApiError::field("input", message));
    }
    let permits: Result<Vec<Permit>, u64> = texts.iter().map(|_| app.gate.enter(1)).collect();
    let permits = permits.map_err(ApiError::busy)?;
    let tokens: usize = texts.iter().map(Vec::len).sum();
    record.prompt_tokens.store(tokens, Ordering::Relaxed);
    let deadline = Instant::now() + app.settings.timeout;
    let mut events = Vec::new();
    for (text, permit) in texts.into_iter().zip(permits) {
        let (to, from) = mpsc::channel(1);
        events.push(from);
        app.engine.submit(Job {
            prompt: text.into(),
            marks: Vec::new(),
            start: None,
            choices: Vec::new(),
            first: 0,
            of: 1,
            kept: Kept::Nothing,
            deadline,
            to,
            permit,
        });
    }
    let mut all = Vec::new();
    for mut from in events {
        match from.recv().await {
            Some(Event::Seen {
                logits,
                class,
                state,
            }) => all.push(Seen {
                logits,
                class,
                state,
            }),
            Some(Event::Failed(fault)) => return Err(failed(fault)),
            Some(Event::More { .. }) | None => return Err(gone()),
        }
    }
    Ok((all, tokens))
}

/// Bytes in base 64, with `=` at the end.
fn base64(bytes: impl Iterator<Item = u8>) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = bytes.collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let place = (bits >> (18 - 6 * digit) & 63) as usize;
            let is_there = digit <= three.len();
            text.push(if is_there { DIGITS[place].into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_as_the_standard_says() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.bytes()), text);
        }
        assert_eq!(base64([0xfb, 0xff].into_iter()), "+/8=");
    }
}
