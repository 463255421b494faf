//! `atome bench`.
//!
//! | file | concept |
//! |---|---|
//! | `table`, `compare` | records for people, alone and beside older ones |
//! | `nearest` | what a filter may have been meant for |
//! | `files` | records in files, and pictures of them |

mod compare;
mod files;
mod nearest;
mod table;

use crate::args::{MachineArgs, layout};
use crate::failure::Failure;
use crate::{config, output};
use atome::checkpoint;
use atome::tune::Tuning;
use atome_benches::{
    Bench, Compared, NamedModel, Record, RecordFile, Settings, compared, gone, limits,
};
use atome_codegen::Schedule;
use atome_kernels::{available, detect};
use clap::Args;
use files::Outputs;
use indicatif::{ProgressBar, ProgressStyle};
use nearest::no_benchmark;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Share of the time spent waiting above which times are called long.
const BUSY: f64 = 0.05;

/// Time kernels and whole models, as parts of what the machine can do at most
///
/// Every answer is checked against the reference before it is timed. The limit is measured just before, by as
/// many threads: of reading the weights, or of this CPU's instructions for dot products, look-ups or selects
/// where those take longer. With --backend auto, kernels and models are timed on `jit`, made for their shapes,
/// and on `aot`; without --threads, on one thread, and what reads weights from memory, products and steps of int8
/// models, on two as well.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Run only the benchmarks that have S in their names
    #[arg(long, value_name = "S")]
    filter: Option<String>,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// Print the names and run nothing
    #[arg(long, conflicts_with = "json")]
    list: bool,

    /// Show each benchmark beside the one of the same name, backend and threads in a file of older records, how many
    /// times as fast it is, and which are in one of them only
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    compare: Option<PathBuf>,

    /// Draw what multiplies as a roofline, an SVG, under limits that are then measured too
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    plot: Option<PathBuf>,

    /// Write the records to a file, after a line that describes the machine
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    record: Option<PathBuf>,

    /// Replace the files that --plot and --record name, whoever wrote them; otherwise only what `bench` wrote
    #[arg(long)]
    force: bool,

    /// Time only the kernels that can be laid out so, compiled now: mr=32, or mr=32,nr=2 of a gemm; fields
    /// that are not given are as selected
    #[arg(long, value_name = "FIELD=VALUE,..", value_parser = layout, conflicts_with = "model")]
    schedule: Option<Schedule>,

    /// A model to time, and nothing else; without it, kernels and random weights in the published
    /// shapes
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// The dimensions of --model; if not given, the `.json` file beside it with the same stem
    #[arg(long, value_name = "FILE", requires = "model")]
    config: Option<PathBuf>,

    #[command(flatten)]
    machine: MachineArgs,
}

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let benches = args.selected()?;
    if args.list {
        let mut names: Vec<&str> = benches.iter().map(|bench| bench.name.as_str()).collect();
        names.dedup();
        return output::print(&format!("{}\n", names.join("\n")));
    }
    let quiet = args.machine.quiet;
    if cfg!(debug_assertions) {
        output::note(
            quiet,
            "not an optimised build: the times mean little without --release",
        );
    }
    let outputs = Outputs::claim(args)?;
    let older = args.compare.as_deref().map(files::older).transpose()?;
    if let Some(note) = older.as_ref().and_then(files::other_cpu) {
        output::note(quiet, note);
    }
    let mut report = Report::new(args, &benches, older);
    let progress = progress(quiet, benches.len());
    let (start, waited_before) = (Instant::now(), waited());
    for bench in &benches {
        progress.set_message(format!("{} ({})", bench.name, bench.backend));
        let record = bench.run()?;
        progress.suspend(|| report.add(record))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    report.finish()?;
    outputs.write(report.records)?;
    if let (Some(before), Some(after)) = (waited_before, waited()) {
        let share = after.saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64();
        if share > BUSY {
            let percent = 100.0 * share;
            let note = "of the time was spent waiting for a CPU: other work makes these times long";
            output::note(quiet, format_args!("{percent:.0} % {note}"));
        }
    }
    Ok(())
}

