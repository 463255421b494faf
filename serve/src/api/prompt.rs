//! What a request gives to read, as tokens.

use super::ask::{Ask, OneOrMany, Prompt};
use crate::app::App;
use crate::chat::{self, Message};
use crate::error::ApiError;
use crate::sessions::Checkout;
use atome::RunError;
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// From how many tokens on the state after a prompt is kept for others.
const WORTH_KEEPING: usize = 16;

/// Tokens to read, and after which of them others may go on otherwise.
pub(super) struct Read {
    pub(super) tokens: Vec<u32>,
    pub(super) marks: Vec<usize>,
}

/// Does work that takes a while where nobody waits for it.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    let gone = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the work was given up");
    done.map_err(gone)?
}

/// Checks that the model asked for is the one there is.
pub(super) fn check_model(app: &App, model: Option<&str>) -> Result<(), ApiError> {
    let name = &app.settings.name;
    match model {
        None | Some("default") => Ok(()),
        Some(model) if model == name => Ok(()),
        Some(model) => Err(ApiError::none(format!(
            "no model {model:?}: this server has `{name}`"
        ))),
    }
}

/// Checks that a prompt is none too long, not empty, and of tokens that there are.
pub(super) fn check(app: &App, tokens: &[u32]) -> Result<(), ApiError> {
    let most = app.settings.max_prompt;
    if tokens.len() > most {
        let message = format!(
            "the prompt has {} tokens, expected at most {most}",
            tokens.len()
        );
        return Err(ApiError::bad(message));
    }
    let vocab = app.model.vocab();
    let outside = tokens.iter().find(|id| **id as usize >= vocab);
    let fault = match outside {
        Some(&id) => Some(RunError::TokenOutOfRange { id, vocab }),
        None => tokens.is_empty().then_some(RunError::EmptyPrompt),
    };
    fault.map_or(Ok(()), |fault| Err(ApiError::bad(fault.to_string())))
}

/// The tokens of a text that nothing stands before.
pub(super) fn encode(app: &App, text: &str) -> Result<Vec<u32>, ApiError> {
    let tokenizer = app.tokenizer()?;
    Ok([tokenizer.before(), &tokenizer.encode(text.as_bytes())].concat())
}

/// The prompts of a completion.
pub(super) fn texts(
    app: &App,
    prompt: Prompt,
    session: Option<&Checkout>,
) -> Result<Vec<Read>, ApiError> {
    let before = session.and_then(|session| session.before.as_ref());
    if before.is_some_and(|before| !before.messages.is_empty()) {
        let message = "it is a conversation: ask /v1/chat/completions";
        return Err(ApiError::field("session", message));
    }
    let encoded = |text: &String| match before {
        // What goes on is no beginning.
        Some(_) => Ok(app.tokenizer()?.encode(text.as_bytes())),
        None => encode(app, text),
    };
    let prompts = match prompt {
        Prompt::Text(text) => vec![encoded(&text)?],
        Prompt::Texts(texts) => texts.iter().map(encoded).collect::<Result<_, _>>()?,
        Prompt::Ids(ids) => vec![ids],
        Prompt::Many(many) => many,
    };
    let read = |tokens: Vec<u32>| {
        let seen = before.map_or(&[][..], |before| &before.seen.tokens);
        let tokens = [seen, &tokens].concat();
        check(app, &tokens)?;
        let is_worth = session.is_none() && tokens.len() >= WORTH_KEEPING;
        let marks = Vec::from_iter(is_worth.then_some(tokens.len()));
        Ok(Read { tokens, marks })
    };
    prompts.into_iter().map(read).collect()
}

/// The conversation of a chat.
pub(super) fn talk(
    app: &App,
    said: Vec<super::said::Said>,
    session: Option<&mut Checkout>,
) -> Result<Read, ApiError> {
    let said = said.into_iter().map(super::said::Said::message);
    let mut messages: Vec<Message> = said.collect::<Result<_, _>>()?;
    if let Some(session) = session {
        let before = session.before.as_ref();
        if before.is_some_and(|before| before.messages.is_empty()) {
            let message = "it goes on with plain text: ask /v1/completions";
            return Err(ApiError::field("session", message));
        }
        let before = before.map_or(&[][..], |before| &before.messages);
        messages = [before, &messages].concat();
        session.messages.clone_from(&messages);
    }
    if messages.is_empty() {
        return Err(ApiError::field("messages", "expected at least one"));
    }
    let tokenizer = app.tokenizer()?;
    let read = chat::prompt(&*app.form, tokenizer, &app.specials, &messages);
    let (tokens, marks) = read.map_err(|why| ApiError::field("messages", why))?;
    check(app, &tokens)?;
    Ok(Read { tokens, marks })
}

/// Texts or token ids to look at.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, token ids, or a list of such")]
pub(super) enum Input {
    Text(OneOrMany<String>),
    Ids(Vec<u32>),
    Many(Vec<Vec<u32>>),
}

/// The tokens of texts to look at.
pub(super) fn inputs(app: &App, input: Input) -> Result<Vec<Vec<u32>>, ApiError> {
    let inputs: Vec<Vec<u32>> = match input {
        Input::Text(texts) => {
            let texts = texts.into_vec();
            texts
                .iter()
                .map(|text| encode(app, text))
                .collect::<Result<_, _>>()?
        }
        Input::Ids(ids) => vec![ids],
        Input::Many(many) => many,
    };
    inputs.iter().try_for_each(|tokens| check(app, tokens))?;
    Ok(inputs)
}

/// A request's prompts, its session taken out.
pub(super) async fn read(
    app: &Arc<App>,
    ask: &mut Ask,
    is_chat: bool,
) -> Result<(Vec<Read>, Option<Checkout>), ApiError> {
    let (prompt, said, id) = (ask.prompt.take(), ask.messages.take(), ask.session.take());
    let app = Arc::clone(app);
    aside(move || {
        let mut session = match id {
            Some(id) => Some(app.sessions.check_out(&id)?),
            None => None,
        };
        let reads = match (is_chat, prompt, said) {
            (true, None, Some(said)) => vec![talk(&app, said, session.as_mut())?],
            (true, Some(_), _) => return Err(ApiError::field("prompt", "a chat has `messages`")),
            (true, None, None) => return Err(ApiError::field("messages", "expected a list")),
            (false, Some(prompt), None) => texts(&app, prompt, session.as_ref())?,
            (false, _, Some(_)) => {
                return Err(ApiError::field("messages", "a completion has a `prompt`"));
            }
            (false, None, None) => return Err(ApiError::field("prompt", "expected a text")),
        };
        Ok((reads, session))
    })
    .await
}
