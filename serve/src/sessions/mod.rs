//! Sessions by name: conversations whose state is kept between requests, in memory and, where there is a folder for them,
//! in files.
//!
//! | file | concept |
//! |---|---|
//! | `checkout` | a session while a request works with it |
//! | `saved` | sessions in their files |
//! | `file` | a session as bytes |
//! | `keeper` | the thread that moves sessions to files when memory is short |

mod checkout;
mod file;
mod keeper;
mod saved;

pub(crate) use checkout::Checkout;
pub(crate) use keeper::Keeper;

use crate::chat::Message;
use crate::engine::Seen;
use crate::error::ApiError;
use atome::Fingerprint;
use axum::http::StatusCode;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The longest name of a session, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What a session remembers.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Those of a chat; none of a session that continues plain text.
    pub(crate) messages: Vec<Message>,
    /// The tokens that its state has taken in.
    pub(crate) seen: Arc<Seen>,
}

impl Conversation {
    /// Bytes that it takes in memory.
    fn bytes(&self) -> usize {
        let text = |m: &Message| m.role.len() + m.content.len() + size_of::<Message>();
        self.seen.bytes() + self.messages.iter().map(text).sum::<usize>()
    }
}

/// All sessions.
pub(crate) struct Sessions {
    all: Mutex<All>,
    /// Told when memory may be short, and when the server ends.
    changed: Condvar,
    folder: Option<PathBuf>,
    limit: usize,
    model: Fingerprint,
    state_bytes: usize,
    /// Held while a file is written or removed: of two writers, the older must not come last.
    files: Mutex<()>,
    /// Whether what goes wrong is logged.
    log: bool,
}

#[derive(Default)]
struct All {
    by_name: HashMap<String, Slot>,
    /// Bytes of those in memory.
    bytes: usize,
    clock: u64,
    ends: bool,
}

#[derive(Default)]
struct Slot {
    /// `None` of one that is in its file alone, or that is being made.
    conversation: Option<Arc<Conversation>>,
    /// A request works with it.
    busy: bool,
    /// Its file has it as it is.
    saved: bool,
    used: u64,
}

/// What is told of a session.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    id: String,
    object: &'static str,
    /// Tokens it has taken in; `None` of one that is in its file alone.
    tokens: Option<usize>,
    messages: Option<usize>,
    bytes: Option<usize>,
    saved: bool,
    busy: bool,
}

impl Sessions {
    pub(crate) fn new(
        folder: Option<PathBuf>,
        limit: usize,
        model: Fingerprint,
        state_bytes: usize,
        log: bool,
    ) -> Arc<Sessions> {
        Arc::new(Sessions {
            all: Mutex::default(),
            changed: Condvar::new(),
            folder,
            limit,
            model,
            state_bytes,
            files: Mutex::default(),
            log,
        })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        // Nothing panics while it is locked.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes and number of those in memory.
    pub(crate) fn size(&self) -> (usize, usize) {
        let all = self.all();
        let slots = all.by_name.values();
        (
            all.bytes,
            slots.filter(|s| s.conversation.is_some()).count(),
        )
    }

    /// A session to look at.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Conversation>, ApiError> {
        check_name(id)?;
        let slot = self
            .all()
            .by_name
            .get(id)
            .and_then(|slot| slot.conversation.clone());
        let found = match slot {
            Some(conversation) => Some(conversation),
            None => self.read(id)?.map(Arc::new),
        };
        found.ok_or_else(|| no_session(id))
    }

    /// The bytes of a session, for another server of the same model.
    pub(crate) fn export(&self, id: &str) -> Result<Vec<u8>, ApiError> {
        Ok(file::write(&*self.get(id)?, self.model))
    }