/// What is said of the benchmarks as they come.
struct Report<'a> {
    args: &'a BenchArgs,
    older: Option<RecordFile>,
    table: table::Table,
    /// Columns of the longest name.
    width: usize,
    records: Vec<Record>,
}

impl<'a> Report<'a> {
    fn new(args: &'a BenchArgs, benches: &[Bench], older: Option<RecordFile>) -> Report<'a> {
        let names = || benches.iter().map(|bench| bench.name.as_str());
        Report {
            args,
            older,
            table: table::Table::new(names()),
            width: names().map(str::len).max().unwrap_or(0),
            records: Vec::new(),
        }
    }

    fn add(&mut self, record: Record) -> Result<(), Failure> {
        match &self.older {
            None if self.args.json => output::print_json(&record)?,
            None => output::print(&self.table.row(&record))?,
            Some(older) => {
                let row = compared(&older.records, &record);
                if !self.args.json && self.records.is_empty() {
                    output::print(&compare::heading(self.width))?;
                }
                self.show(&row)?;
            }
        }
        self.records.push(record);
        Ok(())
    }

    /// What only the older records have, of those that the filter asks for.
    fn finish(&self) -> Result<(), Failure> {
        let Some(older) = &self.older else {
            return Ok(());
        };
        let filter = self.args.filter.as_deref().unwrap_or_default();
        let mut gone = gone(&older.records, &self.records);
        gone.retain(|row| row.name.contains(filter));
        if !gone.is_empty() && !self.args.json {
            output::print(compare::GONE)?;
        }
        gone.iter().try_for_each(|row| self.show(row))
    }

    fn show(&self, row: &Compared) -> Result<(), Failure> {
        match self.args.json {
            true => output::print_json(row),
            false => output::print(&compare::row(self.width, row)),
        }
    }
}

/// How long this thread has waited for a CPU that was doing something else, where the system
/// says so.
fn waited() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace()
        .nth(1)?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

impl BenchArgs {
    fn selected(&self) -> Result<Vec<Bench>, Failure> {
        let settings = self.settings()?;
        let mut benches = atome_benches::suite(&settings)?;
        if let Some(filter) = &self.filter {
            if !benches.iter().any(|bench| bench.name.contains(filter)) {
                return Err(no_benchmark(filter, &benches));
            }
            benches.retain(|bench| bench.name.contains(filter));
        }
        if self.plot.is_some() {
            // Its roofs, whatever is asked for.
            let mut limits = limits(&settings);
            benches.retain(|bench| limits.iter().all(|limit| limit.name != bench.name));
            limits.append(&mut benches);
            return Ok(limits);
        }
        Ok(benches)
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let machine = &self.machine;
        let options = machine.options();
        let tier = options.tier.unwrap_or_else(detect);
        if !available(tier) {
            let host = detect();
            return Err(atome::PrepareError::Tier { tier, host }.into());
        }
        let config = self.config.as_deref();
        let config = config::needed(config, self.model.as_deref(), machine.quiet)?;
        let model = self
            .model
            .as_deref()
            .map(|path| named_model(path, config))
            .transpose()?;
        Ok(Settings {
            tier,
            backend: options.backend,
            threads: options.threads,
            no_multiply: options.no_multiply,
            tuning: match &model {
                Some(_) => options.tuning,
                None => Tuning::Off,
            },
            schedule: self.schedule,
            model,
        })
    }
}

/// The model of a file, called by the file's stem.
fn named_model(path: &Path, config: Option<&Path>) -> Result<NamedModel, Failure> {
    let model = checkpoint::load(path, config)?;
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    Ok(NamedModel {
        shape: stem.to_string_lossy().into_owned(),
        model,
    })
}

/// A bar on standard error, if somebody looks at it.
fn progress(quiet: bool, count: usize) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    // The template is a constant, and valid.
    match ProgressStyle::with_template("{pos}/{len} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
