//! The one thread that runs the model, and what it is asked for. It knows nothing of HTTP, and waits for nobody.
//!
//! | file | concept |
//! |---|---|
//! | `job` | what is asked for, and what comes back |
//! | `gate` | how many may come in |
//! | `scheduler` | who is next: a token for everyone who writes, then a part of somebody's prompt |
//! | `reading`, `writing` | what is done for it |
//! | `running` | one text: a session that reads a prompt and writes an answer |
//! | `writer` | from logits to tokens to text |
//! | `chances` | how likely tokens were |
//! | `prefixes` | states of beginnings of texts |

mod chances;
mod gate;
mod job;
mod prefixes;
mod reading;
mod running;
mod scheduler;
mod writer;
mod writing;

pub(crate) use chances::shares;
pub(crate) use gate::{Gate, Permit};
pub(crate) use job::{Choice, Event, Fault, Finish, Job, Kept, Reason, Token, Wants};
pub(crate) use prefixes::Seen;

use crate::metrics::Metrics;
use atome::Model;
use atome::tokenizer::Tokenizer;
use scheduler::Scheduler;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

/// What the engine's thread is told.
enum Command {
    Do(Box<Job>),
    /// Ends everything that is under way.
    Stop,
}

/// The engine's thread, from outside.
pub(crate) struct Engine {
    commands: Sender<Command>,
}

impl Engine {
    /// Starts the thread; it ends when the engine is dropped and all is done.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub(crate) fn start(
        model: &Model,
        tokenizer: Option<Arc<Tokenizer>>,
        cache_bytes: usize,
        metrics: &Arc<Metrics>,
    ) -> io::Result<(Engine, JoinHandle<()>)> {
        let (commands, from) = mpsc::channel();
        let mut scheduler = Scheduler::new(model, tokenizer, cache_bytes, metrics, from);
        let thread = thread::Builder::new().name("engine".to_owned());
        let thread = thread.spawn(move || scheduler.run())?;
        Ok((Engine { commands }, thread))
    }

    /// Hands a job in; whoever has no permit has no job.
    pub(crate) fn submit(&self, job: Job) {
        // An engine that is gone drops the job, and whoever waits for its events is told.
        drop(self.commands.send(Command::Do(Box::new(job))));
    }

    /// Ends everything that is under way, and what comes later.
    pub(crate) fn stop(&self) {
        drop(self.commands.send(Command::Stop));
    }
}
