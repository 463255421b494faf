//! The command line: its commands, the flags they share, and what is said about a wrong one.

#[cfg(feature = "train")]
use crate::cmd::train;
use crate::cmd::{bench, classify, emit, eval, inspect, logits, pack, run};
use crate::failure::Failure;
use crate::{output, progress};
use atome::{BackendKind, Model, Options, Tier};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Most threads that may be asked for.
const MAX_THREADS: usize = 1024;

/// Run ternary (1.58-bit) state-space language models on a CPU.
///
/// Results go to standard output, everything else to standard error.
/// Without a command it runs the model inside, as `atome run`.
/// Exit code: 0 done; 1 the model or the machine failed; 2 bad usage or bad input.
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

    /// Threads that share matrix products [default: chosen by the model's size]
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
        match model {
            Some(model) => self.load_file(model, options),
            #[cfg(feature = "default-model")]
            None => Ok(Model::default_model(options)?),
            #[cfg(not(feature = "default-model"))]
            None => Err(Failure::NoModel),
        }
    }

    /// Loads a model file, with a bar if it is large.
    fn load_file(&self, model: &Path, options: &Options) -> Result<Model, Failure> {
        let config = self.config.as_deref();
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

/// Parses a whole number of 0 or more; what does not fit its type is none.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse()
        .map_err(|_| "expected a whole number of 0 or more")
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

/// Prints the help that was asked for, or says in one line what is wrong with the arguments.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // If nobody reads the help there is nobody to tell.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => {
            output::complain(&one_line(&error.render().to_string()));
            ExitCode::from(2)
        }
    }
}

/// Clap's paragraphs on one line: what is wrong, its tips, the usage, where to read more.
fn one_line(rendered: &str) -> String {
    let mut line = String::new();
    for part in rendered
        .lines()
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let part = part
            .strip_suffix("try '--help'.")
            .map_or(part, |_| "try `--help`");
        let separator = if line.is_empty() {
            ""
        } else if ["tip:", "Usage:", "try "]
            .iter()
            .any(|start| part.starts_with(start))
        {
            "; "
        } else {
            " "
        };
        line.push_str(separator);
        line.push_str(&part.replacen("Usage:", "usage:", 1));
    }
    line
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
    fn paragraphs_become_one_line() {
        let rendered = "error: unexpected argument '--tokenz' found\n\n  tip: a similar argument \
            exists: '--tokens'\n\nUsage: atome logits --tokens <LIST> <MODEL>\n\nFor more \
            information, try '--help'.\n";
        assert_eq!(
            one_line(rendered),
            "unexpected argument '--tokenz' found; tip: a similar argument exists: '--tokens'; \
             usage: atome logits --tokens <LIST> <MODEL>; try `--help`"
        );
    }
}
