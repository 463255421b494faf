use crate::args::{LoadArgs, whole};
use crate::failure::Failure;
use crate::units::{count, duration, grouped, significant};
use crate::{input, labels, output, progress, tokens};
use atome::classify::{Classifier, Dataset, Encoding, Report};
use atome::eval::{Windows, evaluate};
use atome::tokenizer::TokenizerKind;
use atome::{Model, Options};
use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

/// Measure how well a model predicts a text, or a classifier the classes of labelled texts
///
/// The text is cut into overlapping windows, each run from a fresh state. The first one scores
/// all its tokens but the first; each other one its last STRIDE, so every token but the first is
/// scored once, after at least WINDOW - STRIDE others. Text becomes tokens as in `atome run`; bits a
/// byte are over the bytes of the scored tokens, perplexity is a token's. The answer does not
/// depend on the number of threads. Of token ids, perplexity alone is told. Of labelled texts it is
/// accuracy, F1, calibration, how many answers are sure, and which classes are taken for others.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Model: a packed safetensors container, ATOME01, ATOME02, BIT2, GGUF, or a directory of float weights
    /// [default: the model inside this command]
    model: Option<PathBuf>,

    /// The text; `-` reads it from standard input
    #[arg(long, value_name = "FILE", required_unless_present_any = ["tokens", "labels"])]
    text: Option<PathBuf>,

    /// Labelled texts, of a classifier: lines of {"label": "..", "text": ".."}, or of a label, a tab and a text; `-` reads
    /// them from standard input. Those labelled `?` are of none of its classes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "tokens", "window", "stride"])]
    labels: Option<PathBuf>,

    /// The texts of --labels are bytes, in two hexadecimal digits each
    #[arg(long, requires = "labels", conflicts_with_all = ["text", "tokens"])]
    hex: bool,

    /// Token ids in place of a text, such as 1,2,3, or @FILE with such a list
    #[arg(long, value_name = "LIST", conflicts_with = "text")]
    tokens: Option<String>,

    /// Tokens of a window [default: the model's max_seq; 2048
    /// without attention]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    window: Option<usize>,

    /// Tokens from one window to the next [default: half a window]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    stride: Option<usize>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Serialize)]
struct Answer {
    /// What there is to say of a text.
    #[serde(flatten)]
    text: Option<OfText>,
    perplexity: f64,
    tokens: usize,
    scored_tokens: usize,
    window: usize,
    stride: usize,
    windows: usize,
    threads: usize,
    seconds: f64,
    /// Scored tokens.
    tokens_per_second: f64,
}

#[derive(Serialize)]
struct OfText {
    bits_per_byte: f64,
    /// Bytes of the text.
    bytes: usize,
    /// Bytes of the scored tokens.
    scored_bytes: usize,
    #[serde(skip)]
    is_bytes: bool,
}

/// What is evaluated.
enum Input {
    Text(Vec<u8>),
    Tokens(Vec<u32>),
}

impl Input {
    fn read(args: &EvalArgs) -> Result<Input, Failure> {
        match (&args.text, &args.tokens) {
            (Some(text), _) => Ok(Input::Text(read_text(text)?)),
            (None, list) => Ok(Input::Tokens(tokens::read(
                list.as_deref().unwrap_or_default(),
            )?)),
        }
    }
}

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    if let Some(path) = &args.labels {
        return classified(args, path);
    }
    let input = Input::read(args)?;
    let machine = &args.load.machine;
    let threads = machine.threads.unwrap_or_else(processors);
    // Each window runs on one thread, with a session of its own.
    let options = Options {
        threads: Some(1),
        sessions: threads,
        ..machine.options()
    };
    let model = args.load.load_with(args.model.as_deref(), &options)?;
    super::continues(&model)?;
    let (tokens, text) = match input {
        Input::Tokens(tokens) => (tokens, None),
        Input::Text(text) => {
            let tokenizer = model.tokenizer()?;
            let tokens = [tokenizer.before(), &tokenizer.encode(&text)].concat();
            (tokens, Some((text, tokenizer)))
        }
    };
    let windows = windows(args, &model)?;

    let start = Instant::now();
    let result = {
        let quiet = machine.quiet || args.json;
        let bar = progress::bar(quiet, tokens.len() as u64, "evaluating", "tokens");
        evaluate(&model, &tokens, windows, threads, &|n| bar.advance(n))?
    };
    let seconds = start.elapsed().as_secs_f64();
    let of_text = text.map(|(text, tokenizer)| {
        let scored = tokens.iter().skip(1);
        let scored_bytes: usize = scored.map(|&id| tokenizer.bytes(id).len()).sum();
        // A blank that the tokenizer adds is not the text's.
        let scored_bytes = scored_bytes.min(text.len());
        OfText {
            bits_per_byte: result.bits() / scored_bytes as f64,
            bytes: text.len(),
            scored_bytes,
            is_bytes: model.info().tokenizer == TokenizerKind::Bytes,
        }
    });
    let answer = Answer {
        text: of_text,
        perplexity: result.perplexity(),
        tokens: tokens.len(),
        scored_tokens: result.scored,
        window: windows.window(),
        stride: windows.stride(),
        windows: result.windows,
        threads: threads.min(result.windows),
        seconds,
        tokens_per_second: result.scored as f64 / seconds,
    };
    if args.json {
        return output::print_json(&answer);
    }
    output::note(machine.quiet, speed(&answer));
    output::print(&line(&answer))
}