    /// Takes in the bytes of a session, in place of one of the same name.
    pub(crate) fn import(self: &Arc<Sessions>, id: &str, bytes: &[u8]) -> Result<(), ApiError> {
        let read = file::read(bytes, self.model, self.state_bytes);
        let read = read.map_err(|fault| ApiError::bad(fault.to_string()))?;
        let checkout = self.check_out(id)?;
        self.set(id, read, false);
        drop(checkout);
        Ok(())
    }

    /// The longest that the bytes of a session may be with so many tokens.
    pub(crate) fn most_bytes(&self, tokens: usize) -> usize {
        file::most_bytes(self.state_bytes, tokens)
    }

    /// Forgets a session, and removes its file.
    pub(crate) fn remove(&self, id: &str) -> Result<(), ApiError> {
        check_name(id)?;
        let _files = self.files();
        let mut all = self.all();
        if all.by_name.get(id).is_some_and(|slot| slot.busy) {
            let message = format!("session `{id}` is busy with a request");
            return Err(ApiError::new(StatusCode::CONFLICT, message));
        }
        let slot = all.by_name.remove(id);
        let freed = slot.as_ref().and_then(|slot| slot.conversation.as_ref());
        all.bytes -= freed.map_or(0, |conversation| conversation.bytes());
        let file = self.path(id).map(std::fs::remove_file);
        match (slot, file) {
            (Some(_), _) | (None, Some(Ok(()))) => Ok(()),
            (None, _) => Err(no_session(id)),
        }
    }

    /// What is told of all of them, by name; of those that nobody has asked for yet, that their files are there.
    pub(crate) fn list(&self) -> Vec<Told> {
        let files = self.names_of_files();
        let all = self.all();
        let new = files.into_iter().filter(|id| !all.by_name.contains_key(id));
        let in_file = |id: String| Told {
            id,
            object: "session",
            tokens: None,
            messages: None,
            bytes: None,
            saved: true,
            busy: false,
        };
        let told = |(id, slot): (&String, &Slot)| {
            let conversation = slot.conversation.as_ref();
            Told {
                id: id.clone(),
                object: "session",
                tokens: conversation.map(|c| c.seen.tokens.len()),
                messages: conversation.map(|c| c.messages.len()),
                bytes: conversation.map(|c| c.bytes()),
                saved: slot.saved,
                busy: slot.busy,
            }
        };
        let known = all.by_name.iter().map(told);
        let mut list: Vec<Told> = known.chain(new.map(in_file)).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }

    /// Puts a conversation in place of what its slot has.
    fn set(&self, id: &str, conversation: Conversation, saved: bool) {
        let mut all = self.all();
        let bytes = conversation.bytes();
        let conversation = Some(Arc::new(conversation));
        let slot = all.by_name.entry(id.to_owned()).or_default();
        let before = std::mem::replace(&mut slot.conversation, conversation);
        slot.saved = saved;
        all.bytes += bytes;
        all.bytes -= before.map_or(0, |before| before.bytes());
        if all.bytes > self.limit {
            self.changed.notify_all();
        }
    }

    /// No memory for another session, and why others stay in it.
    fn full(&self, why: Option<ApiError>) -> ApiError {
        let message = match (&self.folder, why) {
            (None, _) => {
                "no memory for another session: delete one, or start the server with --sessions DIR"
                    .to_owned()
            }
            (Some(_), None) => "no memory for another session: all are busy".to_owned(),
            (Some(_), Some(why)) => format!("no memory for another session: {}", why.message),
        };
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, message)
    }
}

/// Checks that a name is one that a file can have anywhere.
fn check_name(id: &str) -> Result<(), ApiError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (1..=MAX_NAME_BYTES).contains(&id.len()) && id.bytes().all(fits) {
        true => Ok(()),
        false => Err(ApiError::field(
            "session",
            format_args!("expected 1 to {MAX_NAME_BYTES} of a-z, A-Z, 0-9, `-` and `_`"),
        )),
    }
}

fn no_session(id: &str) -> ApiError {
    ApiError::none(format!("no session `{id}`"))
}
