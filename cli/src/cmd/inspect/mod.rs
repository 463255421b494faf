mod gguf;

use crate::args::LoadArgs;
use crate::cmd::arena_map;
use crate::failure::Failure;
use crate::output;
use crate::units::{count, duration, grouped};
use atome::classify::{Labels, NONE};
use atome::{BackendInfo, Config, Fingerprint, KernelUse, Model, ModelInfo, Options, Section};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// Print what a model is, how it lies in memory, and which kernel runs each of its calls
///
/// Calls run in a `step` of one token, in a `block` of a prompt, for the logits of all `rows` of a
/// block, or for a token of each of several `sessions`. Kernels are made at load (`jit`), compiled
/// ahead of time (`aot`) or interpreted. A GGUF file of another family than those that run is described as a file: keys,
/// tensors, and what would be needed to run it.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Model: a packed safetensors container, ATOME01, ATOME02, ATOMECL01, BIT2, GGUF, or a directory of
    /// float weights [default: the model inside this command]
    model: Option<PathBuf>,

    /// Print the plan instead: every tensor and its place, then every call with its dimensions,
    /// operands and scalars, in the order in which they run
    #[arg(long)]
    plan: bool,

    /// Print the graph instead: parameters, states and calls, as text that `atome pack --graph` reads
    #[arg(long, conflicts_with = "plan")]
    graph: bool,

    /// Print what is in a GGUF file instead: keys, tensors with their types and sizes, tokenizer
    #[arg(long, conflicts_with_all = ["plan", "graph"])]
    file: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    info: &'a ModelInfo,
    /// What tells the model from others.
    fingerprint: Fingerprint,
    #[serde(flatten)]
    backend: BackendInfo,
    /// Which kernel runs each call.
    kernels: Vec<KernelUse>,
    /// The plan, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// The graph, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<String>,
    /// What the file says of a classifier's classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Labels>,
    /// Bytes of each section, alignment included.
    sections: BTreeMap<&'static str, usize>,
}

/// Most names of classes that are listed.
const MOST_NAMES: usize = 32;

pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    if gguf::is_meant(args.model.as_deref(), args.file)?
        && let Some(path) = &args.model
    {
        return gguf::describe(path, args.json);
    }
    // Who looks at a file wants to know whether all of it is sound.
    let options = Options {
        check_tables: true,
        ..args.load.machine.options()
    };
    let model = args.load.load_with(args.model.as_deref(), &options)?;
    // What runs in the end is what is told of.
    model.settle();
    let info = model.info();
    if args.json {
        let sections = Section::ALL
            .iter()
            .map(|s| (s.name(), info.section_bytes(*s)));
        return output::print_json(&Answer {
            info,
            fingerprint: model.fingerprint(),
            backend: model.backend(),
            kernels: model.kernels(),
            plan: args.plan.then(|| model.plan().to_string()),
            graph: args.graph.then(|| model.graph().to_string()),
            labels: model.labels(),
            sections: sections.collect(),
        });
    }
    if args.plan {
        let tuned = model.backend().tuned;
        let tuned = tuned.iter().map(|what| format!("; tuned: {what}\n"));
        let tuned: String = tuned.collect();
        return output::print(&format!("{tuned}{}", model.plan()));
    }
    if args.graph {
        return output::print(&model.graph().to_string());
    }
    let mut text = facts(&model);
    text.push('\n');
    kernels(&mut text, &model.kernels());
    text.push('\n');
    arena_map::draw(&mut text, info);
    output::print(&text)
}

/// A line for each thing worth knowing.
fn facts(model: &Model) -> String {
    let (info, backend) = (model.info(), model.backend());
    let kind = match info.classes {
        Some(classes) => format!("classifier of {}", count(classes, "class", "classes")),
        None => "language model".to_owned(),
    };
    let dims = dimensions(&info.config);
    let machine = format!(
        "{} on {}, {}",
        backend.backend,
        info.cpu,
        count(info.threads, "thread", "threads")
    );
    let machine = match &backend.jit_refused {
        None => machine,
        Some(why) => format!("{machine}; no machine code: {why}"),
    };
    let code = match backend.code_bytes {
        0 => String::new(),
        bytes => format!(", {} bytes of code", grouped(bytes)),
    };
    let mut lines = vec![
        (
            "architecture",
            format!("{}, {kind}, from {}", info.architecture, info.format),
        ),
        ("shapes", dims),
        (
            "tokenizer",
            match &info.tokenizer_refused {
                None => info.tokenizer.to_string(),
                Some(why) => format!("{}: {why}", info.tokenizer),
            },
        ),
        ("parameters", grouped(info.parameters)),
        ("backend", machine),
        ("load", duration(info.load_time)),
        (
            "compile",
            format!("{}{code}", duration(backend.compile_time)),
        ),
    ];
    if let Some(labels) = model.labels() {
        lines.insert(2, ("classes", classes(labels)));
    }
    let tuned = backend.tuned.iter().enumerate();
    lines.extend(tuned.map(|(i, what)| (if i == 0 { "tuned" } else { "" }, what.clone())));
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<13} {value}");
        text
    })
}

/// The names of a classifier's classes, and what makes its answers sure.
fn classes(labels: &Labels) -> String {
    let names = labels.names.iter().take(MOST_NAMES).map(String::as_str);
    let mut names: Vec<&str> = names.collect();
    if labels.names.len() > names.len() {
        names.push("..");
    }
    let of_none = match labels.none_weight {
        1.0 => String::new(),
        weight => format!(" with {NONE} {weight} times as common"),
    };
    format!(
        "{}; sure by a margin of {:.3} at temperature {:.3}{of_none}; trained on {}",
        names.join(", "),
        labels.threshold,
        labels.temperature,
        labels.dataset
    )
}

/// A table of the model's calls, when they run, and by which kernel.
fn kernels(text: &mut String, uses: &[KernelUse]) {
    let runs = |each: &KernelUse| {
        let names = each.runs.iter().map(|run| run.name());
        names.collect::<Vec<_>>().join(", ")
    };
    let width = |of: &dyn Fn(&KernelUse) -> usize| uses.iter().map(of).max().unwrap_or(0);
    let (calls, times) = (
        width(&|each| each.call.len()),
        width(&|each| runs(each).len()),
    );
    let _ = writeln!(
        text,
        "  {:<calls$}  {:<times$}  {:<6}  kernel",
        "call", "runs in", "by"
    );
    for each in uses {
        let (call, by, kernel) = (&each.call, each.by, &each.kernel);
        let _ = writeln!(
            text,
            "  {call:<calls$}  {:<times$}  {by:<6}  {kernel}",
            runs(each)
        );
    }
}

/// The dimensions, each with its name in the model's config or header.
fn dimensions(config: &Config) -> String {
    let dims = config.dims();
    let named = dims.iter().map(|(name, n)| format!("{name} {n}"));
    named.collect::<Vec<_>>().join(", ")
}
