//! What is said of a loaded model.

use crate::families::Config;
use crate::plan::{Section, TensorInfo};
use crate::tokenizer::TokenizerKind;
use serde::Serialize;
use std::time::Duration;

/// What `inspect` prints.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInfo {
    /// Model family.
    pub architecture: &'static str,
    /// Format of the file, or of the model in memory.
    pub format: &'static str,
    /// Dimensions.
    pub config: Config,
    /// How text becomes tokens.
    pub tokenizer: TokenizerKind,
    /// Why the tokenizer that the model comes with is not used, if it is of a kind that is not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer_refused: Option<String>,
    /// Classes of the head; `None` for a language model.
    pub classes: Option<usize>,
    /// Trits and floats.
    pub parameters: usize,
    /// CPU tier in use.
    pub cpu: &'static str,
    /// Threads that share matrix products.
    pub threads: usize,
    /// Why what was measured is not used, if there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tune_ignored: Option<String>,
    /// Sessions the arena has room for.
    pub sessions: usize,
    /// Bytes of the whole arena.
    pub arena_bytes: usize,
    /// Bytes of tensors that stay in the model's file, which is mapped into memory.
    pub mapped_bytes: usize,
    /// Bytes shared by all sessions: weights and constants, in the arena and in the file.
    pub model_bytes: usize,
    /// Bytes of one session: state and logits.
    pub session_bytes: usize,
    /// Bytes that running a block of tokens takes, of whichever session.
    pub scratch_bytes: usize,
    /// Blocks that can run at the same time: there is a scratch for each.
    pub scratches: usize,
    /// Bytes that a saved session takes.
    pub state_bytes: usize,
    /// Every tensor's place.
    pub tensors: Vec<TensorInfo>,
    /// Time to read, check and pack the file.
    #[serde(rename = "load_s", serialize_with = "seconds")]
    pub load_time: Duration,
}

/// What runs a model's plan.
#[derive(Clone, Debug, Serialize)]
pub struct BackendInfo {
    /// Backend in use.
    pub backend: &'static str,
    /// Whether machine code is being made, and will run the plan then.
    pub compiling: bool,
    /// Why the default backend makes no machine code; `None` where it does, or another was
    /// asked for.
    pub jit_refused: Option<String>,
    /// What was measured to be better than the defaults on this CPU: each product and its kernel, threads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tuned: Vec<String>,
    /// Bytes of machine code made at load.
    pub code_bytes: usize,
    /// Time to make it, or to prepare another backend.
    #[serde(rename = "compile_s", serialize_with = "seconds")]
    pub compile_time: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(time.as_secs_f64())
}

impl ModelInfo {
    /// Bytes of a section, alignment included. Tensors of the scratch share bytes.
    pub fn section_bytes(&self, section: Section) -> usize {
        let placed = self.tensors.iter().filter(|t| t.section == section);
        let aligned = |n: usize| n.next_multiple_of(atome_spec::TENSOR_ALIGN_BYTES);
        match section {
            Section::File => placed.map(|t| t.bytes).sum(),
            Section::Scratch => self.scratch_bytes,
            _ => placed.map(|t| aligned(t.bytes)).sum(),
        }
    }
}
