//! Servers in this process, and their clients.

mod client;
mod process;

pub(crate) use client::{Answer, Client, request};
pub(crate) use process::{Process, Role, can_mount};

use atome::checkpoint::Checkpoint;
use atome::families::AtomeConfig;
use atome::{Model, Options};
use atome_serve::{BLOCK, Form, Message, Server, Settings};
use std::ops::Deref;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// `user: text` lines.
pub(crate) struct Lines;

impl Form for Lines {
    fn render(&self, messages: &[Message]) -> Result<String, String> {
        if messages.iter().any(|message| message.content == "refuse") {
            return Err("this is not said here".to_owned());
        }
        let line = |m: &Message| format!("{}: {}\n", m.role, m.content);
        let lines: String = messages.iter().map(line).collect();
        Ok(lines + "assistant:")
    }

    fn stop(&self) -> Option<&str> {
        Some("\nuser:")
    }
}

/// A running server.
pub(crate) struct Running {
    client: Client,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// Numbers that look random.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

/// A small model of random weights.
pub(crate) fn random(sessions: usize, classes: Option<usize>) -> Model {
    let config = AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 2,
        d_head: 8,
        top_k: 4,
        kernel_size: 4,
        max_seq: 64,
    };
    let options = Options {
        sessions,
        block: BLOCK,
        ..Options::default()
    };
    Model::from_checkpoint(&Checkpoint::random(config, classes, 7), &options).unwrap()
}

/// The model inside.
pub(crate) fn inside(sessions: usize) -> Model {
    let options = Options {
        sessions,
        block: BLOCK,
        ..Options::default()
    };
    Model::default_model(&options).unwrap()
}

pub(crate) fn quiet() -> Settings {
    Settings {
        port: 0,
        log: false,
        ..Settings::default()
    }
}

impl Running {
    pub(crate) fn new(model: &Model, settings: Settings) -> Running {
        let server = Server::bind(model, Box::new(Lines), settings).unwrap();
        let address = server.address();
        let (end, ended) = oneshot::channel();
        let run = move || {
            let done = server.run(async { drop(ended.await) });
            done.map_err(|error| error.to_string())
        };
        let thread = Some(thread::spawn(run));
        Running {
            client: Client { address },
            end: Some(end),
            thread,
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.ask_to_end();
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn ask_to_end(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }
}

impl Deref for Running {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_end();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                thread::panicking() || ended.is_ok(),
                "the server has panicked"
            );
        }
    }
}
