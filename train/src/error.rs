use atome::atomic_file::WriteFileError;
use atome::classify::{ClassifyError, DatasetError};
use atome::error::{FileError, LoadError, RunError};
use atome::format::WriteError;
use std::fmt::{self, Display};
use std::path::PathBuf;

/// Why a training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The model's dimensions.
    #[error("{0}")]
    Dimensions(#[source] FileError),
    /// A number outside its range.
    #[error("{name}: expected {min} to {max}, found {found}")]
    Setting {
        /// The setting, as on the command line.
        name: &'static str,
        /// What was given.
        found: String,
        /// Least value.
        min: String,
        /// Greatest value.
        max: String,
    },
    /// Too little text.
    #[error(
        "the text is too short: expected at least {expected} bytes for sequences of {sequence} with a held-out part, found {found}"
    )]
    ShortText {
        /// Bytes needed.
        expected: usize,
        /// Bytes there are.
        found: usize,
        /// Positions of a sequence.
        sequence: usize,
    },
    /// Not text.
    #[error(
        "the text holds a zero byte at offset {offset}: expected text, found what looks like a binary file"
    )]
    Binary {
        /// Where.
        offset: usize,
    },
    /// A part of the labelled texts that has none.
    #[error(
        "expected labelled texts {part}, found none among {texts}: more texts, or another --held-out"
    )]
    NoExamples {
        /// What the part is for.
        part: &'static str,
        /// Labelled texts in all.
        texts: usize,
    },
    /// The labelled texts.
    #[error("{0}")]
    Dataset(#[from] DatasetError),
    /// The classifier cannot be asked.
    #[error("the model cannot be asked about texts: {0}")]
    Classify(#[source] ClassifyError),
    /// A checkpoint of another training.
    #[error("`{}`: {name} is {found} in the checkpoint, but {expected} was asked for", path.display())]
    Resume {
        /// The checkpoint.
        path: PathBuf,
        /// Which setting.
        name: String,
        /// Asked for.
        expected: String,
        /// In the checkpoint.
        found: String,
    },
    /// A checkpoint that cannot be read.
    #[error("`{}` is not a checkpoint: {what}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Two of a training's files would be one.
    #[error("`{}` would be {} and {} at once: choose another --out", path.display(), roles[0], roles[1])]
    OneFile {
        /// The file.
        path: PathBuf,
        /// What it would be.
        roles: [&'static str; 2],
    },
    /// A training would write over what it reads.
    #[error("{role} would replace what is read, `{}` is the same file: choose another --out", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What would be written.
        role: &'static str,
    },
    /// A file that no training wrote would be lost.
    #[error(
        "{role} would replace `{}`, which no training wrote: choose another --out, or replace it with --force",
        path.display()
    )]
    Stranger {
        /// The file.
        path: PathBuf,
        /// What would be written.
        role: &'static str,
    },
    /// Another command writes there.
    #[error("another command writes `{}` now: wait for it, or choose another --out", path.display())]
    Claimed {
        /// The file.
        path: PathBuf,
    },
    /// A training that is too large.
    #[error(
        "the training needs about {} of memory, {}: choose a smaller model, a shorter --sequence or fewer --threads",
        Memory(*needed),
        There(*there, *needed)
    )]
    Memory {
        /// Bytes it needs, about.
        needed: u128,
        /// Bytes there are, as far as the system says.
        there: Option<u128>,
    },
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// A file that cannot be read.
    #[error("cannot read `{}`: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The loss is no number any more.
    #[error(
        "the training diverged at step {step}: the loss is {loss}; try a lower --learning-rate"
    )]
    Diverged {
        /// Step.
        step: u64,
        /// Loss.
        loss: f64,
    },
    /// A model that no file can hold.
    #[error(transparent)]
    Model(#[from] WriteError),
    /// The model in training cannot be run.
    #[error("the model cannot be run for a sample: {0}")]
    Sample(#[source] LoadError),
    /// The sample's prompt.
    #[error("sample: {0}")]
    Run(#[from] RunError),
    /// Stopped before there was anything to keep.
    #[error("stopped before the first step")]
    NotEvaluated,
    /// The picture of the loss curve.
    #[error("the loss curve cannot be drawn: {0}")]
    Curve(String),
}

/// Bytes for people.
struct Memory(u128);

impl Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small @ ..10_000_000_000 => write!(f, "{} MB", small.div_ceil(1_000_000)),
            large => write!(f, "{} GB", large.div_ceil(1_000_000_000)),
        }
    }
}

/// What there is, where less is needed than the system says, but not given.
struct There(Option<u128>, u128);

impl Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(there) if there < self.1 => write!(f, "there are {}", Memory(there)),
            _ => f.write_str("more than the system gives this process"),
        }
    }
}

impl TrainError {
    pub(crate) fn setting<T: Display>(name: &'static str, found: T, min: T, max: T) -> TrainError {
        TrainError::Setting {
            name,
            found: found.to_string(),
            min: min.to_string(),
            max: max.to_string(),
        }
    }
}
