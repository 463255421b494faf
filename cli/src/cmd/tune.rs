use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::units::{nanoseconds, significant};
use crate::{config, output};
use atome::checkpoint::{self, Checkpoint};
use atome::tune::Tuned;
use atome_benches::{Outcome, TriedProduct};
use atome_kernels::{available, detect};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure which kernels and how many threads suit a model on this CPU, and keep it for loading
///
/// For each ternary product of the model, kernels compiled ahead of time and layouts of code made at load are timed beside the
/// default, and the model with one thread and with several. What is faster by over 4 % goes into a file of this CPU in
/// the folder that $ATOME_TUNE names, or else in `atome` of the user's caches, where loading any model finds it unless
/// --no-tune is given; with that, this command writes nothing. The answers of a model do not depend on it.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Model to measure [default: the model inside this command]
    model: Option<PathBuf>,

    /// About how long to measure
    #[arg(long, value_name = "SECONDS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    /// Where it is kept.
    file: Option<&'a Path>,
}

pub(crate) fn run(args: &TuneArgs) -> Result<(), Failure> {
    let machine = &args.load.machine;
    let options = machine.options();
    let tier = options.tier.unwrap_or_else(detect);
    if !available(tier) {
        let host = detect();
        return Err(atome::PrepareError::Tier { tier, host }.into());
    }
    let source = args.source()?;
    if cfg!(debug_assertions) {
        let note = "not an optimised build: the times mean little without --release";
        output::note(machine.quiet, note);
    }
    let bar = bar(machine.quiet);
    let limit = Duration::from_secs(args.seconds);
    let outcome = atome_benches::tune(&source, &options, limit, &mut |what, done| {
        bar.set_message(what.to_owned());
        bar.set_position((1000.0 * done) as u64);
    });
    bar.finish_and_clear();
    let outcome = outcome?;
    let path = Tuned::path(tier).filter(|_| !machine.no_tune);
    if let Some(path) = &path {
        let known = Tuned::load(path, tier).ok().flatten();
        let mut tuned = known.unwrap_or_else(|| Tuned::new(tier));
        outcome.note(&mut tuned);
        tuned.save(path)?;
    }
    if args.json {
        let (outcome, file) = (&outcome, path.as_deref());
        return output::print_json(&Answer { outcome, file });
    }
    output::print(&table(&outcome))?;
    let note = match &path {
        Some(path) => format!("kept in {}", path.display()),
        None if machine.no_tune => return Ok(()),
        None => "kept nowhere: there is no folder of caches, and $ATOME_TUNE names none".to_owned(),
    };
    output::note(machine.quiet, note);
    Ok(())
}

impl TuneArgs {
    fn source(&self) -> Result<Checkpoint, Failure> {
        let model = self.model.as_deref();
        let config = config::needed(self.load.config.as_deref(), model, self.load.machine.quiet)?;
        match model {
            Some(path) => Ok(checkpoint::load(path, config)?),
            #[cfg(feature = "default-model")]
            None => Ok(checkpoint::parse_checkpoint(atome::DEFAULT_MODEL)?),
            #[cfg(not(feature = "default-model"))]
            None => Err(Failure::NoModel),
        }
    }
}

/// A bar on standard error, if somebody looks at it.
fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("tune {bar:30} {percent:>3} % {msg}");
    let bar = ProgressBar::new(1000);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What was tried and what won, in a hundred columns; the layout of a winner that is new on lines of its own.
fn table(outcome: &Outcome) -> String {
    let mut text = String::new();
    if !outcome.threads.is_empty() {
        let _ = writeln!(text, "{:<34} {:>9}", "threads", "a token");
    }
    for tried in &outcome.threads {
        let mark = if tried.won { "  <" } else { "" };
        let _ = writeln!(
            text,
            "{:<34} {:>9}{mark}",
            tried.threads,
            nanoseconds(tried.ns)
        );
    }
    let _ = writeln!(
        text,
        "{:<34} {:>9}  {:>9}  {:>9}  {:>7}",
        "product", "tried", "default", "best", "gain"
    );
    outcome
        .products
        .iter()
        .for_each(|product| row(&mut text, product));
    text
}

fn row(text: &mut String, product: &TriedProduct) {
    let TriedProduct {
        product,
        tried,
        of,
        default,
        best,
    } = product;
    let gain = match default == best {
        true => "-".to_owned(),
        false => format!("{} x", significant(default.ns / best.ns)),
    };
    let _ = writeln!(
        text,
        "{product:<34} {:>9}  {:>9}  {:>9}  {gain:>7}",
        format!("{tried}/{of}"),
        nanoseconds(default.ns),
        nanoseconds(best.ns),
    );
    if default != best {
        let _ = writeln!(text, "  {}\n  in place of {}", best.by, default.by);
    }
}
