use super::generate::{Generation, Printer, Settings, Stop};
use crate::args::{LoadArgs, whole};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::prompt::{Given, PromptArgs, Start, check_model};
use crate::sampling::SamplingArgs;
use crate::state_file;
use crate::units::{bytes, count, duration, significant};
use atome::Model;
use atome::tokenizer::{Stops, TextDecoder, Tokenizer};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// What the model inside continues if nothing else is asked.
const SAMPLE_PROMPT: &[u8] = b"In the beginning";

/// Print a prompt and what the model makes of it, as it comes
///
/// Text becomes tokens by the model's tokenizer: that of the vocabulary in its file or directory, bytes, or the
/// byte-pair encoding of GPT-2 for BitMamba-2 models of 50,257 ids. Bytes that are not UTF-8 are shown as U+FFFD. After token ids, what
/// follows is printed as ids. Without a prompt the model inside continues `In the beginning`. The text
/// ends after N tokens, or before where the model says so with a token such as `<|endoftext|>`, which is not printed.
/// The same prompt, settings and seed give the same text on every machine. Load time, compile time,
/// the arena's size and the speed are reported on standard error. Ctrl-C ends the text and reports
/// them too, with exit code 130.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Model: a packed safetensors container, ATOME01, ATOME02, BIT2, GGUF, or a directory of float weights
    /// [default: the model inside this command]
    pub(super) model: Option<PathBuf>,

    #[command(flatten)]
    pub(super) prompt: PromptArgs,

    /// How many tokens to generate at most, with --chat for each answer; with 0 only the prompt is printed
    #[arg(short, value_name = "N", default_value_t = 200)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(super) n: usize,

    /// Go on where the model ends the text
    #[arg(long)]
    pub(super) ignore_eos: bool,

    /// End the text before this one, which is not printed; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) stop: Vec<String>,

    /// Hold a conversation: every line of standard input is said, or what -p says, once. The template is the
    /// model's (`tokenizer.chat_template` of GGUF, `tokenizer_config.json` or `chat_template.jinja` of a
    /// directory, and what is packed of these); without one, `User:` and `Assistant:` stand before what is said. A turn reads its own tokens only
    #[arg(long, conflicts_with = "tokens")]
    pub(super) chat: bool,

    /// What a conversation begins with
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub(super) system: Option<String>,

    /// A template of conversations (Jinja), in place of the model's
    #[arg(long, value_name = "FILE", requires = "chat")]
    pub(super) chat_template: Option<PathBuf>,

    /// Go on from a state that --save-state wrote, of the same model; the prompt is read after it
    #[arg(long, value_name = "FILE")]
    pub(super) load_state: Option<PathBuf>,

    /// At the end, write what the model remembers to a file
    #[arg(long, value_name = "FILE")]
    pub(super) save_state: Option<PathBuf>,

    #[command(flatten)]
    pub(super) sampling: SamplingArgs,

    /// Print one JSON object at the end, in place of text as it comes; with --chat one for each turn
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    args.sampling.sampling().validate()?;
    let quiet = args.quiet();
    if args.chat {
        check_model(args.model.as_deref())?;
        let model = args.load.load(args.model.as_deref())?;
        super::continues(&model)?;
        describe(quiet, &model);
        return super::chat::run(args, &model, &Interrupt::between());
    }
    let given = args.given(quiet)?;
    let model = args.load.load(args.model.as_deref())?;
    super::continues(&model)?;
    let tokenizer = model.tokenizer();
    let as_text = match &given {
        Given::Text(_) => true,
        Given::Ids(_) => false,
        Given::Nothing => tokenizer.is_ok(),
    };
    let prompt = given.into_tokens(&model, self::start(args))?;
    let settings = Settings {
        n: args.n,
        sampling: args.sampling.of(&model, quiet),
        biases: args.sampling.biases().to_vec(),
        load_state: args.load_state.clone(),
        ignores_ends: args.ignore_eos,
        interrupt: Interrupt::listen(),
    };
    if let Some(path) = &args.save_state {
        state_file::check(path)?;
    }
    describe(quiet, &model);
    let mut generation = Generation::new(&model, &prompt, settings, quiet || args.json)?;
    if !args.stop.is_empty() {
        let tokenizer = tokenizer.map_err(Failure::StopWithoutText)?;
        return until_stopped(args, &model, &tokenizer, &prompt, generation);
    }
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
    if let Some(path) = &args.save_state {
        state_file::save(generation.session()?, path)?;
    }
    if args.json {
        let text = tokenizer
            .ok()
            .map(|t| t.decode(&[&prompt[..], &ids].concat()));
        print_json(&model, &prompt, &ids, text, &generation)?;
    } else {
        report(quiet, &generation);
    }
    match generation.stop {
        Stop::Interrupted => Err(Failure::Interrupted),
        Stop::Length | Stop::EndOfText | Stop::GivenText => Ok(()),
    }
}

/// Prints the text up to the first of the texts that end it.
fn until_stopped(
    args: &RunArgs,
    model: &Model,
    tokenizer: &Tokenizer,
    prompt: &[u32],
    mut generation: Generation,
) -> Result<(), Failure> {
    let mut stops = Stops::new(args.stop.iter().cloned());
    let (mut decoder, mut ids, mut text) = (TextDecoder::new(), Vec::new(), String::new());
    let mut tokens = tokenizer.writer();
    let mut put = |bytes: &[u8]| {
        let from = text.len();
        decoder.push(bytes, |part| text.push_str(part));
        match args.json {
            true => Ok(()),
            false => output::print(&text[from..]),
        }
    };
    for id in prompt {
        put(tokens.bytes(*id))?;
    }
    while let Some(id) = generation.next()? {
        ids.push(id);
        let (ready, found) = stops.push(tokens.bytes(id));
        put(&ready)?;
        if found {
            generation.stop = Stop::GivenText;
            break;
        }
    }
    put(&stops.finish())?;
    if let Some(path) = &args.save_state {
        state_file::save(generation.session()?, path)?;
    }
    if args.json {
        return print_json(model, prompt, &ids, Some(text), &generation);
    }
    output::print("\n")?;
    report(args.quiet(), &generation);
    match generation.stop {
        Stop::Interrupted => Err(Failure::Interrupted),
        _ => Ok(()),
    }
}

impl RunArgs {
    pub(super) fn quiet(&self) -> bool {
        self.load.machine.quiet
    }

    /// What is to be continued.
    fn given(&self, quiet: bool) -> Result<Given, Failure> {
        if self.load_state.is_some() {
            check_model(self.model.as_deref())?;
            let given = self.prompt.read(quiet)?;
            return Ok(given.unwrap_or(Given::Nothing));
        }
        let Some(model) = self.model.as_deref() else {
            let given = self.prompt.read(quiet)?;
            return Ok(given.unwrap_or_else(|| Given::Text(SAMPLE_PROMPT.to_vec())));
        };
        self.prompt.read_for(Some(model), quiet)
    }
}

/// Where the prompt stands.
fn start(args: &RunArgs) -> Start {
    match args.load_state {
        Some(_) => Start::AfterAState,
        None => Start::OfAText,
    }
}

fn describe(quiet: bool, model: &Model) {
    let (info, backend) = (model.info(), model.backend());
    let compile = match backend.compiling {
        true => "machine code meanwhile".to_owned(),
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
        Stop::GivenText => ", stopped",
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
