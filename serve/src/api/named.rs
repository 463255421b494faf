//! Sessions by name.

use super::Id;
use super::body;
use super::prompt::aside;
use crate::app::App;
use crate::error::ApiError;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    aside(move || {
        Ok(Json(
            json!({ "object": "list", "data": app.sessions.list() }),
        ))
    })
    .await
}

pub(super) async fn export(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<impl IntoResponse, ApiError> {
    let bytes = aside(move || app.sessions.export(&id)).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}

pub(super) async fn import(
    State(app): State<Arc<App>>,
    Id(id): Id,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let most = app.sessions.most_bytes(app.settings.max_prompt);
    let bytes = body::bytes(&app, request.into_body(), most).await?;
    aside(move || {
        app.sessions.import(&id, &bytes)?;
        Ok(Json(json!({ "id": id, "object": "session" })))
    })
    .await
}

pub(super) async fn save(State(app): State<Arc<App>>, Id(id): Id) -> Result<Json<Value>, ApiError> {
    aside(move || {
        app.sessions.save(&id)?;
        Ok(Json(
            json!({ "id": id, "object": "session", "saved": true }),
        ))
    })
    .await
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Value>, ApiError> {
    aside(move || {
        app.sessions.remove(&id)?;
        Ok(Json(
            json!({ "id": id, "object": "session", "deleted": true }),
        ))
    })
    .await
}
