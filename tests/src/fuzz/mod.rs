//! What a stranger's bytes must not do: one function a target, for libFuzzer (`fuzz/`) and for plain tests over the
//! committed corpus (`tests/corpus.rs`).
//!
//! A body panics where something does not hold, and says whether the bytes were taken: read as a model and run, restored,
//! compiled. Sizes are bounded, so that a call takes little time and memory.
//!
//! | module | concept |
//! |---|---|
//! | `files` | every loader; what is accepted runs |
//! | `mend` | checksums, lengths and codes put right, so that mutations reach what lies behind |
//! | `answers` | a model on two backends |
//! | `state` | saved states |
//! | `sessions` | options, and a script of calls against a history |
//! | `graph` | text of graphs; what is accepted runs |
//! | `kernel` | text of the IR: interpreter, passes, JIT |
//! | `made_nan` | NaN that arithmetic makes, taken out of sight |
//! | `text` | tokenizers, vocabularies and configs |
//! | [`mutate`] | edits of the corpus, for a machine without libFuzzer |
//! | [`seeds`] | the corpus, made by the project's own writers |

mod answers;
mod files;
mod graph;
mod kernel;
mod made_nan;
mod mend;
mod mutate;
pub mod seeds;
mod sessions;
mod state;
mod text;

pub use mutate::{mutate, words};
use std::fmt::Display;

/// What a target does with bytes. It says whether they were taken.
pub type Body = fn(&[u8]) -> bool;

/// Every target by name: a file of `fuzz/fuzz_targets`, a folder of `fuzz/corpus`.
pub const TARGETS: [(&str, Body); 12] = [
    ("atome", files::atome),
    ("bit2", files::bit2),
    ("container", files::container),
    ("gguf", files::gguf),
    ("floats", files::floats),
    ("config", text::config),
    ("tokenizer", text::tokenizer),
    ("vocabulary", text::vocabulary),
    ("state", state::state),
    ("sessions", sessions::sessions),
    ("kernel", kernel::kernel),
    ("graph", graph::graph),
];

/// Runs the body of a target.
///
/// # Panics
/// If there is no such target, or something does not hold.
pub fn run(target: &str, data: &[u8]) -> bool {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, body) = found.expect("a target");
    body(data)
}

/// A number that depends on all bytes, to choose by.
fn choice(data: &[u8]) -> u32 {
    crc32fast::hash(data)
}

/// Checks that a message is one line that a terminal can be given, and returns it.
fn one_line(error: &impl Display) -> String {
    let message = error.to_string();
    assert!(
        !message.is_empty() && !message.chars().any(char::is_control),
        "not one line: {message:?}"
    );
    message
}
