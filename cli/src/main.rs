//! The `atome` command: run, question, inspect and benchmark ternary state-space models, and
//! look at the code that is generated for them.
//!
//! Results go to standard output, everything else to standard error. The exit code is 0 when
//! it is done, 1 when the model or the machine failed, 2 for bad usage or bad input.
//!
//! | file | concept |
//! |---|---|
//! | `args` | the command line |
//! | `cmd` | one command a file |
//! | `tokens` | lists of token ids |
//! | `limits` | what the system allows a process |
//! | `input` | reading what may never end |
//! | `text` | text to a stream as its bytes come |
//! | `output` | standard output and standard error |
//! | `progress` | a bar while something takes long |
//! | `units` | numbers for people |
//! | `failure` | what can go wrong, its one line and its exit code |
#![forbid(unsafe_code)]

mod args;
mod cmd;
mod failure;
mod input;
mod limits;
mod output;
mod progress;
mod text;
mod tokens;
mod units;

use args::Cli;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    limits::survive_full_files();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return args::explain(&error),
    };
    match cmd::run(cli.command()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever was reading has what they wanted, as with `| head`.
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
