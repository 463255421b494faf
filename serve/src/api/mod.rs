//! Paths, requests and answers: those of OpenAI's API, and some that it has no words for.
//!
//! | file | concept |
//! |---|---|
//! | `body` | a request's JSON |
//! | `ask` | what a request for text says |
//! | `said` | messages |
//! | `prompt` | what it gives to read |
//! | `complete` | from a request for text to a job and its answer |
//! | `answer` | an answer as JSON |
//! | `stream` | an answer as it comes |
//! | `look` | classes and vectors of texts |
//! | `tokens` | text to tokens and back |
//! | `about` | the server and its model |
//! | `named` | sessions by name |
//! | `page` | the page at `/` |

mod about;
mod answer;
mod ask;
mod body;
mod complete;
mod look;
mod named;
mod page;
mod prompt;
mod said;
mod stream;
mod tokens;

use crate::app::App;
use crate::error::ApiError;
use crate::guard;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use std::sync::Arc;

/// All paths.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::js))
        .route("/health", get(about::health))
        .route("/metrics", get(about::metrics))
        .route("/props", get(about::props))
        .route("/v1/models", get(about::models))
        .route("/v1/models/{id}", get(about::model))
        .route("/v1/completions", post(complete::text))
        .route("/v1/chat/completions", post(complete::chat))
        .route("/v1/embeddings", post(look::embeddings))
        .route("/v1/classify", post(look::classify))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/v1/sessions", get(named::list))
        .route(
            "/v1/sessions/{id}",
            get(named::export).put(named::import).delete(named::remove),
        )
        .route("/v1/sessions/{id}/save", post(named::save))
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            guard::guard,
        ))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(app))
}

/// The name in a path.
struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, ApiError> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        // Bytes that are no UTF-8 name nothing.
        let none = |_| ApiError::none("no such name: expected UTF-8");
        found.map(|Path(id)| Id(id)).map_err(none)
    }
}

async fn no_path(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(100).collect();
    ApiError::none(format!("no path `{path}`"))
}

async fn no_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("`{}` is not asked by {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
