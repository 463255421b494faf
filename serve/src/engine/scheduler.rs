//! Who is next: a token for everyone who writes, all in one step, then a part of somebody's prompt, in turn. So a long
//! prompt holds up nobody, and a short one waits for one part of each that came before.

use super::Command;
use super::job::{Event, Fault, Job, Kept};
use super::prefixes::{Prefixes, Seen};
use super::running::{Last, Running, Shared, Waiting};
use super::writer::Writer;
use crate::metrics::Metrics;
use crate::states;
use atome::tokenizer::Tokenizer;
use atome::{Model, RunError, Session};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long the thread waits for somebody to take what was told, where all are slow.
const STALL: Duration = Duration::from_millis(2);

pub(super) struct Scheduler {
    model: Model,
    tokenizer: Option<Arc<Tokenizer>>,
    metrics: Arc<Metrics>,
    commands: Receiver<Command>,
    waiting: VecDeque<Waiting>,
    running: Vec<Running>,
    prefixes: Prefixes,
    /// Turns of reading so far.
    turns: u64,
    /// Tokens of a prompt that are read at once.
    block: usize,
    places: usize,
    /// Everything that comes is refused.
    stopping: bool,
    /// Room for a state.
    state: Vec<u8>,
}

impl Scheduler {
    pub(super) fn new(
        model: &Model,
        tokenizer: Option<Arc<Tokenizer>>,
        cache_bytes: usize,
        metrics: &Arc<Metrics>,
        commands: Receiver<Command>,
    ) -> Scheduler {
        Scheduler {
            model: model.clone(),
            tokenizer,
            metrics: Arc::clone(metrics),
            commands,
            waiting: VecDeque::new(),
            running: Vec::new(),
            prefixes: Prefixes::new(cache_bytes),
            turns: 0,
            block: crate::BLOCK,
            places: model.info().sessions,
            stopping: false,
            state: Vec::new(),
        }
    }

    /// Does what comes, until nobody can send any more.
    pub(super) fn run(&mut self) {
        while self.receive() {
            self.clear();
            self.admit();
            self.write();
            self.read();
            let (bytes, entries) = self.prefixes.size();
            let m = &self.metrics;
            m.prefix_bytes.set(bytes);
            m.prefix_entries.set(entries);
            m.running.set(self.running.len());
            m.waiting.set(self.waiting.len());
        }
    }

    /// Takes in what was sent; waits where there is nothing to do. False when nobody can send any more and all is done.
    fn receive(&mut self) -> bool {
        let is_idle = self.running.is_empty() && self.waiting.is_empty();
        if is_idle {
            match self.commands.recv() {
                Ok(command) => self.take(command),
                Err(_) => return false,
            }
        } else if !self.running.is_empty() && self.running.iter().all(|r| !r.can_go_on()) {
            match self.commands.recv_timeout(STALL) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.take(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return true,
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Do(job) if self.stopping => {
                drop(job.to.try_send(Event::Failed(Fault::Stopping)));
            }
            Command::Do(job) => {
                let Job {
                    prompt,
                    marks,
                    start,
                    choices,
                    first,
                    of,
                    kept,
                    deadline,
                    to,
                    permit,
                } = *job;
                let shared = Arc::new(Shared {
                    prompt,
                    marks,
                    choices,
                    start,
                    first,
                    of,
                    read: OnceLock::new(),
                    cached: OnceLock::new(),
                    deadline,
                    since: Instant::now(),
                    to,
                    _permit: permit,
                });
                self.waiting.push_back(Waiting {
                    shared,
                    choice: 0,
                    kept,
                });
            }
            Command::Stop => {
                self.stopping = true;
                let running = self.running.drain(..).map(|r| r.shared);
                let waiting = self.waiting.drain(..).map(|w| w.shared);
                running
                    .chain(waiting)
                    .for_each(|shared| shared.fail(Fault::Stopping));
            }
        }
    }

    /// Lets those go who have left, and those whose time is over.
    fn clear(&mut self) {
        let now = Instant::now();
        let stays = |shared: &Shared| {
            if shared.is_left() {
                self.metrics.left.add(1);
                return false;
            }
            if shared.deadline <= now {
                shared.fail(Fault::Late);
                return false;
            }
            true
        };
        self.running.retain(|running| stays(&running.shared));
        self.waiting.retain(|waiting| stays(&waiting.shared));
    }

    /// Gives free places to those who wait.
    fn admit(&mut self) {
        while self.running.len() < self.places {
            let Some(waiting) = self.waiting.pop_front() else {
                return;
            };
            let session = match self.model.session() {
                Ok(session) => session,
                Err(error) => {
                    waiting.shared.fail(Fault::Model(error.to_string()));
                    continue;
                }
            };
            let start = self.start(&waiting.shared);
            let turn = self.turns;
            let running = Running::new(waiting, session, start.as_deref(), turn, &mut self.state);
            match running {
                Ok(running) => {
                    self.metrics.cached_tokens.add(running.read);
                    self.running.push(running);
                    let last = self.running.len() - 1;
                    if !self.running[last].is_reading() && !self.is_read(last) {
                        self.running.swap_remove(last);
                    }
                }
                Err((shared, fault)) => shared.fail(fault),
            }
        }
    }

    /// The state of the longest beginning of a prompt.
    fn start(&mut self, shared: &Shared) -> Option<Arc<Seen>> {
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
    fn read(&mut self) {
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
    fn is_read(&mut self, at: usize) -> bool {
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

    /// Writes a token of every answer that somebody listens to.
    fn write(&mut self) {
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
    fn can_go_on(&self) -> bool {
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
