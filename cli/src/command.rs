//! The commands, and what is said about a wrong command line.

#[cfg(feature = "serve")]
use crate::cmd::serve;
#[cfg(feature = "train")]
use crate::cmd::train;
use crate::cmd::{
    bench, chat, classify, compile, completions, emit, eval, inspect, logits, man, pack, profile,
    run, tokenize, tune,
};
use crate::failure::Failure;
use crate::output;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

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

/// All of the command line: what completes it and its manual are made of.
pub(crate) fn tree() -> clap::Command {
    <Cli as CommandFactory>::command()
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
    Tokenize(tokenize::TokenizeArgs),
    Emit(emit::EmitArgs),
    Compile(Box<compile::CompileArgs>),
    #[cfg(feature = "serve")]
    Serve(Box<serve::ServeArgs>),
    #[cfg(feature = "train")]
    Train(Box<train::TrainArgs>),
    Bench(bench::BenchArgs),
    Profile(profile::ProfileArgs),
    Tune(tune::TuneArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    /// What `run --chat` and `serve` start for themselves
    #[command(name = chat::apart::COMMAND, hide = true)]
    ChatTemplate,
}

impl Command {
    /// Runs it to its end.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Command::Run(args) => run::run(&args),
            Command::Logits(args) => logits::run(&args),
            Command::Classify(args) => classify::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Pack(args) => pack::run(&args),
            Command::Eval(args) => eval::run(&args),
            Command::Tokenize(args) => tokenize::run(&args),
            Command::Emit(args) => emit::run(&args),
            Command::Compile(args) => compile::run(&args),
            #[cfg(feature = "serve")]
            Command::Serve(args) => serve::run(&args),
            #[cfg(feature = "train")]
            Command::Train(args) => train::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Profile(args) => profile::run(&args),
            Command::Tune(args) => tune::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
            Command::ChatTemplate => chat::apart::serve(),
        }
    }
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

    #[test]
    fn the_command_line_is_consistent() {
        tree().debug_assert();
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
}
