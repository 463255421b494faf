//! From a request for text to a job and its answer.

use super::answer::{Answer, Form, Usage};
use super::ask::{Ask, Prompt};
use super::body;
use super::prompt::{self, Read};
use super::stream::Stream;
use crate::app::{App, now};
use crate::engine::{Event, Fault, Job, Kept, Permit};
use crate::error::ApiError;
use crate::log::Record;
use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::mpsc::{self, Receiver};

/// Events that wait for a client before its text stands still.
const EVENTS: usize = 256;

pub(super) async fn text(
    State(app): State<Arc<App>>,
    Extension(record): Extension<Arc<Record>>,
    request: Request,
) -> Result<Response, ApiError> {
    complete(app, record, request, false).await
}

pub(super) async fn chat(
    State(app): State<Arc<App>>,
    Extension(record): Extension<Arc<Record>>,
    request: Request,
) -> Result<Response, ApiError> {
    complete(app, record, request, true).await
}

async fn complete(
    app: Arc<App>,
    record: Arc<Record>,
    request: Request,
    is_chat: bool,
) -> Result<Response, ApiError> {
    let mut ask: Ask = body::json(&app, request).await?;
    prompt::check_model(&app, ask.model.as_deref())?;
    if let Some(classes) = app.model.classes() {
        let message =
            format!("a classifier of {classes} classes does not continue text: ask /v1/classify");
        return Err(ApiError::bad(message));
    }
    let is_stream = ask.stream.unwrap_or(false);
    if ask.stream_options.is_some() && !is_stream {
        return Err(ApiError::field(
            "stream_options",
            "expected `stream` to be true beside it",
        ));
    }
    let form = Form {
        id: record.id.clone(),
        created: now(),
        is_chat,
        chances: ask.tells_chances(),
        details: ask.tells_details(),
        seed: 0,
    };
    let (count, events, form) = begin(&app, &record, &mut ask, form).await?;
    let usage = ask
        .stream_options
        .as_ref()
        .is_some_and(|options| options.include_usage);
    if is_stream {
        let stream = Stream::new(app, record, form, events, count, usage);
        let kind = [(header::CONTENT_TYPE, "text/event-stream")];
        return Ok((kind, axum::body::Body::new(stream)).into_response());
    }
    let (answers, usage) = collect(events, count.answers).await?;
    let usage = Usage {
        read: count.read,
        ..usage
    };
    record.cached_tokens.store(usage.cached, Ordering::Relaxed);
    record
        .written_tokens
        .store(usage.written, Ordering::Relaxed);
    let json = form.whole(&app, &answers, usage);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, json).into_response())
}

/// How many answers are under way, to prompts of how many tokens.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) answers: usize,
    pub(super) read: usize,
}

/// Hands the jobs of a request in.
async fn begin(
    app: &Arc<App>,
    record: &Record,
    ask: &mut Ask,
    mut form: Form,
) -> Result<(Count, Receiver<Event>, Form), ApiError> {
    let is_chat = form.is_chat;
    let choices = ask.choices(app, is_chat)?;
    form.seed = choices.first().map_or(0, |choice| choice.sampling.seed);
    let prompts = match &ask.prompt {
        Some(Prompt::Texts(texts)) => texts.len(),
        Some(Prompt::Many(many)) => many.len(),
        _ => 1,
    };
    let (n, most) = (choices.len(), app.settings.max_choices);
    let answers = prompts.saturating_mul(n);
    if !(1..=most).contains(&answers) {
        let message = format!("expected 1 to {most} answers in all, found {answers}");
        return Err(ApiError::field("prompt", message));
    }
    if ask.session.is_some() && answers > 1 {
        return Err(ApiError::field(
            "session",
            "a session goes on with one answer",
        ));
    }
    let permits: Result<Vec<Permit>, u64> = (0..prompts).map(|_| app.gate.enter(n)).collect();
    let permits = permits.map_err(ApiError::busy)?;
    let (reads, mut session) = prompt::read(app, ask, is_chat).await?;
    let read = reads.iter().map(|read| read.tokens.len()).sum();
    record.prompt_tokens.store(read, Ordering::Relaxed);
    let (to, events) = mpsc::channel(EVENTS.max(2 * answers));
    let deadline = Instant::now() + app.settings.timeout;
    for (number, (Read { tokens, marks }, permit)) in reads.into_iter().zip(permits).enumerate() {
        let session = session.take();
        let before = session.as_ref().and_then(|session| session.before.as_ref());
        let start = before.map(|before| Arc::clone(&before.seen));
        let kept = match session {
            Some(session) => Kept::Session(Box::new(session)),
            None if is_chat && n == 1 && app.settings.cache_bytes > 0 => Kept::Prefix,
            None => Kept::Nothing,
        };
        app.engine.submit(Job {
            prompt: tokens.into(),
            marks,
            start,
            choices: choices.clone(),
            first: number * n,
            of: answers,
            kept,
            deadline,
            to: to.clone(),
            permit,
        });
    }
    Ok((Count { answers, read }, events, form))
}

/// Waits for whole answers.
async fn collect(
    mut events: Receiver<Event>,
    count: usize,
) -> Result<(Vec<Answer>, Usage), ApiError> {
    let mut answers = vec![Answer::default(); count];
    let mut usage = Usage::default();
    let mut left = count;
    while left > 0 {
        match events.recv().await {
            Some(Event::More {
                choice,
                text,
                tokens,
                finish,
            }) => {
                let answer = &mut answers[choice];
                answer.text.push_str(&text);
                answer.tokens.extend(tokens);
                if let Some(finish) = finish {
                    answer.reason = Some(finish.reason);
                    usage.add(finish);
                    left -= 1;
                }
            }
            Some(Event::Seen { .. }) | None => return Err(gone()),
            Some(Event::Failed(fault)) => return Err(failed(fault)),
        }
    }
    Ok((answers, usage))
}

/// What a fault of the engine is to a client.
pub(super) fn failed(fault: Fault) -> ApiError {
    match fault {
        Fault::Late => ApiError::new(StatusCode::GATEWAY_TIMEOUT, "the request took too long"),
        Fault::Stopping => ApiError::stopping(),
        Fault::Model(why) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why),
        Fault::State(why) => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why),
    }
}

/// The engine told nothing more.
pub(super) fn gone() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer was given up")
}
