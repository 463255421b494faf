//! What can go wrong at the crate's two boundaries: reading a model ([`LoadError`]) and running one ([`RunError`]).
//!
//! Every message is one complete line: what was expected, what was found, and where.

use crate::Fingerprint;
use crate::format::{ContainerError, InvalidModel};
#[cfg(feature = "jit")]
use crate::jit::JitError;
use crate::plan::PlanError;
use crate::tokenizer::TokenizerError;
use atome_codegen::CodegenError;
use atome_codegen::interp::ProgramError;
use atome_kernels::packing::PackError;
use atome_spec::Tier;
use std::io;
use std::path::{Path, PathBuf};

/// Why a model file, or the config that gives its dimensions, was refused.
///
/// Loading stops at the first fault. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A fault, and the file it is in. [`LoadError::fault`] looks through this variant.
    #[error("{}: {fault}", path.display())]
    InFile {
        /// The file that was being read.
        path: PathBuf,
        /// What is wrong with it.
        fault: Box<LoadError>,
    },
    /// The operating system would not open or read the file.
    #[error("cannot read the file: {cause}")]
    Io {
        /// What the operating system said.
        cause: io::Error,
    },
    /// The path names a directory.
    #[error("expected a file, found a directory")]
    Directory,
    /// The path names a pipe, a socket or a device, whose length is unknown before it is read.
    #[error("expected a regular file, found a pipe, a socket or a device")]
    NotAFile,
    /// The file has no bytes.
    #[error("expected a model, found an empty file")]
    Empty,
    /// The file does not start like any format this crate reads.
    #[error(
        "expected the magic `ATOME01`, `ATOME02`, `ATOMECL01` or that of `BIT2`, or a safetensors header, at byte 0, found \"{found}\""
    )]
    BadMagic {
        /// The first bytes of the file, at most nine, escaped to printable ASCII.
        found: String,
    },
    /// A plan that was not proved: a fault of this crate, not of the file. Nothing of it runs.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No config was named and there is none beside the model.
    #[error(
        "the file stores no dimensions, no config was given and `{}` does not exist",
        tried.display()
    )]
    NoConfig {
        /// Where the config was looked for.
        tried: PathBuf,
    },
    /// The config is far longer than seven numbers need.
    #[error("expected a config of at most {max} bytes, found {found}")]
    ConfigTooLong {
        /// The file's length in bytes.
        found: u64,
        /// The longest config that is read, in bytes.
        max: u64,
    },
    /// The config is not JSON, lacks a key, or has a value of the wrong type; the cause names the key, line and column.
    #[error("not a model config: {}", one_line(cause))]
    ConfigJson {
        /// What the JSON reader said.
        cause: serde_json::Error,
    },
    /// A dimension of the config is outside the range this crate accepts.
    #[error("config: expected `{key}` from 1 to {max}, found {found}")]
    Dimension {
        /// The config's key.
        key: &'static str,
        /// The largest accepted value.
        max: usize,
        /// The config's value.
        found: usize,
    },
    /// A classifier's class count is not positive or is absurdly large.
    #[error("class count at byte {offset}: expected 1 to {max}, found {found}")]
    ClassCount {
        /// Where the count is stored.
        offset: u64,
        /// The largest accepted count.
        max: usize,
        /// The file's value.
        found: i32,
    },
    /// A model in memory is not one that a file could hold.
    #[error(transparent)]
    Invalid(#[from] InvalidModel),
    /// A safetensors file is broken, or is no container of ours.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The file names a tokenizer that there is not, or one with another number of ids.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A tensor has more elements than this machine can address.
    #[error("`{tensor}`: {rows} x {cols} elements are more than this machine can address")]
    TooLarge {
        /// The tensor's name.
        tensor: String,
        /// Rows the config or the options ask for.
        rows: usize,
        /// Columns they ask for.
        cols: usize,
    },
    /// The file ends inside a tensor.
    #[error(
        "`{tensor}` at byte {offset} needs {expected} bytes, the file has {found} there: cut short, or wrong dimensions?"
    )]
    Truncated {
        /// The tensor's name.
        tensor: String,
        /// Where the tensor starts.
        offset: u64,
        /// Bytes the tensor occupies, its scale included.
        expected: u64,
        /// Bytes from `offset` to the end of the file.
        found: u64,
    },
    /// The file goes on after its last tensor.
    #[error("{extra} bytes left over after byte {expected}: wrong dimensions?")]
    TrailingBytes {
        /// The length the dimensions ask for.
        expected: u64,
        /// Bytes beyond it.
        extra: u64,
    },
    /// A tensor's scale is NaN, infinite or negative.
    #[error("`{tensor}`: expected a finite scale of 0 or more at byte {offset}, found {found}")]
    BadScale {
        /// The tensor's name.
        tensor: String,
        /// Where the scale is stored.
        offset: u64,
        /// The scale.
        found: f32,
    },
    /// An element of an f32 vector is NaN or infinite.
    #[error(
        "`{tensor}`: expected finite numbers, found {found} at byte {offset} (element {index})"
    )]
    NotFinite {
        /// The vector's name.
        tensor: String,
        /// Where the element is stored.
        offset: u64,
        /// The element's index.
        index: usize,
        /// Its value.
        found: f32,
    },
    /// A byte of an int2 tensor contains the code 10, which stands for no trit.
    #[error(
        "`{tensor}`: byte {byte:#04x} at {offset} has the code 10, expected only 00 (0), 01 (+1) and 11 (-1)"
    )]
    BadInt2 {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A byte of a base-3 tensor is above 242, the largest number of five base-3 digits.
    #[error("`{tensor}`: expected five trits in a byte of at most 242, found {byte} at {offset}")]
    BadBase3 {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// The unused places of a tensor's last byte are not zero trits.
    #[error(
        "`{tensor}`: expected {unused} zero trits of padding in the byte at {offset}, found {byte:#04x}"
    )]
    BadPadding {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
        /// Places of the byte that hold no element.
        unused: usize,
    },
    /// A byte of a `BIT2` tensor contains the code 3, which stands for no trit.
    #[error(
        "`{tensor}`: byte {byte:#04x} at {offset} has the code 11, expected only 00 (-1), 01 (0) and 10 (+1)"
    )]
    BadBit2 {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A dimension of a file's header is outside the range this crate accepts.
    #[error("`{field}` at byte {offset}: expected {expected}, found {found}")]
    Header {
        /// The dimension's name.
        field: &'static str,
        /// Where it is stored.
        offset: u64,
        /// What is accepted.
        expected: String,
        /// The file's value.
        found: i64,
    },
    /// A tensor's own header does not say what the model's dimensions ask for.
    #[error("`{tensor}`: expected {expected} as the {field} at byte {offset}, found {found}")]
    TensorHeader {
        /// The tensor's name.
        tensor: String,
        /// Which number of its header.
        field: &'static str,
        /// Where it is stored.
        offset: u64,
        /// What the dimensions ask for.
        expected: i32,
        /// The file's value.
        found: i32,
    },
    /// The number that a tensor's trits are divided by is zero, negative, NaN or infinite, or its inverse is.
    #[error("`{tensor}`: expected a finite divisor above 0 at byte {offset}, found {found}")]
    BadDivisor {
        /// The tensor's name.
        tensor: String,
        /// Where the divisor is stored.
        offset: u64,
        /// The divisor.
        found: f32,
    },
    /// There is no memory for the file.
    #[error("no memory for a file of {bytes} bytes")]
    OutOfMemory {
        /// The file's length.
        bytes: u64,
    },
    /// There is no memory for the arena, or its size cannot be addressed.
    #[error("no memory for an arena of {bytes} bytes")]
    ArenaMemory {
        /// Bytes of the arena.
        bytes: u64,
    },
    /// A tensor cannot be packed for the kernels.
    #[error("`{tensor}`: {cause}")]
    Pack {
        /// The tensor's name.
        tensor: String,
        /// What the packing found.
        cause: PackError,
    },
    /// A packed matrix of a file holds what no trits give.
    #[error("`{tensor}` at byte {offset}: {cause}")]
    Stored {
        /// The tensor's name.
        tensor: String,
        /// Where the words start that the cause counts.
        offset: u64,
        /// What was found.
        cause: PackError,
    },
    /// The bytes that fill up a tensor of a file are not all 0.
    #[error("`{tensor}`: expected 0 as padding at byte {offset}, found {byte:#04x}")]
    StoredPadding {
        /// The tensor's name.
        tensor: String,
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A row of an embedding table of a file holds what is never written.
    #[error(
        "`{tensor}`: expected finite {kind} numbers, padded with 0, in row {row} at byte {offset}, found others"
    )]
    StoredRow {
        /// The table's name.
        tensor: String,
        /// Where the row starts.
        offset: u64,
        /// The row.
        row: usize,
        /// The type of the elements.
        kind: &'static str,
    },
    /// A packed tensor does not read back as its source: a fault of this crate or the memory.
    #[error("`{tensor}`: the packed weight at row {row}, column {col} is not the source's")]
    SelfCheck {
        /// The tensor's name.
        tensor: String,
        /// Row of the first difference.
        row: usize,
        /// Column of the first difference.
        col: usize,
    },
    /// The CPU tier asked for is not available here.
    #[error("this machine cannot run `{tier}` code, its best tier is `{host}`")]
    TierUnavailable {
        /// The tier asked for.
        tier: Tier,
        /// The best tier of this machine.
        host: Tier,
    },
    /// The library has no kernel that the plan needs.
    #[error("no `{kernel}` kernel was compiled for `{tier}`")]
    NoKernel {
        /// The kernel's name without its instruction set.
        kernel: String,
        /// The tier.
        tier: Tier,
    },
    /// A kernel of the plan cannot be generated.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// A kernel of the plan cannot be interpreted: a fault of the compiler.
    #[error("cannot interpret a kernel: {0}")]
    Program(ProgramError),
    /// The plan cannot be compiled to machine code.
    #[cfg(feature = "jit")]
    #[error(transparent)]
    Jit(#[from] JitError),
    /// Machine code at load was asked for by name, and this build makes none.
    #[error("this build of the crate `atome` has no JIT: use `aot`, or its feature `jit`")]
    NoJit,
    /// More threads were asked for than any product is worth.
    #[error("expected at most {max} threads, found {found}")]
    TooManyThreads {
        /// The greatest number that is accepted.
        max: usize,
        /// The number asked for.
        found: usize,
    },
    /// Longer blocks were asked for than kernels take.
    #[error("expected blocks of at most {max} tokens, found {found}")]
    BlockTooLong {
        /// The greatest number that is accepted.
        max: usize,
        /// The number asked for.
        found: usize,
    },
    /// The system starts no more threads.
    #[error("cannot start {threads} threads: {cause}")]
    Threads {
        /// Threads asked for, the caller's included.
        threads: usize,
        /// What the operating system said.
        cause: io::Error,
    },
}

impl LoadError {
    /// Says which file the fault is in.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            path: path.to_path_buf(),
            fault: Box::new(self),
        }
    }

    /// For a file that starts with none of the magics.
    pub(crate) fn unknown_magic(start: &[u8]) -> Self {
        if start.is_empty() {
            return Self::Empty;
        }
        let found = start[..start.len().min(9)].escape_ascii().to_string();
        Self::BadMagic { found }
    }

    /// Returns the fault itself, without the path of the file it is in.
    #[must_use]
    pub fn fault(&self) -> &Self {
        match self {
            Self::InFile { fault, .. } => fault.fault(),
            fault => fault,
        }
    }

    /// The fault and what caused it, as far as a cause says something new.
    pub(crate) fn in_one_line(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |e| e.source());
        let text = causes.fold(self.to_string(), |text, cause| match cause.to_string() {
            more if text.contains(&more) => text,
            more => format!("{text}: {more}"),
        });
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// What the JSON reader said, with control characters of the file's texts escaped.
pub(crate) fn one_line(cause: &serde_json::Error) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    cause.to_string().chars().map(escaped).collect()
}

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
