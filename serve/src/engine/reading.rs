//! Prompts: a part of one at a time, in turn, from the longest beginning that a state is there of.

use super::job::{Event, Fault, Kept};
use super::prefixes::Seen;
use super::running::{Shared, Waiting};
use super::scheduler::Scheduler;
use super::writer::Writer;
use crate::states;
use std::sync::Arc;

impl Scheduler {
    /// The state of the longest beginning of a prompt.
    pub(super) fn start(&mut self, shared: &Shared) -> Option<Arc<Seen>> {
        if let Some(read) = shared.read.get() {
            return Some(Arc::clone(read));
        }
        let found = self.prefixes.find(&shared.prompt);
        let given = shared
            .start
            .as_ref()
            .filter(|seen| shared.prompt.starts_with(&seen.tokens));
        match (found, given) {
            (Some(found), Some(given)) if found.tokens.len() < given.tokens.len() => {
                Some(Arc::clone(given))
            }
            (None, given) => given.cloned(),
            (found, _) => found,
        }
    }

    /// Reads a part of a prompt, of whoever waits for longest: about as many tokens as are written meanwhile.
    pub(super) fn read(&mut self) {
        let writing = self.running.iter().filter(|r| r.writer.is_some()).count();
        let mut left = writing.max(1).next_multiple_of(self.block);
        while left > 0 {
            let all = self.running.iter().enumerate();
            let reading = all.filter(|(_, running)| running.is_reading());
            let Some((at, _)) = reading.min_by_key(|(_, running)| running.turn) else {
                return;
            };
            self.turns += 1;
            let running = &mut self.running[at];
            running.turn = self.turns;
            match running.read(left.min(self.block)) {
                Ok(count) => {
                    left = left.saturating_sub(count);
                    self.metrics.read_tokens.add(count);
                    let is_over = !running.is_reading() && !self.is_read(at);
                    if is_over {
                        self.running.swap_remove(at);
                    } else {
                        self.keep_mark(at);
                    }
                }
                Err(error) => {
                    running.shared.fail(Fault::Model(error.to_string()));
                    self.running.swap_remove(at);
                }
            }
        }
    }

    /// Keeps the state at a mark of a prompt for others.
    fn keep_mark(&mut self, at: usize) {
        let running = &self.running[at];
        let tokens = &running.shared.prompt[..running.read];
        if !self.prefixes.is_on() || !running.is_at_mark() || self.prefixes.has(tokens) {
            return;
        }
        if let Ok(seen) = running.seen(tokens.into(), &mut self.state) {
            self.prefixes.keep(Arc::new(seen));
        }
    }

    /// A prompt is read: its answer begins. False if it was only to be seen, or cannot begin.
    pub(super) fn is_read(&mut self, at: usize) -> bool {
        let running = &mut self.running[at];
        let shared = Arc::clone(&running.shared);
        let Some(choice) = shared.choices.get(running.choice) else {
            shared.tell(Event::Seen {
                logits: running.session.logits().to_vec(),
                class: running.session.argmax(),
                state: states::embedding(&running.session),
            });
            return false;
        };
        match Writer::new(choice, self.model.vocab(), &shared.prompt) {
            Ok(writer) => running.writer = Some(writer),
            Err(error) => {
                shared.fail(Fault::Model(error.to_string()));
                return false;
            }
        }
        if running.choice == 0 && shared.choices.len() > 1 {
            self.begin_others(at);
        }
        true
    }

    /// The other answers to a prompt go on from where it was read.
    fn begin_others(&mut self, at: usize) {
        let running = &self.running[at];
        let shared = Arc::clone(&running.shared);
        match running.seen(Arc::clone(&shared.prompt), &mut self.state) {
            Ok(seen) => shared.read.get_or_init(|| Arc::new(seen)),
            Err(error) => return shared.fail(Fault::Model(error.to_string())),
        };
        for choice in (1..shared.choices.len()).rev() {
            self.waiting.push_front(Waiting {
                shared: Arc::clone(&shared),
                choice,
                kept: Kept::Nothing,
            });
        }
    }
}
