use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::output;
use crate::units::{nanoseconds, significant};
use atome::checkpoint::Checkpoint;
use atome::graph::Graph;
use atome::profile::CallKind;
use atome::{Model, PrepareError};
use atome_benches::{CallTime, Moment, options_to_profile, random_model, shapes};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most tokens before those that are timed.
const MAX_POSITION: i64 = 1 << 20;

/// Most parameters of a graph, of which random ones are made.
const MOST_PARAMETERS: usize = 1 << 33;

/// Seed of the weights of a graph.
const SEED: u64 = 1;

/// Show where the time of a model goes: how long each kind of its calls takes
///
/// Runs a token, or a block of some, call by call on one thread, whatever --threads says. The calls of all layers that
/// differ in addresses and scales only are one kind, of which the first is timed, again and again, with what it reads in
/// the cache if there is room: weights that a step reads from memory take longer there. With --backend auto by kernels compiled ahead of time and in code made at
/// load, taking turns; `gain` is how many times as fast the latter is.
#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// Model to look at [default: the model inside this command]
    model: Option<PathBuf>,

    /// A model of random weights in a published shape, in place of a file
    #[arg(long, value_name = "SHAPE", conflicts_with_all = ["model", "config"], value_parser = shape)]
    random: Option<String>,

    /// A model of random weights with the structure that a graph's text says, in place of a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "config", "random"])]
    graph: Option<PathBuf>,

    /// Tokens that run at once, at most 4096: 1 is a step; more than 32 make blocks longer than models have by default
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    tokens: u32,

    /// Tokens that the model has seen before, at most 1048576
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=MAX_POSITION))]
    position: u32,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    tokens: u32,
    position: u32,
    calls: &'a [CallTime],
}

pub(crate) fn run(args: &ProfileArgs) -> Result<(), Failure> {
    let machine = &args.load.machine;
    let moment = Moment {
        position: args.position as usize,
        tokens: args.tokens as usize,
    };
    let model = args.model(moment)?;
    if cfg!(debug_assertions) {
        let note = "not an optimised build: the times mean little without --release";
        output::note(machine.quiet, note);
    }
    let spinner = spinner(machine.quiet);
    let watch = &mut |kind: &CallKind| spinner.set_message(kind.call.clone());
    let calls = atome_benches::profile(&model, machine.backend, moment, watch);
    spinner.finish_and_clear();
    let calls = calls?;
    if args.json {
        return output::print_json(&Answer {
            tokens: args.tokens,
            position: args.position,
            calls: &calls,
        });
    }
    output::print(&table(&calls))
}

impl ProfileArgs {
    fn model(&self, moment: Moment) -> Result<Model, Failure> {
        let options = options_to_profile(self.load.machine.options(), moment);
        let random = match &self.graph {
            Some(path) => Some(of_graph(path)?),
            None => self.random.as_deref().and_then(random_model),
        };
        match random {
            Some(random) => Ok(Model::from_checkpoint(&random, &options)?),
            None => self.load.load_with(self.model.as_deref(), &options),
        }
    }
}

/// A model of random weights, if there is room for them.
fn of_graph(path: &Path) -> Result<Checkpoint, Failure> {
    let graph = Graph::from_file(path)?;
    let found = graph.parameters();
    if found > MOST_PARAMETERS {
        let most = MOST_PARAMETERS;
        return Err(Failure::GraphParameters { found, most });
    }
    // Making them does not ask whether there is memory: of a trit a byte, and what is packed.
    let bytes = 2 * found;
    match Vec::<u8>::new().try_reserve_exact(bytes) {
        Ok(()) => Ok(Checkpoint::random(graph, None, SEED)),
        Err(_) => Err(PrepareError::ArenaMemory {
            bytes: bytes as u64,
        }
        .into()),
    }
}

fn shape(text: &str) -> Result<String, String> {
    let shapes = shapes();
    match shapes.iter().any(|shape| shape == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected one of {}", shapes.join(", "))),
    }
}

/// What is timed now, if somebody looks at it.
fn spinner(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("profile {elapsed} {msg}");
    let mut bar = ProgressBar::new_spinner().with_message("what comes before");
    if let Ok(style) = style {
        bar = bar.with_style(style);
    }
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}

/// A row a kind of call, then all of them together.
fn table(calls: &[CallTime]) -> String {
    let total: f64 = calls.iter().map(CallTime::total_ns).sum();
    let width = calls.iter().map(|call| call.kind.call.len());
    let width = width.max().unwrap_or(0).max("all calls".len());
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<width$}  {:>14}  {:>5}  {:>9}  {:>9}  {:>5}  {:>6}",
        "call", "size", "times", "ahead", "made", "gain", "share"
    );
    for call in calls {
        let name = (&*call.kind.call, &*size(call), call.kind.times);
        let share = 100.0 * call.total_ns() / total;
        row(&mut text, width, name, [call.ahead_ns, call.made_ns], share);
    }
    let sum = |of: fn(&CallTime) -> Option<f64>| -> Option<f64> {
        let each = calls
            .iter()
            .map(|call| Some(call.kind.times as f64 * of(call)?));
        each.sum()
    };
    let times = calls.iter().map(|call| call.kind.times).sum();
    let sums = [sum(|call| call.ahead_ns), sum(|call| call.made_ns)];
    row(&mut text, width, ("all calls", "", times), sums, 100.0);
    text
}

/// The sizes of a product, or of what else a call is.
fn size(call: &CallTime) -> String {
    let mut dims = call.kind.dims.clone();
    dims.sort_by_key(|(name, _)| match &**name {
        "rows" => 0,
        "cols" => 1,
        "tokens" => 3,
        _ => 2,
    });
    dims.retain(|(name, n)| name != "tokens" || *n > 1);
    let sizes = dims.iter().map(|(_, n)| n.to_string());
    sizes.collect::<Vec<_>>().join("x")
}

fn row(
    text: &mut String,
    width: usize,
    (name, size, times): (&str, &str, usize),
    ns: [Option<f64>; 2],
    share: f64,
) {
    let gain = match ns {
        [Some(ahead), Some(made)] => significant(ahead / made),
        _ => "-".to_owned(),
    };
    let [ahead, made] = ns.map(|ns| ns.map_or("-".to_owned(), nanoseconds));
    let _ = writeln!(
        text,
        "{name:<width$}  {size:>14}  {times:>5}  {ahead:>9}  {made:>9}  {gain:>5}  {share:>4.1} %"
    );
}
