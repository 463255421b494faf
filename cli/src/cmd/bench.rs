use crate::args::{MachineArgs, layout};
use crate::cmd::bench_table;
use crate::failure::Failure;
use crate::{config, output};
use atome::checkpoint;
use atome_benches::{Bench, NamedModel, Settings};
use atome_codegen::Schedule;
use atome_kernels::{available, detect};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Share of the time spent waiting above which times are called long.
const BUSY: f64 = 0.05;

/// Time kernels and whole models, as parts of what the machine can do at most
///
/// Every answer is checked against the reference before it is timed. The limit is measured just before, by as
/// many threads: of reading the weights, or of this CPU's instructions for dot products, look-ups or selects
/// where those take longer. With --backend auto, models are timed on `jit` and on `aot`; without --threads, on one
/// thread, and products by weights from memory on two as well.
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
    let mut table = bench_table::Table::new(benches.iter().map(|bench| bench.name.as_str()));
    let progress = progress(quiet, benches.len());
    let (start, waited_before) = (Instant::now(), waited());
    for bench in &benches {
        progress.set_message(format!("{} ({})", bench.name, bench.backend));
        let record = bench.run()?;
        progress.suspend(|| {
            if args.json {
                output::print_json(&record)
            } else {
                output::print(&table.row(&record))
            }
        })?;
        progress.inc(1);
    }
    progress.finish_and_clear();
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
        let mut benches = atome_benches::suite(&self.settings()?)?;
        let Some(filter) = &self.filter else {
            return Ok(benches);
        };
        if !benches.iter().any(|bench| bench.name.contains(filter)) {
            return Err(no_benchmark(filter, &benches));
        }
        benches.retain(|bench| bench.name.contains(filter));
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
            schedule: self.schedule,
            model,
        })
    }
}

/// What a name has at least in common with another that it may be meant for.
const ALIKE: f64 = 0.7;

fn no_benchmark(filter: &str, benches: &[Bench]) -> Failure {
    let family = |name: &str| {
        let end = name.find(['-', '/']).unwrap_or(name.len());
        name[..end].to_owned()
    };
    let families: BTreeSet<String> = benches.iter().map(|bench| family(&bench.name)).collect();
    let meant = family(filter);
    let alike = |family: &&String| strsim::jaro_winkler(&meant, family);
    let nearest = families.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    Failure::NoBenchmark {
        filter: filter.to_owned(),
        nearest: nearest.filter(|family| alike(family) >= ALIKE).cloned(),
        families: families.into_iter().collect(),
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
