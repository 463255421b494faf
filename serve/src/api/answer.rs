//! Answers as JSON, in the forms of OpenAI's API.

use crate::app::App;
use crate::engine::{Finish, Reason, Token};
use serde_json::{Value, json};

/// An answer, as far as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    pub(super) reason: Option<Reason>,
}

/// What answers took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) read: usize,
    pub(super) cached: usize,
    pub(super) written: usize,
}

impl Usage {
    pub(super) fn add(&mut self, finish: Finish) {
        self.written += finish.written;
        self.cached = self.cached.max(finish.cached);
    }

    pub(super) fn json(self) -> Value {
        json!({
            "prompt_tokens": self.read,
            "completion_tokens": self.written,
            "total_tokens": self.read + self.written,
            "prompt_tokens_details": { "cached_tokens": self.cached },
        })
    }
}

/// How answers are told.
pub(super) struct Form {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) is_chat: bool,
    /// Whether chances are told, in OpenAI's form.
    pub(super) chances: bool,
    /// Whether every token is told of.
    pub(super) details: bool,
    /// That of the first answer.
    pub(super) seed: u64,
}

impl Form {
    /// What every object starts with.
    fn head(&self, app: &App, is_chunk: bool) -> Value {
        let (prefix, object) = match (self.is_chat, is_chunk) {
            (false, _) => ("cmpl", "text_completion"),
            (true, false) => ("chatcmpl", "chat.completion"),
            (true, true) => ("chatcmpl", "chat.completion.chunk"),
        };
        json!({
            "id": format!("{prefix}-{}", self.id),
            "object": object,
            "created": self.created,
            "model": app.settings.name,
            "system_fingerprint": app.fingerprint(),
        })
    }

    /// Whole answers.
    pub(super) fn whole(&self, app: &App, answers: &[Answer], usage: Usage) -> String {
        let mut at = 0;
        let choice = |(index, answer): (usize, &Answer)| {
            let mut choice = match self.is_chat {
                true => json!({
                    "index": index,
                    "message": { "role": "assistant", "content": answer.text, "refusal": null },
                }),
                false => json!({ "index": index, "text": answer.text }),
            };
            self.finish(app, &mut choice, answer, &mut at);
            at = 0;
            choice
        };
        let choices: Vec<Value> = answers.iter().enumerate().map(choice).collect();
        let mut whole = self.head(app, false);
        whole["choices"] = choices.into();
        whole["usage"] = usage.json();
        whole["seed"] = self.seed.into();
        whole.to_string()
    }

    /// A part of an answer; `at` counts the bytes of its text.
    pub(super) fn part(
        &self,
        app: &App,
        index: usize,
        part: &Answer,
        is_first: bool,
        at: &mut usize,
    ) -> String {
        let mut choice = match (self.is_chat, is_first) {
            (true, true) => json!({
                "index": index,
                "delta": { "role": "assistant", "content": part.text },
            }),
            (true, false) if part.text.is_empty() => json!({ "index": index, "delta": {} }),
            (true, false) => json!({ "index": index, "delta": { "content": part.text } }),
            (false, _) => json!({ "index": index, "text": part.text }),
        };
        self.finish(app, &mut choice, part, at);
        let mut chunk = self.head(app, true);
        chunk["choices"] = json!([choice]);
        chunk.to_string()
    }

    /// What answers took, as the last part.
    pub(super) fn usage(&self, app: &App, usage: Usage) -> String {
        let mut chunk = self.head(app, true);
        chunk["choices"] = json!([]);
        chunk["usage"] = usage.json();
        chunk["seed"] = self.seed.into();
        chunk.to_string()
    }

    fn finish(&self, app: &App, choice: &mut Value, answer: &Answer, at: &mut usize) {
        choice["logprobs"] = match (self.chances, self.is_chat) {
            (false, _) => Value::Null,
            (true, true) => chat_chances(app, &answer.tokens),
            (true, false) => text_chances(app, &answer.tokens, at),
        };
        choice["finish_reason"] = answer.reason.map(Reason::name).into();
        if self.details {
            let told = answer.tokens.iter().map(|token| details(app, token));
            choice["details"] = told.collect();
        }
    }
}

fn chance(app: &App, (id, chance): (u32, f32)) -> Value {
    let (name, bytes) = app.name(id);
    json!({ "token": name, "logprob": chance, "bytes": bytes })
}

fn chat_chances(app: &App, tokens: &[Token]) -> Value {
    let told = |token: &Token| {
        let mut told = chance(app, (token.id, token.chance));
        let top = token.top.iter().map(|top| chance(app, *top));
        told["top_logprobs"] = top.collect();
        told
    };
    let content: Vec<Value> = tokens.iter().map(told).collect();
    json!({ "content": content, "refusal": null })
}

fn text_chances(app: &App, tokens: &[Token], at: &mut usize) -> Value {
    let names: Vec<String> = tokens.iter().map(|token| app.name(token.id).0).collect();
    let chances: Vec<f32> = tokens.iter().map(|token| token.chance).collect();
    let top = |token: &Token| -> Value {
        let named = token
            .top
            .iter()
            .map(|(id, chance)| (app.name(*id).0, Value::from(*chance)));
        Value::Object(named.collect())
    };
    let tops: Vec<Value> = tokens.iter().map(top).collect();
    let offset = |name: &String| {
        let start = *at;
        *at += name.chars().count();
        start
    };
    let offsets: Vec<usize> = names.iter().map(offset).collect();
    json!({
        "tokens": names,
        "token_logprobs": chances,
        "top_logprobs": tops,
        "text_offset": offsets,
    })
}

fn details(app: &App, token: &Token) -> Value {
    let top =
        |(id, chance): &(u32, f32)| json!({ "id": id, "text": app.name(*id).0, "logprob": chance });
    let tops: Vec<Value> = token.top.iter().map(top).collect();
    json!({
        "id": token.id,
        "text": app.name(token.id).0,
        "logprob": token.chance,
        "top": tops,
        "output": token.output,
    })
}
