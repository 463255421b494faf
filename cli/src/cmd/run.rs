use super::ids;
use crate::args::{LoadArgs, decimal, whole};
use crate::failure::Failure;
use crate::text::TextWriter;
use crate::units::{bytes, count, duration, significant};
use crate::{input, output, tokens};
use atome::sampler::{Sampler, Sampling};
use atome::{Model, Session};
use clap::Args;
use serde::Serialize;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What the model inside continues if nothing else is asked.
const SAMPLE_PROMPT: &[u8] = b"In the beginning";

/// Print a prompt and what the model makes of it, as it comes
///
/// The model reads and writes bytes; bytes that are not UTF-8 are shown as U+FFFD. The same
/// prompt, settings and seed give the same text on every machine. Load time, compile time, the
/// arena's size and the speed are reported on standard error.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Model file: a packed safetensors container, ATOME01 or ATOME02 [default: the model inside
    /// this command]
    model: Option<PathBuf>,

    /// The prompt; `-` reads it from standard input, without the last line break [default, for
    /// the model inside: `In the beginning`]
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<OsString>,

    /// Token ids in place of a prompt, such as 1,2,3, or @FILE; what follows is printed as ids. For
    /// models whose tokens are not bytes
    #[arg(
        long,
        value_name = "LIST",
        conflicts_with = "prompt",
        allow_hyphen_values = true
    )]
    tokens: Option<String>,

    /// How many tokens to generate; with 0 only the prompt is printed
    #[arg(short, value_name = "N", default_value_t = 200)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    n: usize,

    #[command(flatten)]
    sampling: SamplingArgs,

    /// Print one JSON object at the end, in place of text as it comes
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

/// How tokens are chosen.
#[derive(Debug, Args)]
struct SamplingArgs {
    /// Always take the most likely token
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p"])]
    greedy: bool,

    /// Divides the logits: below 1 for likelier text, above for more surprising; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    temperature: f32,

    /// Chooses among the K most likely tokens; 0 for all
    #[arg(long, value_name = "K", default_value_t = 40)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    top_k: usize,

    /// Chooses among the most likely tokens that together have probability P; 1 for all
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    top_p: f32,

    /// Starts the random sequence; another seed gives another text
    #[arg(long, value_name = "S", default_value_t = 0)]
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: u64,
}

impl SamplingArgs {
    fn sampling(&self) -> Sampling {
        let SamplingArgs {
            greedy,
            temperature,
            top_k,
            top_p,
            seed,
        } = *self;
        if greedy {
            Sampling::GREEDY
        } else {
            Sampling {
                temperature,
                top_k,
                top_p,
                seed,
            }
        }
    }
}

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let sampling = args.sampling.sampling();
    sampling.validate()?;
    if let Some(list) = &args.tokens {
        let ids = tokens::read(list)?;
        let model = args.load.load(args.model.as_deref())?;
        let quiet = args.load.machine.quiet;
        return ids::run(&model, &ids, (args.n, sampling), (args.json, quiet));
    }
    let prompt = read_prompt(args)?;
    let model = args.load.load(args.model.as_deref())?;
    super::continues_bytes(&model)?;
    let quiet = args.load.machine.quiet;
    describe(quiet, &model);

    let mut session = model.session()?;
    let start = Instant::now();
    session.prefill(
        &prompt
            .iter()
            .map(|&byte| u32::from(byte))
            .collect::<Vec<_>>(),
    )?;
    let prefill = start.elapsed();
    let sampler = Sampler::new(sampling, model.vocab())?;
    let mut generation = Generation {
        session,
        sampler,
        left: args.n,
        decode: Duration::ZERO,
    };

    if args.json {
        let generated = generation.collect()?;
        return print_json(&model, &prompt, &generated, prefill, generation.decode);
    }
    let mut text = TextWriter::new(io::stdout().lock());
    text.push(&prompt).map_err(Failure::Output)?;
    while let Some(byte) = generation.next()? {
        text.push(&[byte]).map_err(Failure::Output)?;
    }
    text.finish().map_err(Failure::Output)?;
    report(
        quiet,
        (prompt.len(), prefill),
        (args.n.saturating_sub(1), generation.decode),
    );
    Ok(())
}

