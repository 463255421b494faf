//! A session while a request works with it.

use super::{Conversation, Sessions, check_name};
use crate::chat::Message;
use crate::engine::Seen;
use crate::error::ApiError;
use axum::http::StatusCode;
use std::sync::Arc;

/// A session that one request has. Dropped, it leaves the session as it was.
pub(crate) struct Checkout {
    sessions: Arc<Sessions>,
    id: String,
    /// What it remembers, if it is not new.
    pub(crate) before: Option<Arc<Conversation>>,
    /// The messages of the conversation, the answer's not among them.
    pub(crate) messages: Vec<Message>,
}

impl Checkout {
    /// Keeps the state after the answer, and the messages with the answer.
    pub(crate) fn commit(self, seen: Seen, answer: &str) {
        let mut messages = self.messages.clone();
        if !messages.is_empty() {
            messages.push(Message::new("assistant", answer));
        }
        let seen = Arc::new(seen);
        self.sessions
            .set(&self.id, Conversation { messages, seen }, false);
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let mut all = self.sessions.all();
        let Some(slot) = all.by_name.get_mut(&self.id) else {
            return;
        };
        slot.busy = false;
        if slot.conversation.is_none() && !slot.saved {
            all.by_name.remove(&self.id);
        }
    }
}

impl Sessions {
    /// Takes a session for a request, or a new one; no other request has it meanwhile. Reads its file where it has to.
    pub(crate) fn check_out(self: &Arc<Sessions>, id: &str) -> Result<Checkout, ApiError> {
        check_name(id)?;
        let why = self.make_room();
        let is_new = {
            let mut all = self.all();
            let is_full = all.bytes >= self.limit;
            let slot = all.by_name.get_mut(id);
            if slot.as_ref().is_some_and(|slot| slot.busy) {
                let message = format!("session `{id}` is busy with another request");
                return Err(ApiError::new(StatusCode::CONFLICT, message));
            }
            let is_there = slot.is_some_and(|slot| slot.conversation.is_some());
            if is_full && !is_there {
                return Err(self.full(why));
            }
            all.clock += 1;
            let used = all.clock;
            let slot = all.by_name.entry(id.to_owned()).or_default();
            (slot.busy, slot.used) = (true, used);
            slot.conversation.is_none()
        };
        let mut checkout = Checkout {
            sessions: Arc::clone(self),
            id: id.to_owned(),
            before: None,
            messages: Vec::new(),
        };
        if is_new && let Some(read) = self.read(id)? {
            self.set(id, read, true);
        }
        let all = self.all();
        let slot = all.by_name.get(id);
        checkout.before = slot.and_then(|slot| slot.conversation.clone());
        Ok(checkout)
    }
}
