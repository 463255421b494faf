//! What the engine is asked for, and what comes back.

use super::gate::Permit;
use super::prefixes::Seen;
use crate::sessions::Checkout;
use atome::sampler::Sampling;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::Sender;

/// A prompt to read, and answers to write.
pub(crate) struct Job {
    pub(crate) prompt: Arc<[u32]>,
    /// Tokens of the prompt after which others may part from it: the state there is worth keeping.
    pub(crate) marks: Vec<usize>,
    /// A state that somebody kept of the prompt's beginning.
    pub(crate) start: Option<Arc<Seen>>,
    /// Answers to write; with none the job is to see what the model makes of the prompt.
    pub(crate) choices: Vec<Choice>,
    /// Answers that come before these in what is told, and all that are told of together.
    pub(crate) first: usize,
    pub(crate) of: usize,
    /// What to do with the state after the answer.
    pub(crate) kept: Kept,
    pub(crate) deadline: Instant,
    pub(crate) to: Sender<Event>,
    pub(crate) permit: Permit,
}

/// What to do with the state after an answer.
pub(crate) enum Kept {
    Nothing,
    /// A conversation may go on: it goes where prompts are looked up.
    Prefix,
    /// It is that of a named session.
    Session(Box<Checkout>),
}

/// How an answer is written.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) sampling: Sampling,
    pub(crate) biases: Arc<[(u32, f32)]>,
    /// Most tokens.
    pub(crate) tokens: usize,
    pub(crate) stops: Arc<[String]>,
    pub(crate) ignores_ends: bool,
    pub(crate) wants: Wants,
}

/// What is to be told of every token.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// How likely it was, and this many of the likeliest.
    pub(crate) chances: Option<usize>,
    /// What the model shows beside its logits.
    pub(crate) output: bool,
}

impl Wants {
    pub(crate) fn any(self) -> bool {
        self.chances.is_some() || self.output
    }
}

/// What the engine has to say of a job.
#[derive(Debug)]
pub(crate) enum Event {
    /// The next of an answer.
    More {
        choice: usize,
        text: String,
        /// What is told of its tokens, if anything was asked.
        tokens: Vec<Token>,
        finish: Option<Finish>,
    },
    /// What the model makes of a prompt.
    Seen {
        logits: Vec<f32>,
        class: u32,
        /// What the last of its states remembers.
        state: Vec<f32>,
    },
    Failed(Fault),
}

/// What is told of a token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) id: u32,
    /// Natural logarithm of its probability, by the model's logits as they are.
    pub(crate) chance: f32,
    /// The likeliest and theirs.
    pub(crate) top: Vec<(u32, f32)>,
    pub(crate) output: Vec<f32>,
}

/// An answer's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish {
    pub(crate) reason: Reason,
    /// Tokens that were written.
    pub(crate) written: usize,
    /// Tokens of the prompt that did not have to be read.
    pub(crate) cached: usize,
}

/// Why an answer is as long as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The model ended it, or a text that was to end it came.
    Stop,
    /// It has as many tokens as were asked for.
    Length,
}

impl Reason {
    /// In the words of OpenAI's API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Stop => "stop",
            Reason::Length => "length",
        }
    }
}

/// Why a job was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its time is over.
    Late,
    /// The server ends.
    Stopping,
    /// The model refused.
    Model(String),
    /// The state it was to go on from is none of this model.
    State(String),
}