fn read_prompt(args: &RunArgs) -> Result<Vec<u8>, Failure> {
    let mut prompt = match &args.prompt {
        None if args.model.is_none() => return Ok(SAMPLE_PROMPT.to_vec()),
        None => return Err(Failure::NoPrompt),
        Some(text) => text.as_encoded_bytes().to_vec(),
    };
    if prompt == b"-" {
        prompt = input::read_all(io::stdin().lock()).map_err(Failure::Stdin)?;
        for line_break in [b'\n', b'\r'] {
            prompt.pop_if(|last| *last == line_break);
        }
    }
    if prompt.is_empty() {
        Err(Failure::EmptyPrompt)
    } else {
        Ok(prompt)
    }
}

/// A continuation, byte by byte.
struct Generation {
    session: Session,
    sampler: Sampler,
    left: usize,
    /// Time spent on what follows the first byte.
    decode: Duration,
}

impl Generation {
    fn next(&mut self) -> Result<Option<u8>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        let start = Instant::now();
        let id = self.sampler.sample(self.session.logits());
        self.left -= 1;
        // Nobody asks what follows the last byte.
        if self.left > 0 {
            self.session.step(id)?;
        }
        self.decode += start.elapsed();
        // The vocabulary was checked: ids are bytes.
        Ok(Some(id.to_le_bytes()[0]))
    }

    fn collect(&mut self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(byte) = self.next()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

pub(super) fn describe(quiet: bool, model: &Model) {
    let info = model.info();
    let line = format!(
        "load {}, compile {} ({}, {}, {}), arena {}{}",
        duration(info.load_time),
        duration(info.compile_time),
        info.backend,
        info.cpu,
        count(info.threads, "thread", "threads"),
        bytes(info.arena_bytes),
        match info.mapped_bytes {
            0 => String::new(),
            mapped => format!(" and {} mapped", bytes(mapped)),
        },
    );
    output::note(quiet, line);
}

/// Reports speeds; each pair is a number of tokens and the time they took.
pub(super) fn report(quiet: bool, prefill: (usize, Duration), decode: (usize, Duration)) {
    let mut line = format!("prefill {}", speed(prefill));
    if decode.0 > 0 {
        line.push_str(&format!(", decode {}", speed(decode)));
    }
    output::note(quiet, line);
}

fn speed((tokens, time): (usize, Duration)) -> String {
    let rate = per_second(tokens, time).map_or_else(String::new, |rate| {
        format!(" ({} tok/s)", significant(rate))
    });
    format!(
        "{} in {}{rate}",
        count(tokens, "token", "tokens"),
        duration(time)
    )
}

pub(super) fn per_second(tokens: usize, time: Duration) -> Option<f64> {
    (tokens > 0 && !time.is_zero()).then(|| tokens as f64 / time.as_secs_f64())
}

#[derive(Serialize)]
struct Answer<'a> {
    prompt: &'a [u8],
    tokens: &'a [u8],
    text: &'a str,
    load_s: f64,
    compile_s: f64,
    arena_bytes: usize,
    prefill_tok_s: Option<f64>,
    decode_tok_s: Option<f64>,
}

fn print_json(
    model: &Model,
    prompt: &[u8],
    tokens: &[u8],
    prefill: Duration,
    decode: Duration,
) -> Result<(), Failure> {
    let info = model.info();
    output::print_json(&Answer {
        prompt,
        tokens,
        text: &String::from_utf8_lossy(&[prompt, tokens].concat()),
        load_s: info.load_time.as_secs_f64(),
        compile_s: info.compile_time.as_secs_f64(),
        arena_bytes: info.arena_bytes,
        prefill_tok_s: per_second(prompt.len(), prefill),
        decode_tok_s: per_second(tokens.len().saturating_sub(1), decode),
    })
}
