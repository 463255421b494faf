//! Answers: a token for everyone who writes, all in one step.

use super::job::{Event, Fault, Kept};
use super::running::{Last, Running};
use super::scheduler::Scheduler;
use crate::metrics::Metrics;
use atome::tokenizer::Tokenizer;
use atome::{RunError, Session};
use std::sync::Arc;
use std::time::Instant;

impl Scheduler {
    /// Writes a token of every answer that somebody listens to.
    pub(super) fn write(&mut self) {
        let mut batch = Vec::new();
        let mut tokens = Vec::new();
        let mut over = Vec::new();
        for (at, running) in self.running.iter_mut().enumerate() {
            match running.write(self.tokenizer.as_deref(), &self.metrics) {
                Wrote::Nothing => {}
                Wrote::Token(token) => {
                    batch.push(at);
                    tokens.push(token);
                }
                Wrote::End => over.push(at),
            }
        }
        let failed = self.step(&batch, &tokens);
        for (at, error) in &failed {
            self.running[*at]
                .shared
                .fail(Fault::Model(error.to_string()));
        }
        let is_last = |at: &usize| self.running[*at].last.is_some();
        let lasts: Vec<usize> = batch.iter().copied().filter(is_last).collect();
        let failed: Vec<usize> = failed.into_iter().map(|(at, _)| at).collect();
        over.extend(lasts.into_iter().filter(|at| !failed.contains(at)));
        for at in &over {
            self.end(*at);
        }
        over.extend(failed);
        over.sort_unstable();
        over.dedup();
        for at in over.into_iter().rev() {
            self.running.swap_remove(at);
        }
    }

    /// Takes in a token for each of these; gives those that cannot go on.
    fn step(&mut self, batch: &[usize], tokens: &[u32]) -> Vec<(usize, RunError)> {
        let started = Instant::now();
        let all = self.running.iter_mut().enumerate();
        let chosen = all.filter(|(at, _)| batch.binary_search(at).is_ok());
        let mut sessions: Vec<&mut Session> = chosen.map(|(_, r)| &mut r.session).collect();
        let done = self.model.step_batch(&mut sessions, tokens);
        if !batch.is_empty() {
            self.metrics.batches.add(1);
            self.metrics
                .step_us
                .add(started.elapsed().as_micros() as usize);
        }
        let Err(error) = done else {
            return Vec::new();
        };
        let mut failed = Vec::new();
        let is_finite = |s: &Session| s.logits().iter().all(|logit| logit.is_finite());
        for ((at, session), token) in batch.iter().zip(sessions).zip(tokens) {
            match &error {
                // The others have taken in their tokens.
                RunError::NotFinite { .. } if is_finite(session) => {}
                RunError::NotFinite { .. } => failed.push((*at, error.clone())),
                // None has: each is on its own.
                _ => failed.extend(session.step(*token).err().map(|error| (*at, error))),
            }
        }
        failed
    }

    /// An answer has ended, and the session has taken in all of it: keeps what is worth keeping, then says so.
    fn end(&mut self, at: usize) {
        let running = &mut self.running[at];
        let kept = std::mem::replace(&mut running.kept, Kept::Nothing);
        let seen = match kept {
            Kept::Nothing => None,
            Kept::Prefix if !self.prefixes.is_on() => None,
            Kept::Prefix | Kept::Session(_) => {
                Some(running.seen(running.tokens(), &mut self.state))
            }
        };
        match (seen, kept) {
            (Some(Ok(seen)), Kept::Session(checkout)) => checkout.commit(seen, &running.answer()),
            (Some(Ok(seen)), _) => self.prefixes.keep(Arc::new(seen)),
            (Some(Err(error)), _) => {
                return running.shared.fail(Fault::Model(error.to_string()));
            }
            (None, _) => {}
        }
        if let Some(last) = running.last.take() {
            running.finish(last);
        }
    }
}

/// What became of a turn to write.
enum Wrote {
    /// It was none: the prompt is not read, or nobody takes what was told.
    Nothing,
    /// A token that the session is to take in.
    Token(u32),
    /// The answer has ended.
    End,
}

impl Running {
    /// Whether there is something to do for it now.
    pub(super) fn can_go_on(&self) -> bool {
        self.writer.is_none() || self.shared.has_room() || self.shared.is_left()
    }

    /// Chooses the next token and tells it.
    fn write(&mut self, tokenizer: Option<&Tokenizer>, metrics: &Metrics) -> Wrote {
        let Some(writer) = self.writer.as_mut().filter(|_| self.shared.has_room()) else {
            return Wrote::Nothing;
        };
        let step = writer.step(&self.session, tokenizer);
        let now = Instant::now();
        if step.token.is_some() {
            metrics.written_tokens.add(1);
            match writer.written.len() {
                1 => metrics.first_token.add(now - self.shared.since),
                _ => metrics.between_tokens.add(now - self.told),
            }
            self.told = now;
        }
        let tokens = Vec::from_iter(step.told);
        match (step.end, step.token) {
            (None, Some(token)) => {
                if !step.text.is_empty() || !tokens.is_empty() {
                    self.shared.tell(Event::More {
                        choice: self.shared.first + self.choice,
                        text: step.text,
                        tokens,
                        finish: None,
                    });
                }
                Wrote::Token(token)
            }
            (end, token) => {
                self.last = end.map(|reason| Last {
                    text: step.text,
                    tokens,
                    reason,
                });
                match (&self.kept, token) {
                    (Kept::Prefix | Kept::Session(_), Some(token)) => Wrote::Token(token),
                    _ => Wrote::End,
                }
            }
        }
    }
}
