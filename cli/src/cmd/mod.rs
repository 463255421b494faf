//! The commands, one a file.

mod arena_map;
pub(crate) mod bench;
mod bench_table;
pub(crate) mod classify;
pub(crate) mod emit;
pub(crate) mod eval;
mod generate;
pub(crate) mod inspect;
pub(crate) mod logits;
pub(crate) mod pack;
mod prefill;
pub(crate) mod run;
#[cfg(feature = "train")]
pub(crate) mod train;

use crate::args::Command;
use crate::failure::Failure;
use atome::Model;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Logits(args) => logits::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Pack(args) => pack::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Emit(args) => emit::run(&args),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}

/// Checks that the model continues text.
fn continues(model: &Model) -> Result<(), Failure> {
    match model.classes() {
        None => Ok(()),
        Some(classes) => Err(Failure::IsClassifier { classes }),
    }
}
