use super::generate::{Generation, Printer, Settings, Stop};
use crate::args::{LoadArgs, decimal, whole};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::prompt::{Given, PromptArgs};
use crate::units::{bytes, count, duration, significant};
use atome::Model;
use atome::sampler::Sampling;
use atome::tokenizer::Tokenizer;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// What the model inside continues if nothing else is asked.
const SAMPLE_PROMPT: &[u8] = b"In the beginning";

/// Print a prompt and what the model makes of it, as it comes
///
/// Text becomes tokens by the model's tokenizer: bytes, or the byte-pair encoding of GPT-2 for
/// BitMamba-2 models of 50,257 ids. Bytes that are not UTF-8 are shown as U+FFFD. After token ids, what
/// follows is printed as ids. Without a prompt the model inside continues `In the beginning`. The text
/// ends after N tokens, or before where the model says so with `<|endoftext|>`, which is not printed.
/// The same prompt, settings and seed give the same text on every machine. Load time, compile time,
/// the arena's size and the speed are reported on standard error. Ctrl-C ends the text and reports
/// them too, with exit code 130.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Model: a packed safetensors container, ATOME01, ATOME02, BIT2, GGUF, or a directory of float weights
    /// [default: the model inside this command]
    model: Option<PathBuf>,

    #[command(flatten)]
    prompt: PromptArgs,

    /// How many tokens to generate at most; with 0 only the prompt is printed
    #[arg(short, value_name = "N", default_value_t = 200)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    n: usize,

    /// Go on where the model ends the text
    #[arg(long)]
    ignore_eos: bool,

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
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    temperature: f32,

    /// Chooses among the K most likely tokens; 0 for all
    #[arg(long, value_name = "K", default_value_t = Sampling::default().top_k)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    top_k: usize,

    /// Chooses among the most likely tokens that together have probability P; 1 for all
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    top_p: f32,

    /// Starts the random sequence; another seed gives another text
    #[arg(long, value_name = "S", default_value_t = Sampling::default().seed)]
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
    let quiet = args.load.machine.quiet;
    let given = args.given(quiet)?;
    let model = args.load.load(args.model.as_deref())?;
    super::continues(&model)?;
    let as_text = matches!(given, Given::Text(_));
    let prompt = given.into_tokens(&model)?;
    let tokenizer = model.tokenizer();
    let ends = model.info().tokenizer.end_of_text();
    let settings = Settings {
        n: args.n,
        sampling,
        end_of_text: ends.filter(|_| !args.ignore_eos),
        interrupt: Interrupt::listen(),
    };
    describe(quiet, &model);
    let mut generation = Generation::new(&model, &prompt, settings, quiet || args.json)?;
    let mut printer = match &tokenizer {
        _ if args.json => Printer::Nothing,
        Ok(tokenizer) if as_text => Printer::text(tokenizer),
        _ => Printer::ids(),
    };
    if as_text {
        printer.push(&prompt).map_err(Failure::Output)?;
    }
    let mut ids = Vec::new();
    while let Some(id) = generation.next()? {
        printer.push(&[id]).map_err(Failure::Output)?;
        ids.push(id);
    }
    printer.finish().map_err(Failure::Output)?;
    if args.json {
        let text = tokenizer.ok().map(|t| decoded(&t, &[&prompt[..], &ids]));
        print_json(&model, &prompt, &ids, text, &generation)?;
    } else {
        report(quiet, &generation);
    }
    match generation.stop {
        Stop::Interrupted => Err(Failure::Interrupted),
        Stop::Length | Stop::EndOfText => Ok(()),
    }
}

impl RunArgs {
    /// What is to be continued.
    fn given(&self, quiet: bool) -> Result<Given, Failure> {
        let Some(model) = self.model.as_deref() else {
            let given = self.prompt.read(quiet)?;
            return Ok(given.unwrap_or_else(|| Given::Text(SAMPLE_PROMPT.to_vec())));
        };
        self.prompt.read_for(Some(model), quiet)
    }
}

/// The text of tokens.
fn decoded(tokenizer: &Tokenizer, tokens: &[&[u32]]) -> String {
    let ids = tokens.iter().copied().flatten();
    let bytes: Vec<u8> = ids.flat_map(|&id| tokenizer.bytes(id)).copied().collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn describe(quiet: bool, model: &Model) {
    let (info, backend) = (model.info(), model.backend());
    let compile = match backend.compiling {
        true => "still compiling".to_owned(),
        false => format!("compile {}", duration(backend.compile_time)),
    };
    let line = format!(
        "load {}, {compile} ({}, {}, {}), arena {}{}",
        duration(info.load_time),
        backend.backend,
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

fn report(quiet: bool, generation: &Generation) {
    let mut line = format!("prefill {}", speed(generation.prefill));
    if generation.decode.0 > 0 {
        line.push_str(&format!(", decode {}", speed(generation.decode)));
    }
    line.push_str(match generation.stop {
        Stop::Length => "",
        Stop::EndOfText => ", the text ended",
        Stop::Interrupted => ", interrupted",
    });
    output::note(quiet, line);
}

fn speed(taken: (usize, Duration)) -> String {
    let rate = per_second(taken).map_or_else(String::new, |rate| {
        format!(" ({} tok/s)", significant(rate))
    });
    let (tokens, time) = taken;
    format!(
        "{} in {}{rate}",
        count(tokens, "token", "tokens"),
        duration(time)
    )
}

fn per_second((tokens, time): (usize, Duration)) -> Option<f64> {
    (tokens > 0 && !time.is_zero()).then(|| tokens as f64 / time.as_secs_f64())
}

#[derive(Serialize)]
struct Answer<'a> {
    prompt: &'a [u32],
    tokens: &'a [u32],
    /// Of the prompt and the tokens, if the model's tokenizer is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    stop: Stop,
    load_s: f64,
    compile_s: f64,
    arena_bytes: usize,
    prefill_tok_s: Option<f64>,
    decode_tok_s: Option<f64>,
}

fn print_json(
    model: &Model,
    prompt: &[u32],
    tokens: &[u32],
    text: Option<String>,
    generation: &Generation,
) -> Result<(), Failure> {
    let info = model.info();
    output::print_json(&Answer {
        prompt,
        tokens,
        text,
        stop: generation.stop,
        load_s: info.load_time.as_secs_f64(),
        compile_s: model.backend().compile_time.as_secs_f64(),
        arena_bytes: info.arena_bytes,
        prefill_tok_s: per_second(generation.prefill),
        decode_tok_s: per_second(generation.decode),
    })
}
