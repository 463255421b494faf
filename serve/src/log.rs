//! A line of JSON on standard error for each request: never what was asked or answered.

use crate::app::App;
use serde::Serialize;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Instant;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A request; it is logged when nobody has it any more, so a stream's when it has ended.
pub(crate) struct Record {
    app: Arc<App>,
    pub(crate) id: String,
    method: String,
    /// One of the server's own paths.
    path: String,
    since: Instant,
    status: AtomicU16,
    pub(crate) prompt_tokens: AtomicUsize,
    pub(crate) cached_tokens: AtomicUsize,
    pub(crate) written_tokens: AtomicUsize,
}

#[derive(Serialize)]
struct Line<'l> {
    time: String,
    event: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'l str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    request: Option<Request<'l>>,
}

#[derive(Serialize)]
struct Request<'l> {
    id: &'l str,
    method: &'l str,
    path: &'l str,
    /// 0 where the client left before its answer began.
    status: u16,
    ms: u128,
    prompt_tokens: usize,
    cached_tokens: usize,
    written_tokens: usize,
}

impl Record {
    pub(crate) fn new(app: &Arc<App>, id: String, method: &str, path: &str) -> Arc<Record> {
        Arc::new(Record {
            app: Arc::clone(app),
            id,
            method: method.to_owned(),
            path: path.to_owned(),
            since: Instant::now(),
            status: AtomicU16::new(0),
            prompt_tokens: AtomicUsize::new(0),
            cached_tokens: AtomicUsize::new(0),
            written_tokens: AtomicUsize::new(0),
        })
    }

    pub(crate) fn answered(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
        self.app.metrics.answered(&self.path, status);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let count = |n: &AtomicUsize| n.load(Ordering::Relaxed);
        write(
            self.app.settings.log,
            "request",
            None,
            Some(Request {
                id: &self.id,
                method: &self.method,
                path: &self.path,
                status: self.status.load(Ordering::Relaxed),
                ms: self.since.elapsed().as_millis(),
                prompt_tokens: count(&self.prompt_tokens),
                cached_tokens: count(&self.cached_tokens),
                written_tokens: count(&self.written_tokens),
            }),
        );
    }
}

/// Logs what is no request, if anything is logged.
pub(crate) fn note(is_on: bool, event: &str, what: &str) {
    write(is_on, event, Some(what), None);
}

fn write(is_on: bool, event: &str, what: Option<&str>, request: Option<Request<'_>>) {
    if !is_on {
        return;
    }
    let time = OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default();
    let line = Line {
        time,
        event,
        what,
        request,
    };
    if let Ok(mut line) = serde_json::to_vec(&line) {
        line.push(b'\n');
        // There is no other place to complain at.
        let _ = std::io::stderr().write_all(&line);
    }
}
