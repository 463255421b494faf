//! One text: a session that reads a prompt and then writes an answer.

use super::job::{Choice, Event, Fault, Finish, Kept, Reason, Token};
use super::prefixes::Seen;
use super::writer::Writer;
use crate::engine::Permit;
use crate::packed::Packed;
use atome::{RunError, Session};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc::Sender;

/// What the answers to one prompt share.
pub(super) struct Shared {
    pub(super) prompt: Arc<[u32]>,
    pub(super) marks: Vec<usize>,
    pub(super) choices: Vec<Choice>,
    /// Answers that come before these in what is told, and all that are told of together.
    pub(super) first: usize,
    pub(super) of: usize,
    /// A state that was found when the job came.
    pub(super) start: Option<Arc<Seen>>,
    /// The state after the prompt, for the answers after the first.
    pub(super) read: OnceLock<Arc<Seen>>,
    /// Tokens of the prompt that did not have to be read.
    pub(super) cached: OnceLock<usize>,
    pub(super) deadline: Instant,
    pub(super) since: Instant,
    pub(super) to: Sender<Event>,
    pub(super) _permit: Permit,
}

/// A text that waits for a place.
pub(super) struct Waiting {
    pub(super) shared: Arc<Shared>,
    /// Which of the answers.
    pub(super) choice: usize,
    pub(super) kept: Kept,
}

/// A text that has a place.
pub(super) struct Running {
    pub(super) shared: Arc<Shared>,
    pub(super) choice: usize,
    pub(super) kept: Kept,
    pub(super) session: Session,
    /// Tokens of the prompt that are read.
    pub(super) read: usize,
    /// When it read last, in turns.
    pub(super) turn: u64,
    pub(super) writer: Option<Writer>,
    /// The end of the answer, to be told when the session has taken in its last token.
    pub(super) last: Option<Last>,
    /// When its last token was told.
    pub(super) told: Instant,
}

/// The last event of an answer.
pub(super) struct Last {
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    pub(super) reason: Reason,
}

impl Shared {
    /// Whether nobody wants it any more.
    pub(super) fn is_left(&self) -> bool {
        self.to.is_closed()
    }

    /// Whether an event of each answer can be told.
    pub(super) fn has_room(&self) -> bool {
        self.to.capacity() >= self.of
    }

    pub(super) fn tell(&self, event: Event) {
        // Room was made sure of; whoever has left needs no event.
        drop(self.to.try_send(event));
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.tell(Event::Failed(fault));
    }
}

impl Running {
    /// A text in a place, from the longest beginning of its prompt that a state is there of.
    pub(super) fn new(
        waiting: Waiting,
        mut session: Session,
        start: Option<&Seen>,
        turn: u64,
        state: &mut Vec<u8>,
    ) -> Result<Running, (Arc<Shared>, Fault)> {
        let Waiting {
            shared,
            choice,
            kept,
        } = waiting;
        let mut read = 0;
        if let Some(seen) = start {
            seen.state.unpack(state);
            if let Err(error) = session.restore(state) {
                return Err((shared, Fault::State(error.to_string())));
            }
            read = seen.tokens.len();
        }
        shared.cached.get_or_init(|| read);
        Ok(Running {
            shared,
            choice,
            kept,
            session,
            read,
            turn,
            writer: None,
            last: None,
            told: Instant::now(),
        })
    }

    pub(super) fn is_reading(&self) -> bool {
        self.read < self.shared.prompt.len()
    }

    /// Reads up to so many tokens of the prompt, to the next mark at most; gives how many.
    pub(super) fn read(&mut self, most: usize) -> Result<usize, RunError> {
        let prompt = &self.shared.prompt;
        let mut marks = self.shared.marks.iter().copied();
        let mark = marks.find(|mark| *mark > self.read);
        let end = mark.unwrap_or(prompt.len()).min(prompt.len());
        let end = end.min(self.read + most);
        self.session.prefill(&prompt[self.read..end])?;
        let count = end - self.read;
        self.read = end;
        Ok(count)
    }

    /// Whether the state where it is now is worth keeping.
    pub(super) fn is_at_mark(&self) -> bool {
        self.shared.marks.contains(&self.read)
    }

    /// The state now, after these tokens.
    pub(super) fn seen(&self, tokens: Arc<[u32]>, state: &mut Vec<u8>) -> Result<Seen, RunError> {
        state.resize(self.session.state_bytes(), 0);
        self.session.save_into(state)?;
        let state = Packed::new(state);
        Ok(Seen { tokens, state })
    }

    /// The tokens that the session has taken in when its answer has ended.
    pub(super) fn tokens(&self) -> Arc<[u32]> {
        let written = self.writer.as_ref().map_or(&[][..], |w| &w.written);
        [&self.shared.prompt, written].concat().into()
    }

    /// The text of the answer.
    pub(super) fn answer(&self) -> String {
        self.writer
            .as_ref()
            .map_or_else(String::new, |w| w.answer.clone())
    }

    /// Tells the end of the answer.
    pub(super) fn finish(&self, last: Last) {
        let written = self.writer.as_ref().map_or(0, |w| w.written.len());
        self.shared.tell(Event::More {
            choice: self.shared.first + self.choice,
            text: last.text,
            tokens: last.tokens,
            finish: Some(Finish {
                reason: last.reason,
                written,
                cached: self.shared.cached.get().copied().unwrap_or(0),
            }),
        });
    }
}
