use crate::{Fingerprint, error::TensorFault};
use atome_spec::CacheType;

/// Why a loaded model refused a request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A token id is not in the vocabulary.
    #[error("token {id} is out of range: the vocabulary has ids 0 to {}", vocab.saturating_sub(1))]
    TokenOutOfRange {
        /// The id that was given.
        id: u32,
        /// Number of ids in the vocabulary.
        vocab: usize,
    },
    /// The row of a token in a table that stays in the model's file is none: it is checked when the token is asked for.
    #[error("token {id} has no row in `{tensor}`: {fault}")]
    Row {
        /// The id that was given, which is the number of the row.
        id: u32,
        /// The table.
        tensor: String,
        /// What its bytes are instead.
        fault: TensorFault,
    },
    /// There is nothing to run on.
    #[error("the prompt is empty: give at least one token")]
    EmptyPrompt,
    /// More tokens than the model can take at once.
    #[error("a sequence of {found} tokens is too long: the model takes at most {max}")]
    SequenceTooLong {
        /// Tokens given.
        found: usize,
        /// Tokens accepted.
        max: usize,
    },
    /// Every session the arena has room for is in use.
    #[error("no free session: all {slots} are in use")]
    NoFreeSession {
        /// Sessions the arena was planned for.
        slots: usize,
    },
    /// The memory that was given has no room for a session.
    #[error("a session needs {expected} bytes of memory, found {found}")]
    SessionMemory {
        /// Bytes that are enough wherever they start.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// There is no memory for another scratch, which a session needs that runs while its thread hands out the logits of
    /// another.
    #[error("no memory for a scratch of {bytes} bytes")]
    ScratchMemory {
        /// Bytes of the scratch.
        bytes: usize,
    },
    /// A batch does not have one token for each session.
    #[error("expected one token for each of {sessions} sessions, found {tokens}")]
    BatchLength {
        /// Sessions given.
        sessions: usize,
        /// Tokens given.
        tokens: usize,
    },
    /// A batch has a session of another model.
    #[error("session {session} of the batch belongs to another model")]
    OtherModel {
        /// Its place in the batch.
        session: usize,
    },
    /// The bytes of a session state are too few or too many.
    #[error("a session state of this model has {expected} bytes, found {found}")]
    StateLength {
        /// Bytes of a state of this model.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The bytes do not start like a session state.
    #[error("not a session state: expected `ATOMESTA` at its start, found \"{found}\"")]
    StateMagic {
        /// The first eight bytes, escaped to printable ASCII.
        found: String,
    },
    /// A session state of another version of the layout.
    #[error("expected a session state of version {expected}, found version {found}")]
    StateVersion {
        /// The version that is read.
        expected: u64,
        /// The version found.
        found: u64,
    },
    /// A session state with caches of another type.
    #[error("the session state has caches of {found}, this model is run with caches of {expected}")]
    StateCaches {
        /// What this model's caches hold.
        expected: CacheType,
        /// What the state's hold.
        found: CacheType,
    },
    /// A session state that another model saved.
    #[error(
        "the session state is of another model: expected the fingerprint {expected}, found {found}"
    )]
    StateModel {
        /// The fingerprint of this model.
        expected: Fingerprint,
        /// The fingerprint of the state.
        found: Fingerprint,
    },
    /// A session state whose bytes are not those that were saved.
    #[error(
        "the session state is damaged: its checksum is {expected:08x}, that of its bytes is {found:08x}"
    )]
    StateChecksum {
        /// The checksum that it states.
        expected: u64,
        /// That of its bytes.
        found: u64,
    },
    /// A session state claims a position that no session reaches.
    #[error("not a session state: expected a position of at most {max}, found {position}")]
    StatePosition {
        /// The position found.
        position: u64,
        /// The greatest that is accepted.
        max: u64,
    },
    /// A session state claims a greatest logit that is none of its logits.
    #[error("not a session state: the greatest of {logits} logits is number {found}")]
    StateArgmax {
        /// The number found; they count from 0.
        found: u32,
        /// Logits of the model.
        logits: usize,
    },
    /// A sampling temperature that is not a finite number of 0 or more.
    #[error("expected a finite temperature of 0 or more, found {found}")]
    Temperature {
        /// The temperature given.
        found: f32,
    },
    /// A sampler of more logits than there are token ids, or than there is memory for.
    #[error("cannot sample from {vocab} logits: they are more than memory or token ids allow")]
    SamplerMemory {
        /// Logits asked for.
        vocab: usize,
    },
    /// A nucleus that is not a share of the probability.
    #[error("expected top-p above 0 and at most 1, found {found}")]
    TopP {
        /// The share given.
        found: f32,
    },
    /// A least probability that is not a share of the greatest.
    #[error("expected min-p from 0 to 1, found {found}")]
    MinP {
        /// The share given.
        found: f32,
    },
    /// A penalty that is no finite number.
    #[error("expected a finite {name} penalty, found {found}")]
    Penalty {
        /// Which one.
        name: &'static str,
        /// The penalty given.
        found: f32,
    },
    /// A repetition penalty that is not a finite number above 0.
    #[error("expected a finite repetition penalty above 0, found {found}")]
    RepetitionPenalty {
        /// The penalty given.
        found: f32,
    },
    /// A bias of no token, or one that is no number to add.
    #[error(
        "expected a bias below infinity for a token from 0 to {}, found {found} for token {id}", vocab.saturating_sub(1)
    )]
    LogitBias {
        /// The token given.
        id: u32,
        /// The bias given.
        found: f32,
        /// Number of ids in the vocabulary.
        vocab: usize,
    },
    /// Biases leave no token that may be chosen.
    #[error("expected a token that may be chosen, found all {vocab} banned by a bias of -inf")]
    EveryTokenBanned {
        /// Number of ids in the vocabulary.
        vocab: usize,
    },
    /// A classification was asked of a language model.
    #[error("the model has no classifier head: it continues text, it has no classes")]
    NotAClassifier,
    /// A classifier was asked to predict text.
    #[error("the model is a classifier: it has classes, it does not continue text")]
    NotALanguageModel,
    /// A text with nothing to predict.
    #[error("expected a text of at least 2 tokens, found {found}: a token is scored after another")]
    TextTooShort {
        /// Tokens of the text.
        found: usize,
    },
    /// Windows that would not score each token once, after another.
    #[error(
        "expected a window of at least 2 tokens and a stride from 1 to the window less 1, found a window of {window} and a stride of {stride}"
    )]
    Windows {
        /// Tokens of a window.
        window: usize,
        /// Tokens from one window to the next.
        stride: usize,
    },
    /// The logits give a token no probability: the model's weights overflow f32.
    #[error("the logits give token {id} no probability: the model's weights overflow f32")]
    NoProbability {
        /// The token.
        id: u32,
    },
    /// The logits are not finite.
    #[error(
        "the model's numbers leave the range of f32: `{call}` gave an infinity or NaN in `{tensor}`"
    )]
    NotFinite {
        /// The first call of the plan that did, such as `layers.3.ssm`.
        call: String,
        /// The tensor it wrote.
        tensor: String,
    },
    /// A session is asked to go on after [`RunError::NotFinite`].
    #[error("the session's state holds an infinity or NaN: reset it, or restore a state")]
    LostSession,
}