/// How good a classifier is on labelled texts.
fn classified(args: &EvalArgs, path: &Path) -> Result<(), Failure> {
    let encoding = match args.hex {
        true => Encoding::Hex,
        false => Encoding::Text,
    };
    let wrong = |fault| labels::fault(path, fault);
    let dataset = Dataset::parse(&read_text(path)?, encoding).map_err(wrong)?;
    let quiet = args.load.machine.quiet;
    labels::warn(quiet || args.json, &dataset.warnings);
    let model = args.load.load(args.model.as_deref())?;
    if model.classes().is_none() {
        return Err(Failure::IsLanguageModel);
    }
    let mut classifier = Classifier::new(&model)?;
    let classes = dataset.classes_of(classifier.labels()).map_err(wrong)?;
    let bar = progress::bar(
        quiet || args.json,
        dataset.examples.len() as u64,
        "evaluating",
        "texts",
    );
    let texts = dataset.examples.iter().map(|example| {
        bar.advance(1);
        (classes[example.class], &example.text[..])
    });
    let report = Report::of(&mut classifier, texts)?;
    drop(bar);
    match args.json {
        true => output::print_json(&report),
        false => output::print(&labels::table(&report)),
    }
}

/// The answer for people.
fn line(answer: &Answer) -> String {
    let tokens = count(answer.tokens, "token", "tokens");
    let perplexity = format!("perplexity {:.3}", answer.perplexity);
    let what = match &answer.text {
        None => format!("{perplexity}, {tokens}"),
        Some(text) => {
            let bits = format!("{:.4} bits a byte", text.bits_per_byte);
            let bytes = format!("{} bytes", grouped(text.bytes));
            let tokens = match text.is_bytes {
                true => String::new(),
                false => format!(" in {} tokens", grouped(answer.tokens)),
            };
            format!("{bits}, {perplexity}, {bytes}{tokens}")
        }
    };
    let Answer { window, stride, .. } = answer;
    format!("{what} (windows of {window} tokens, stride {stride})\n")
}

fn speed(answer: &Answer) -> String {
    format!(
        "{} scored in {} ({} tok/s, {}, {})",
        count(answer.scored_tokens, "token", "tokens"),
        duration(std::time::Duration::from_secs_f64(answer.seconds)),
        significant(answer.tokens_per_second),
        count(answer.windows, "window", "windows"),
        count(answer.threads, "thread", "threads"),
    )
}

fn read_text(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        input::read_all(io::stdin().lock())
    } else {
        File::open(path).and_then(input::read_all)
    };
    read.map_err(|cause| Failure::TextFile {
        path: path.to_owned(),
        cause,
    })
}

/// How far a model without attention is taken to look back.
const RECURRENT_REACH: usize = 2048;

/// The windows asked for; where nothing is, those that suit the model.
fn windows(args: &EvalArgs, model: &Model) -> Result<Windows, Failure> {
    let suits = Windows::for_reach(model.info().config.max_seq().unwrap_or(RECURRENT_REACH));
    let window = args.window.unwrap_or(suits.window());
    let stride = args.stride.unwrap_or((window / 2).max(1));
    if let Some(reach) = model
        .info()
        .config
        .max_seq()
        .filter(|&reach| reach < window)
    {
        let note = format_args!(
            "windows of {window} tokens are longer than the model's attention reaches, {reach} positions"
        );
        output::note(args.load.machine.quiet, note);
    }
    Ok(Windows::new(window, stride)?)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
