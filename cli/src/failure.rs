//! What can go wrong, the one line that says so, and the exit code.

#[cfg(feature = "asm")]
use crate::cmd::emit::AsmError;
use crate::{interrupt, output};
use atome::atomic_file::WriteFileError;
use atome::classify::{ClassifyError, DatasetError};
use atome::embed::EmbedError;
use atome::error::{ConfigError, HeaderError};
use atome::format::{Format, WriteError};
use atome::tokenizer::TokenizerError;
use atome::{FileError, LoadError, PrepareError, RunError};
use atome_benches::BenchError;
use atome_codegen::CodegenError;
use atome_codegen::emit::rust;
#[cfg(feature = "jit")]
use atome_codegen::emit::{clif, x86};
#[cfg(feature = "serve")]
use atome_serve::ServeError;
use atome_spec::Packing;
#[cfg(feature = "jit")]
use atome_spec::Target;
#[cfg(feature = "train")]
use atome_train::TrainError;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command did not do what was asked. Every message says what was expected, what was
/// found, and what to do, in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[cfg(not(feature = "default-model"))]
    #[error("no model: name a model file, this build has none inside")]
    NoModel,
    #[error("no prompt: give one with -p TEXT, through a pipe, or as --tokens LIST")]
    NoPrompt,
    #[error(
        "the graph has {found} parameters, expected at most {most}: random ones are made of all"
    )]
    GraphParameters { found: usize, most: usize },
    #[error("interrupted")]
    Interrupted,
    #[error("the chat template makes no text of what was said: nothing is there to answer")]
    NothingSaid,
    #[error("the prompt is empty: give at least one byte of text")]
    EmptyPrompt,
    #[error("cannot read the prompt from standard input: {0}")]
    Stdin(io::Error),
    #[error("cannot read the token ids from `{}`: {cause}", path.display())]
    TokenFile { path: PathBuf, cause: io::Error },
    #[error("cannot read the text from `{}`: {cause}", path.display())]
    TextFile { path: PathBuf, cause: io::Error },
    #[error("{}: {fault}", path.display())]
    Labels { path: PathBuf, fault: DatasetError },
    #[error("the list of tokens is empty: give at least one id")]
    NoTokens,
    #[error(
        "expected token ids from 0 to 4294967295, found {} as item {item}",
        Found(found)
    )]
    Token { found: String, item: usize },
    #[error("a classifier of {classes} classes does not continue text: use `atome classify`")]
    IsClassifier { classes: usize },
    #[error("the model is no classifier, it continues text: use `atome run` or `atome logits`")]
    IsLanguageModel,
    #[error("{0}; give ids, with --tokens")]
    NoTokenizer(#[from] TokenizerError),
    #[error("{0}; --stop needs text")]
    StopWithoutText(TokenizerError),
    #[error("no command /{0}; /help lists them")]
    NoChatCommand(String),
    #[error("/{0} needs a file: /{0} FILE")]
    NoChatFile(String),
    /// What a command of a conversation did not do.
    #[error("{0}")]
    ChatCommand(Box<Failure>),
    /// Something that was spoken of when it went wrong.
    #[error("something went wrong on the way")]
    Told { code: u8 },
    #[error("{}: {fault}", path.display())]
    StateFile { path: PathBuf, fault: String },
    #[error("`{}` was not written by `{by}`: move it away, or choose another file", path.display())]
    NotAState { path: PathBuf, by: &'static str },
    #[error("the chat template refuses the conversation: {0}")]
    Template(String),
    #[error("cannot run the chat template in a process of its own: {cause}")]
    TemplateProcess { cause: io::Error },
    #[error("cannot read the chat template from `{}`: {fault}", path.display())]
    TemplateFile { path: PathBuf, fault: String },
    #[error("dimension `{name}` is given twice")]
    RepeatedDim { name: String },
    #[error("{cause}, expected {}", Choices(known))]
    Packing {
        cause: CodegenError,
        known: Vec<Packing>,
    },
    #[cfg(feature = "jit")]
    #[error("{cause}: use --as ir or --as rust")]
    NoMachine { cause: clif::EmitError },
    #[cfg(feature = "jit")]
    #[error(
        "this build has no back end for `{target}`, its feature `{feature}`: use `cargo run --release --features {feature} -- {command} ..`, or {instead}"
    )]
    NoBackEnd {
        target: Target,
        feature: &'static str,
        command: &'static str,
        instead: &'static str,
    },
    #[cfg(not(feature = "jit"))]
    #[error("this build has no Cranelift, its feature `jit`: use --as ir or --as rust")]
    NoCranelift,
    #[cfg(not(feature = "asm"))]
    #[error("this build shows no machine code, its feature `asm`: use --as ir or --as rust")]
    NoMachineCode,
    #[cfg(not(feature = "asm"))]
    #[error("this build writes no objects, its feature `asm`: use --target rust")]
    NoObjects,
    #[error("{flag} is for {of}, found --target {target}")]
    OnlyFor {
        flag: &'static str,
        of: &'static str,
        target: &'static str,
    },
    #[error("`--backend` chooses between machine codes: use it with --as asm")]
    OnlyAssembly,
    #[cfg(feature = "asm")]
    #[error(
        "kernels compiled ahead of time have their schedules: `--schedule` lays out what `--backend jit` makes"
    )]
    PinnedAheadOfTime,
    #[error("an object is no text for a terminal: name a file with --output")]
    ObjectOnTerminal,
    #[cfg(feature = "asm")]
    #[error("no machine code of `{kernel}` to show: {cause}; see --as rust or --as clif")]
    Assembly { kernel: String, cause: AsmError },
    #[error("{}", NoBenchmark(filter, nearest, families))]
    NoBenchmark {
        filter: String,
        nearest: Vec<String>,
        families: Vec<String>,
    },
    #[error(
        "cannot tell the format of `{}` from its extension: give --format, or one of .safetensors, .gguf, .bin, .atome01, .atome02, .atomecl",
        .0.display()
    )]
    OutFormat(PathBuf),
    #[error("{format} packs trits as {only} only, not as {asked}: leave --packing away")]
    FormatPacking {
        format: Format,
        only: Packing,
        asked: Packing,
    },
    #[error("{}", NoPlace(*format, *classes))]
    NoPlace {
        format: Format,
        classes: Option<usize>,
    },
    #[error(
        "a model of this kind is written as a container only, not as {format}: leave --format away and name the output .safetensors"
    )]
    OnlyContainer { format: Format },
    #[error("`{flag}` is not for {architecture}")]
    NotFor {
        flag: &'static str,
        architecture: &'static str,
    },
    #[error(
        "the dimensions of `{}` go to `{}`, where something else is already: move that away, or choose another output",
        model.display(), path.display()
    )]
    ConfigBeside { model: PathBuf, path: PathBuf },
    #[error("`{tensor}` of `{}` does not read back as it was written", path.display())]
    Differs { path: PathBuf, tensor: String },
    #[error(transparent)]
    Unwritable(WriteError),
    #[error(transparent)]
    WriteFile(#[from] WriteFileError),
    #[cfg(feature = "train")]
    #[error(
        "there is a checkpoint, `{}`: go on from it with --resume, or begin anew with --restart",
        path.display()
    )]
    CheckpointExists { path: PathBuf },
    #[cfg(feature = "train")]
    #[error("stopped after step {steps} of {of}, all is saved: go on with --resume")]
    Stopped { steps: u64, of: u64 },
    #[error("the output would replace what is read, `{}` is the same file", path.display())]
    OutputIsInput { path: PathBuf },
    #[error("`{}` would be the model and its dimensions at once: choose another output", path.display())]
    OutputIsConfig { path: PathBuf },
    #[error(
        "`{}` is there already and `{by}` did not write it: choose another output, or replace it with --force",
        path.display()
    )]
    Stranger { path: PathBuf, by: &'static str },
    #[error("cannot compare with `{}`: {cause}", path.display())]
    OldRecords { path: PathBuf, cause: String },
    #[error(
        "`{}` is there already: choose another --output, or replace it with --force",
        path.display()
    )]
    Taken { path: PathBuf },
    #[error(
        "`{}` is there already: choose another --out or --name, or replace it with --force",
        path.display()
    )]
    TakenIn { path: PathBuf },
    #[error("expected a folder, found the file `{}`", path.display())]
    NoFolder { path: PathBuf },
    #[error(
        "another command writes `{}` now: wait for it, or choose another output",
        path.display()
    )]
    Claimed { path: PathBuf },
    #[cfg(feature = "train")]
    #[error("cannot listen for Ctrl-C: {0}")]
    Signals(String),
    #[cfg(feature = "train")]
    #[error("{}", Chain(.0.as_ref()))]
    Train(Box<TrainError>),
    #[cfg(feature = "serve")]
    #[error("no key in `{0}`: expected one a line")]
    NoKeys(String),
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("{}{}", Chain(.0), hint(.0))]
    File(#[from] FileError),
    #[error("{}", Chain(.0))]
    Prepare(#[from] PrepareError),
    #[error("{}", Chain(.0))]
    Classify(ClassifyError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{}", Chain(.0))]
    Codegen(#[from] CodegenError),
    #[error("{}", Chain(.0))]
    Rust(#[from] rust::EmitError),
    #[cfg(feature = "jit")]
    #[error("{}", Chain(.0))]
    Clif(#[from] clif::EmitError),
    #[cfg(feature = "jit")]
    #[error("{}", Chain(.0))]
    Wide(#[from] x86::EmitError),
    #[error("{}", Chain(.0))]
    Embed(EmbedError),
    #[error("{}{}", Chain(.0), bench_hint(.0))]
    Bench(#[from] BenchError),
}

impl Failure {
    /// 1 if the model or the machine failed, 2 if it was asked for the wrong thing.
    pub(crate) fn exit_code(&self) -> u8 {
        let machine = match self {
            Failure::Told { code } => return *code,
            Failure::ChatCommand(cause) => return cause.exit_code(),
            Failure::File(error) | Failure::Bench(BenchError::Load(LoadError::File(error))) => {
                file_failed(error)
            }
            Failure::Prepare(error)
            | Failure::Bench(BenchError::Load(LoadError::Prepare(error))) => !error.is_request(),
            Failure::Run(error) => run_failed(error),
            Failure::Embed(error) => !error.is_request(),
            Failure::Codegen(error) => matches!(error, CodegenError::Invalid { .. }),
            Failure::WriteFile(error) => !is_input(&error.cause),
            Failure::Stdin(cause)
            | Failure::TokenFile { cause, .. }
            | Failure::TextFile { cause, .. } => {
                !is_input(cause) && cause.kind() != ErrorKind::FileTooLarge
            }
            #[cfg(feature = "train")]
            Failure::Train(error) => train_failed(error),
            #[cfg(feature = "train")]
            Failure::Signals(_) => true,
            Failure::Bench(
                BenchError::Schedule { .. }
                | BenchError::NotLaidOut { .. }
                | BenchError::Profile(_),
            ) => false,
            Failure::Bench(BenchError::Run(error)) => run_failed(error),
            Failure::TemplateProcess { .. } => true,
            Failure::Differs { .. } | Failure::Output(_) | Failure::Rust(_) | Failure::Bench(_) => {
                true
            }
            // A place where nobody can listen, or a folder that cannot be, is what was asked for.
            #[cfg(feature = "serve")]
            Failure::Serve(ServeError::Listen { .. } | ServeError::Folder { .. }) => false,
            #[cfg(feature = "serve")]
            Failure::Serve(_) => true,
            #[cfg(feature = "asm")]
            Failure::Assembly { .. } => true,
            #[cfg(feature = "jit")]
            Failure::Clif(_) | Failure::Wide(_) => true,
            _ => false,
        };
        match machine {
            _ if self.is_interrupt() => interrupt::EXIT_CODE,
            true => 1,
            false => 2,
        }
    }

    /// Whether the other lines of a conversation can be taken as if this one had not been there.
    pub(crate) fn is_of_a_line(&self) -> bool {
        matches!(
            self,
            Failure::Template(_)
                | Failure::NothingSaid
                | Failure::NoChatCommand(_)
                | Failure::NoChatFile(_)
                | Failure::ChatCommand(_)
        )
    }

    /// Whether somebody stopped it.
    fn is_interrupt(&self) -> bool {
        match self {
            #[cfg(feature = "train")]
            Failure::Stopped { .. } => true,
            #[cfg(feature = "train")]
            Failure::Train(error) => matches!(**error, TrainError::NotEvaluated),
            _ => false,
        }
    }

    /// Why Cranelift has no back end for a target.
    #[cfg(feature = "jit")]
    pub(crate) fn machine(cause: clif::EmitError) -> Failure {
        match cause {
            clif::EmitError::NoBackend { .. } => Failure::NoMachine { cause },
            clif::EmitError::MissingBackend { target, .. } => Failure::NoBackEnd {
                target,
                feature: back_end(target),
                command: "emit",
                instead: "--as ir or --as rust",
            },
            cause => Failure::Clif(cause),
        }
    }

    /// Says what failed, if it is not known to who asked, and ends with the exit code for it.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            // Whoever was reading has what they wanted, as with `| head`.
            Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Failure::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
            Failure::Told { code } => ExitCode::from(*code),
            failure => {
                output::complain(failure);
                ExitCode::from(failure.exit_code())
            }
        }
    }
}

/// The feature with Cranelift's back end for a target.
#[cfg(feature = "jit")]
fn back_end(target: Target) -> &'static str {
    match target {
        Target::CortexA76 | Target::Aarch64 => "arm64",
        Target::Riscv64Gcv => "riscv64",
        _ => "x86",
    }
}

impl From<EmbedError> for Failure {
    fn from(error: EmbedError) -> Failure {
        match error {
            #[cfg(feature = "asm")]
            EmbedError::Machine(clif::EmitError::MissingBackend { target, .. }) => {
                Failure::NoBackEnd {
                    target,
                    feature: back_end(target),
                    command: "compile",
                    instead: "--target rust",
                }
            }
            EmbedError::Load(cause) => cause.into(),
            error => Failure::Embed(error),
        }
    }
}

impl From<ClassifyError> for Failure {
    fn from(error: ClassifyError) -> Failure {
        match error {
            ClassifyError::Tokenizer(error) => Failure::NoTokenizer(error),
            ClassifyError::Run(error) => Failure::Run(error),
            error => Failure::Classify(error),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::File(error) => Failure::File(error),
            LoadError::Prepare(error) => Failure::Prepare(error),
        }
    }
}

/// Whether reading failed though the file is right.
fn file_failed(error: &FileError) -> bool {
    match error.fault() {
        FileError::OutOfMemory { .. } => true,
        FileError::Io { cause } => !is_input(cause),
        _ => false,
    }
}

/// Whether a file cannot be read or written because of its path or what is in it, not because of the
/// machine: no descriptors, no memory, a full disk.
fn is_input(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof
    )
}

/// Why a format cannot hold a model.
struct NoPlace(Format, Option<usize>);

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoPlace(format, classes) = self;
        match classes {
            Some(classes) => write!(
                f,
                "{format} has no place for a classifier's head of {classes} classes: use --format atomecl01 or container"
            ),
            None => write!(
                f,
                "{format} is for classifiers, the model continues text: use --format atome01, atome02 or container"
            ),
        }
    }
}

/// Whether a model failed though it was asked for what it can do.
const fn run_failed(error: &RunError) -> bool {
    matches!(
        error,
        RunError::NoFreeSession { .. }
            | RunError::NoProbability { .. }
            | RunError::NotFinite { .. }
            | RunError::LostSession
    )
}

/// Whether a training failed though its text, settings and paths are right.
#[cfg(feature = "train")]
fn train_failed(error: &TrainError) -> bool {
    match error {
        TrainError::Write(error) => !is_input(&error.cause),
        TrainError::File { cause, .. } => !is_input(cause),
        TrainError::Diverged { .. }
        | TrainError::Model(_)
        | TrainError::Classify(_)
        | TrainError::Sample(_)
        | TrainError::Memory { .. }
        | TrainError::Curve(_) => true,
        _ => false,
    }
}

/// An error and its causes, as far as they say something new.
struct Chain<'e, E>(&'e E);

