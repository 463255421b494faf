//! Answers as they come: server-sent events. What came while a client was slow is told together.

use super::answer::{Answer, Form, Usage};
use super::complete::{Count, failed, gone};
use crate::app::App;
use crate::engine::Event;
use crate::log::Record;
use axum::body::Bytes;
use http_body::{Body, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

/// Events that are told together at most.
const TOGETHER: usize = 64;

/// The body of an answer. Who drops it wants no more of it.
pub(super) struct Stream {
    app: Arc<App>,
    record: Arc<Record>,
    form: Form,
    events: Receiver<Event>,
    parts: Vec<Part>,
    usage: Usage,
    tells_usage: bool,
    /// Answers that have not ended.
    left: usize,
    is_over: bool,
    came: Vec<Event>,
}

/// What came of one answer.
#[derive(Default)]
struct Part {
    answer: Answer,
    has_begun: bool,
    /// Characters of its text that were told.
    at: usize,
    is_new: bool,
}

impl Stream {
    pub(super) fn new(
        app: Arc<App>,
        record: Arc<Record>,
        form: Form,
        events: Receiver<Event>,
        count: Count,
        tells_usage: bool,
    ) -> Stream {
        Stream {
            app,
            record,
            form,
            events,
            parts: (0..count.answers).map(|_| Part::default()).collect(),
            usage: Usage {
                read: count.read,
                ..Usage::default()
            },
            tells_usage,
            left: count.answers,
            is_over: false,
            came: Vec::with_capacity(TOGETHER),
        }
    }

    /// What came, as events of the stream.
    fn tell(&mut self) -> String {
        let mut text = String::new();
        let mut say = |json: &str| {
            text.push_str("data: ");
            text.push_str(json);
            text.push_str("\n\n");
        };
        for event in std::mem::take(&mut self.came) {
            match event {
                Event::More {
                    choice,
                    text,
                    tokens,
                    finish,
                } => {
                    let part = &mut self.parts[choice];
                    part.is_new = true;
                    part.answer.text.push_str(&text);
                    part.answer.tokens.extend(tokens);
                    if let Some(finish) = finish {
                        part.answer.reason = Some(finish.reason);
                        self.usage.add(finish);
                        self.left -= 1;
                    }
                }
                Event::Failed(fault) => {
                    say(&failed(fault).json());
                    self.is_over = true;
                }
                Event::Seen { .. } => {}
            }
        }
        for (index, part) in self
            .parts
            .iter_mut()
            .enumerate()
            .filter(|(_, part)| part.is_new)
        {
            let answer = std::mem::take(&mut part.answer);
            let is_first = !std::mem::replace(&mut part.has_begun, true);
            part.is_new = false;
            say(&self
                .form
                .part(&self.app, index, &answer, is_first, &mut part.at));
        }
        if self.left == 0 && !self.is_over {
            if self.tells_usage {
                say(&self.form.usage(&self.app, self.usage));
            }
            say("[DONE]");
            self.is_over = true;
        }
        let (cached, written) = (&self.record.cached_tokens, &self.record.written_tokens);
        cached.store(self.usage.cached, Ordering::Relaxed);
        written.store(self.usage.written, Ordering::Relaxed);
        text
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let came = std::task::ready!(this.events.poll_recv_many(cx, &mut this.came, TOGETHER));
        let text = match came {
            0 => {
                this.is_over = true;
                format!("data: {}\n\n", gone().json())
            }
            _ => this.tell(),
        };
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}
