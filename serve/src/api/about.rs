//! The server and its model.

use super::Id;
use crate::app::App;
use crate::error::ApiError;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, app.metrics.text(app.sessions.size()))
}

pub(super) async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({ "object": "list", "data": [told(&app)] }))
}

pub(super) async fn model(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Value>, ApiError> {
    super::prompt::check_model(&app, Some(&id))?;
    Ok(Json(told(&app)))
}

fn told(app: &App) -> Value {
    json!({
        "id": app.settings.name,
        "object": "model",
        "created": app.created,
        "owned_by": "atome",
    })
}

pub(super) async fn props(State(app): State<Arc<App>>) -> Json<Value> {
    let (info, backend) = (app.model.info(), app.model.backend());
    let (sampling, settings) = (&app.sampling, &app.settings);
    Json(json!({
        "model": settings.name,
        "architecture": info.architecture,
        "format": info.format,
        "parameters": info.parameters,
        "vocab": app.model.vocab(),
        "classes": info.classes,
        "tokenizer": info.tokenizer,
        "fingerprint": app.model.fingerprint().to_string(),
        "backend": backend.backend,
        "cpu": info.cpu,
        "threads": info.threads,
        "state_bytes": info.state_bytes,
        "session_bytes": info.session_bytes,
        "model_bytes": info.model_bytes,
        "places": info.sessions,
        "queue": settings.queue,
        "max_tokens": settings.max_tokens,
        "max_prompt": settings.max_prompt,
        "max_choices": settings.max_choices,
        "chat_stop": app.form.stop(),
        "keys": !settings.keys.is_empty(),
        "sampling": {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "repetition_penalty": sampling.repetition_penalty,
        },
    }))
}
