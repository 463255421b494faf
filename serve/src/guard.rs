//! Who may ask: who shows a key, who means this server, pages of origins that were named.

use crate::app::App;
use crate::error::ApiError;
use crate::log::Record;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use subtle::ConstantTimeEq;

/// Paths that need no key: a probe, and the page, which has none to show yet.
const OPEN: [&str; 4] = ["/", "/health", "/page.css", "/page.js"];

/// Checks a request, has it answered, and records it.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let path = matched.map_or("none", MatchedPath::as_str).to_owned();
    let id = format!("{:016x}", app.random());
    let record = Record::new(&app, id, request.method().as_str(), &path);
    let origin = allowed_origin(&app, request.headers());
    let response = match check(&app, &path, &request) {
        Ok(()) if request.method() == Method::OPTIONS && origin.is_some() => {
            preflight().into_response()
        }
        Ok(()) => {
            request.extensions_mut().insert(Arc::clone(&record));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    record.answered(response.status().as_u16());
    with_headers(response, &record.id, origin)
}

fn check(app: &App, path: &str, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    if !is_meant(app, headers) {
        let message = "the header `Host` names another server: use localhost or an address";
        return Err(ApiError::new(StatusCode::FORBIDDEN, message));
    }
    let is_preflight = request.method() == Method::OPTIONS;
    if !app.settings.keys.is_empty()
        && !OPEN.contains(&path)
        && !is_preflight
        && !has_key(app, headers)
    {
        let message = "expected one of the server's keys as `Authorization: Bearer KEY`";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
    }
    if app.stopping.load(Ordering::Relaxed) {
        return Err(ApiError::stopping());
    }
    Ok(())
}

/// Whether a request shows one of the keys; all are compared, in a time that does not depend on what it shows.
fn has_key(app: &App, headers: &HeaderMap) -> bool {
    let shown = headers
        .get(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    let shown = shown
        .and_then(|value| value.strip_prefix(b"Bearer "))
        .unwrap_or_default();
    let equal = |key: &String| shown.ct_eq(key.as_bytes());
    let keys = app.settings.keys.iter().map(equal);
    keys.fold(subtle::Choice::from(0), |any, equal| any | equal)
        .into()
}

/// Whether a request without a key means this server. A page elsewhere can have its own name resolve to this machine, and
/// would then be let in as if it were this server's page.
fn is_meant(app: &App, headers: &HeaderMap) -> bool {
    if !app.settings.keys.is_empty() {
        return true;
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host else {
        // No page leaves it away.
        return true;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name == "localhost" || name == app.settings.host || name.parse::<IpAddr>().is_ok()
}

/// The origin of the page that asks, if it was named.
fn allowed_origin(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let known = |known: &String| known == "*" || origin.as_bytes() == known.as_bytes();
    app.settings
        .origins
        .iter()
        .any(known)
        .then(|| origin.clone())
}

fn preflight() -> impl IntoResponse {
    let headers = [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, DELETE",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers, Body::empty())
}

fn with_headers(mut response: Response, id: &str, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}
