//! The `atome` command: run, question, inspect and benchmark ternary state-space models, and
//! look at the code that is generated for them.
//!
//! Results go to standard output, everything else to standard error. The exit code is 0 when
//! it is done, 1 when the model or the machine failed, 2 for bad usage or bad input, 130 when it
//! was interrupted.
//!
//! | file | concept |
//! |---|---|
//! | `args` | flags that commands share |
//! | `command` | the commands, and what is said about a wrong command line |
//! | `cmd` | one command a file |
//! | `config` | the file of a model's dimensions |
//! | `prompt` | what a model is given: text or token ids |
//! | `tokens` | lists of token ids |
//! | `sampling` | how tokens are chosen |
//! | `state_file` | what a session remembers, in a file |
//! | `labels` | labelled texts, and how good a classifier is on them |
//! | `limits` | what the system allows a process |
//! | `input` | reading what may never end |
//! | `interrupt` | Ctrl-C |
//! | `text` | text to a stream as its bytes come |
//! | `closed` | whether there was a standard output from the start |
//! | `output` | standard output and standard error |
//! | `place` | where a file is written, and what is there already |
//! | `progress` | a bar while something takes long |
//! | `units` | numbers for people |
//! | `failure` | what can go wrong, its one line and its exit code |
#![deny(unsafe_code)]

mod args;
mod closed;
mod cmd;
mod command;
mod config;
mod failure;
mod input;
mod interrupt;
mod labels;
mod limits;
mod output;
mod place;
mod progress;
mod prompt;
mod sampling;
mod state_file;
mod text;
mod tokens;
mod units;

use clap::Parser;
use command::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    limits::survive_full_files();
    if let Err(failure) = closed::check() {
        return failure.report();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return command::explain(&error),
    };
    match cli.command().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
