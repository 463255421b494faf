//! A request's body: bounded, in time, and JSON.

use crate::app::App;
use crate::error::ApiError;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

/// Reads a body of at most `most` bytes.
pub(super) async fn bytes(app: &App, body: Body, most: usize) -> Result<Bytes, ApiError> {
    let time = app.settings.client_timeout;
    let read = tokio::time::timeout(time, to_bytes(body, most)).await;
    let read = read.map_err(|_| {
        let message = format!("the body took longer than {} s to come", time.as_secs());
        ApiError::new(StatusCode::REQUEST_TIMEOUT, message)
    })?;
    read.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        match cause {
            Some(cause) if cause.contains("length limit") => ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("expected a body of at most {most} bytes"),
            ),
            _ => ApiError::bad("the body ended before it was whole"),
        }
    })
}

/// Reads a body of JSON.
pub(super) async fn json<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, ApiError> {
    if !is_json(request.headers()) {
        let message = "expected the header `Content-Type: application/json`";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let most = app.settings.max_body;
    let bytes = bytes(app, request.into_body(), most).await?;
    let mut from = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut from).map_err(|fault| {
        let path = fault.path().to_string();
        let cause = in_words(&fault.into_inner().to_string());
        match &*path {
            "." | "?" => ApiError::bad(cause),
            path => ApiError::field(path, cause),
        }
    })?;
    from.end()
        .map_err(|fault| ApiError::bad(fault.to_string()))?;
    Ok(read)
}

/// A fault of JSON without names of types: what was expected, as whoever sent it knows it.
fn in_words(cause: &str) -> String {
    let types = [
        ("expected usize", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected f32", "expected a number"),
        ("expected a boolean", "expected true or false"),
    ];
    let word = |cause: String, (name, word): &(&str, &str)| cause.replace(name, word);
    types.iter().fold(cause.to_owned(), word)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
