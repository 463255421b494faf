//! The command line: its commands, the flags they share, and what is said about a wrong one.

#[cfg(feature = "train")]
use crate::cmd::train;
use crate::cmd::{bench, classify, emit, eval, inspect, logits, pack, run};
use crate::failure::Failure;
use crate::{config, output, progress};
use atome::{BackendKind, Model, Options, Tier};
use atome_codegen::Schedule;
use atome_codegen::schedule::ParseError;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Most threads that may be asked for.
const MAX_THREADS: usize = 1024;

/// Run ternary (1.58-bit) state-space language models on a CPU.
///
/// Results go to standard output, everything else to standard error.
/// Without a command it runs the model inside, as `atome run`.
/// Exit code: 0 done; 1 the model or the machine failed; 2 bad usage or bad input; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "atome", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// The command; without one, `run`.
    pub(crate) fn command(self) -> Command {
        self.command.unwrap_or_else(|| {
            let Cli { command } = Cli::parse_from(["atome", "run"]);
            command.unwrap_or_else(|| unreachable!("`atome run` is a command"))
        })
    }
}

/// A command and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::RunArgs),
    Logits(logits::LogitsArgs),
    Classify(classify::ClassifyArgs),
    Inspect(inspect::InspectArgs),
    Pack(pack::PackArgs),
    Eval(eval::EvalArgs),
    Emit(emit::EmitArgs),
    #[cfg(feature = "train")]
    Train(Box<train::TrainArgs>),
    Bench(bench::BenchArgs),
}

/// Bytes of a model from which its loading is shown.
const WORTH_A_BAR: usize = 64 << 20;

/// Flags of every command that loads a model.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// The model's dimensions; if not given, the `.json` file beside the model with the same stem
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// How a model is run. The answer does not depend on any of these.
#[derive(Clone, Debug, Args)]
pub(crate) struct MachineArgs {
    /// What runs the model: machine code made at load, kernels compiled ahead of time, or the
    /// interpreter
    #[arg(long, value_name = "KIND", default_value = "auto")]
    #[arg(value_parser = named::<BackendKind>(BackendKind::NAMES))]
    pub(crate) backend: BackendKind,

    /// Threads that share the work [default: chosen by the model's size; for `eval` all cores, for
    /// `bench` one]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: Option<usize>,

    /// CPU tier to use [default: the best that this machine has]
    #[arg(long, value_name = "TIER", value_parser = named::<Tier>(Tier::NAMES))]
    pub(crate) cpu: Option<Tier>,

    /// Use no kernel that multiplies by a weight
    #[arg(long)]
    pub(crate) no_multiply: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl MachineArgs {
    /// The options for the library.
    pub(crate) fn options(&self) -> Options {
        Options {
            backend: self.backend,
            tier: self.cpu,
            threads: self.threads,
            no_multiply: self.no_multiply,
            ..Options::default()
        }
    }
}

impl LoadArgs {
    /// Loads a model, or the one inside this command, for one conversation.
    pub(crate) fn load(&self, model: Option<&Path>) -> Result<Model, Failure> {
        self.load_with(model, &self.machine.options())
    }

    /// Loads a model, or the one inside this command.
    pub(crate) fn load_with(
        &self,
        model: Option<&Path>,
        options: &Options,
    ) -> Result<Model, Failure> {
        let config = config::needed(self.config.as_deref(), model, self.machine.quiet)?;
        match model {
            Some(model) => self.load_file(model, config, options),
            #[cfg(feature = "default-model")]
            None => Ok(Model::default_model(options)?),
            #[cfg(not(feature = "default-model"))]
            None => Err(Failure::NoModel),
        }
    }

    /// Loads a model file, with a bar if it is large.
    fn load_file(
        &self,
        model: &Path,
        config: Option<&Path>,
        options: &Options,
    ) -> Result<Model, Failure> {
        let mut bar = None;
        let mut progress = |done, of| {
            if of >= WORTH_A_BAR {
                let new = || progress::bar(self.machine.quiet, of as u64, "load", "bytes");
                bar.get_or_insert_with(new).set(done);
            }
        };
        Ok(Model::load_with(model, config, options, &mut progress)?)
    }
}

/// Parses a name of the workspace's vocabulary; `--help` and errors list the names.
pub(crate) fn named<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// Parses a whole number of 0 or more that its type, one without a sign, has room for.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    let most = u64::MAX >> (u64::BITS as usize - 8 * size_of::<T>());
    text.parse()
        .map_err(|_| format!("expected a whole number from 0 to {most}"))
}

/// Parses a decimal number.
pub(crate) fn decimal(text: &str) -> Result<f32, &'static str> {
    text.parse().map_err(|_| "expected a number, such as 0.8")
}

