//! Who is next: a token for everyone who writes, all in one step, then a part of somebody's prompt, in turn. So a long
//! prompt holds up nobody, and a short one waits for one part of each that came before.

use super::Command;
use super::job::{Event, Fault, Job};
use super::prefixes::Prefixes;
use super::running::{Running, Shared, Waiting};
use crate::metrics::Metrics;
use atome::Model;
use atome::tokenizer::Tokenizer;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long the thread waits for somebody to take what was told, where all are slow.
const STALL: Duration = Duration::from_millis(2);

pub(super) struct Scheduler {
    pub(super) model: Model,
    pub(super) tokenizer: Option<Arc<Tokenizer>>,
    pub(super) metrics: Arc<Metrics>,
    commands: Receiver<Command>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) running: Vec<Running>,
    pub(super) prefixes: Prefixes,
    /// Turns of reading so far.
    pub(super) turns: u64,
    /// Tokens of a prompt that are read at once.
    pub(super) block: usize,
    places: usize,
    /// Everything that comes is refused.
    stopping: bool,
    /// Room for a state.
    pub(super) state: Vec<u8>,
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
}