impl<E: Error> fmt::Display for Chain<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        f.write_str(&text)
    }
}

/// The flag or the command that gives what the file lacks.
fn hint(error: &FileError) -> &'static str {
    match error.fault() {
        FileError::Config(ConfigError::Missing { .. }) => ": give one with --config FILE.json",
        FileError::Header(HeaderError::Foreign) => {
            ": float weights are packed with `atome pack` first"
        }
        _ => "",
    }
}

/// [`hint`] for the model of a benchmark.
fn bench_hint(error: &BenchError) -> &'static str {
    match error {
        BenchError::Load(LoadError::File(error)) => hint(error),
        _ => "",
    }
}

/// What was found in place of a number.
struct Found<'s>(&'s str);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("nothing"),
            found => write!(f, "`{found}`"),
        }
    }
}

/// A part of a name that no benchmark has, the nearest names, and all families.
struct NoBenchmark<'s>(&'s str, &'s [String], &'s [String]);

impl fmt::Display for NoBenchmark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoBenchmark(filter, nearest, families) = self;
        write!(f, "no benchmark has `{filter}` in its name")?;
        match nearest {
            [] => write!(f, "; there are {}", families.join(", "))?,
            names => write!(f, "; perhaps {}", Choices(names))?,
        }
        f.write_str("; --list prints every name")
    }
}

/// The packings an op has, or names to choose from.
struct Choices<'s, T>(&'s [T]);

impl<T: fmt::Display> fmt::Display for Choices<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none: it reads no ternary weights"),
            [first, rest @ ..] => {
                write!(f, "`{first}`")?;
                rest.iter()
                    .try_for_each(|choice| write!(f, " or `{choice}`"))
            }
        }
    }
}

#[cfg(all(test, feature = "jit"))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_back_end_is_told_with_its_feature() {
        for (target, feature) in [
            (Target::CortexA76, "arm64"),
            (Target::Aarch64, "arm64"),
            (Target::Riscv64Gcv, "riscv64"),
            (Target::X86_64V3, "x86"),
        ] {
            let failure = Failure::NoBackEnd {
                target,
                feature: back_end(target),
                command: "emit",
                instead: "--as ir or --as rust",
            };
            assert_eq!(failure.exit_code(), 2);
            let said = failure.to_string();
            let command = format!("`cargo run --release --features {feature} -- emit ..`");
            assert!(
                said.contains(&command) && said.contains(&target.to_string()),
                "{said}"
            );
        }
    }
}