/// Parses a decimal number.
#[cfg(feature = "train")]
pub(crate) fn real(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "expected a number, such as 0.004")
}

pub(crate) fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n));
    threads.ok_or_else(|| format!("expected a whole number from 1 to {MAX_THREADS}"))
}

/// Parses a schedule that chooses something.
pub(crate) fn layout(text: &str) -> Result<Schedule, String> {
    if text.split([' ', ',']).all(str::is_empty) {
        return Err("expected FIELD=VALUE, such as mr=32".to_owned());
    }
    text.parse().map_err(|error| match error {
        // Which of the numbers suit the op is checked later.
        ParseError::Value { field, found } if found.parse::<i128>().is_ok() => format!(
            "`{field}` is {found}, expected a whole number from 0 to {}",
            u32::MAX
        ),
        error => error.to_string(),
    })
}

/// Prints the help that was asked for, or says what is wrong with the arguments: in a line and, for
/// a person, hints on lines of their own.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(cause) => Failure::Output(cause).report(),
        },
        _ => {
            let mut lines = lines(&error.render().to_string());
            let mut hints = lines.split_off(1);
            if let Some(line) = meant_run(error.kind()) {
                hints.retain(|hint| !hint.starts_with("tip:"));
                hints.insert(0, format!("tip: did you mean `{line}`?"));
            }
            if std::env::args_os().any(|arg| arg == "--json") {
                let hints = hints.iter().map(|hint| format!("; {hint}"));
                output::complain(&lines.into_iter().chain(hints).collect::<String>());
            } else {
                output::complain_with(&lines.concat(), &hints);
            }
            ExitCode::from(2)
        }
    }
}

/// The command line with the `run` that was left away, if that makes it one.
fn meant_run(kind: ErrorKind) -> Option<String> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = Path::new(args.first()?);
    let is_meant = match kind {
        ErrorKind::InvalidSubcommand => first.exists() || first.extension().is_some(),
        ErrorKind::UnknownArgument => first.as_os_str().as_encoded_bytes().starts_with(b"-"),
        _ => false,
    };
    let start = ["atome", "run"].map(OsString::from);
    let line: Vec<OsString> = start.into_iter().chain(args.iter().cloned()).collect();
    if !is_meant || Cli::try_parse_from(&line).is_err() {
        return None;
    }
    let shown = |arg: &OsString| match arg.to_string_lossy() {
        arg if arg.is_empty() || arg.contains([' ', '\'', '"']) => format!("{arg:?}"),
        arg => arg.into_owned(),
    };
    Some(line.iter().map(shown).collect::<Vec<_>>().join(" "))
}

/// Clap's paragraphs as lines: what is wrong, then its hints.
fn lines(rendered: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in rendered.lines().map(str::trim) {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let hint = if let Some(usage) = part.strip_prefix("Usage: ") {
            format!("usage: {usage}")
        } else if let Some(values) = part.strip_prefix("[possible values: ") {
            format!("possible values: {}", values.trim_end_matches(']'))
        } else if part.ends_with("try '--help'.") {
            "try `--help`".to_owned()
        } else if part.starts_with("tip:") {
            part.to_owned()
        } else if part.is_empty() {
            continue;
        } else {
            // A list goes on in the line that announces it.
            let line = lines.last_mut().expect("there is a first one");
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(part);
            continue;
        };
        lines.push(hint);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn paragraphs_become_lines() {
        let rendered = "error: unexpected argument '--tokenz' found\n\n  tip: a similar argument \
            exists: '--tokens'\n\nUsage: atome logits --tokens <LIST> <MODEL>\n\nFor more \
            information, try '--help'.\n";
        let expected = [
            "unexpected argument '--tokenz' found",
            "tip: a similar argument exists: '--tokens'",
            "usage: atome logits --tokens <LIST> <MODEL>",
            "try `--help`",
        ];
        assert_eq!(lines(rendered), expected);
        let rendered = "error: these are missing:\n  --text <FILE>\n  --out <MODEL>\n\nUsage: x\n";
        let expected = ["these are missing: --text <FILE> --out <MODEL>", "usage: x"];
        assert_eq!(lines(rendered), expected);
    }

    #[test]
    fn ranges_are_said() {
        assert_eq!(whole::<u64>("18446744073709551615"), Ok(u64::MAX));
        let message = whole::<u64>("18446744073709551616").unwrap_err();
        assert_eq!(
            message,
            "expected a whole number from 0 to 18446744073709551615"
        );
        assert!(whole::<u8>("256").unwrap_err().ends_with(" to 255"));
    }
}
