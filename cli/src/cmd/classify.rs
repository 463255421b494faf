use super::prefill::prefill;
use crate::args::{LoadArgs, whole};
use crate::failure::Failure;
use crate::prompt::{Given, PromptArgs, Start};
use crate::{input, output};
use atome::Model;
use atome::classify::{Classifier, Labels, Verdict};
use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line of a file of texts.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Say which class a text is of, and how sure that is
///
/// For each text a line: the class and its probability, or `not sure` where it is likelier than the others by less than
/// the model's threshold, which was chosen on texts that it was not trained on. `--json` prints one object a line: class,
/// name, probability, margin, entropies, ids and logits. Of token ids, and of a model without names,
/// that is `{"tokens":[..],"logits":[..],"class":k}`: a logit for each class, in digits that read back
/// as the same f32, and the class of the greatest. Text becomes tokens as in `atome run`; of one longer than the model's
/// window the first part is looked at.
#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Classifier file: a packed safetensors container, GGUF or ATOMECL01
    model: PathBuf,

    /// `-` classifies each line of standard input
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with_all = ["file", "prompt", "prompt_file", "tokens"])]
    lines: Option<String>,

    /// Classify each line of this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "prompt_file", "tokens"])]
    file: Option<PathBuf>,

    #[command(flatten)]
    prompt: PromptArgs,

    /// Show the K likeliest classes
    #[arg(long, value_name = "K", default_value_t = 1)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    top: usize,

    /// Print JSON, an object a text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

/// The answer of a model without names.
#[derive(Serialize)]
struct Answer<'a> {
    tokens: &'a [u32],
    logits: &'a [f32],
    class: u32,
}

/// The answer of a model with names.
#[derive(Serialize)]
struct Named<'a> {
    /// The likeliest class with a name.
    class: usize,
    name: &'a str,
    sure: bool,
    probability: f64,
    margin: f64,
    entropy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    router_entropy: Option<f64>,
    top: Vec<Ranked<'a>>,
    tokens: &'a [u32],
    logits: &'a [f32],
}

#[derive(Serialize)]
struct Ranked<'a> {
    class: usize,
    name: &'a str,
    probability: f64,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<(), Failure> {
    let dash = || args.lines.as_ref().map(|_| Path::new("-"));
    if let Some(lines) = args.file.as_deref().or_else(dash) {
        crate::prompt::check_model(Some(&args.model))?;
        let model = load(args)?;
        return each_line(args, &model, lines);
    }
    let quiet = args.load.machine.quiet;
    let given = args.prompt.read_for(Some(&args.model), quiet)?;
    let model = load(args)?;
    match (given, model.labels()) {
        (Given::Text(text), Some(_)) => Asked::new(args, &model)?.say(&text),
        (given, _) => numbered(&model, given, quiet),
    }
}

fn load(args: &ClassifyArgs) -> Result<Model, Failure> {
    let model = args.load.load(Some(&args.model))?;
    match model.classes() {
        Some(_) => Ok(model),
        None => Err(Failure::IsLanguageModel),
    }
}

/// The class of all that was given, by its number.
fn numbered(model: &Model, given: Given, quiet: bool) -> Result<(), Failure> {
    let tokens = given.into_tokens(model, Start::OfAText)?;
    let mut session = model.session()?;
    prefill(&mut session, &tokens, quiet, || false)?;
    output::print_json(&Answer {
        tokens: &tokens,
        logits: session.logits(),
        class: session.argmax(),
    })
}

/// The class of each line; an empty one has none.
fn each_line(args: &ClassifyArgs, model: &Model, path: &Path) -> Result<(), Failure> {
    let failed = |cause| Failure::TextFile {
        path: path.to_owned(),
        cause,
    };
    let mut from: Box<dyn BufRead> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(path).map_err(failed)?)),
    };
    let mut asked = Asked::new(args, model)?;
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut from).take(MAX_LINE_BYTES + 1);
        limited.read_until(b'\n', &mut line).map_err(failed)?;
        if line.len() as u64 > MAX_LINE_BYTES {
            return Err(failed(input::too_long(MAX_LINE_BYTES)));
        }
        if line.is_empty() {
            return Ok(());
        }
        for end in [b'\n', b'\r'] {
            line.pop_if(|last| *last == end);
        }
        match line.is_empty() {
            // As many lines as there were.
            true if args.json => output::print("null\n")?,
            true => output::print("\n")?,
            false => asked.say(&line)?,
        }
    }
}

/// A model that is asked about texts, and how its answers are printed.
struct Asked<'a> {
    args: &'a ClassifyArgs,
    classifier: Classifier,
    named: bool,
}

impl<'a> Asked<'a> {
    fn new(args: &'a ClassifyArgs, model: &Model) -> Result<Asked<'a>, Failure> {
        Ok(Asked {
            args,
            classifier: Classifier::new(model)?,
            named: model.labels().is_some(),
        })
    }

    fn say(&mut self, text: &[u8]) -> Result<(), Failure> {
        let tokens = self.classifier.tokens(text);
        let verdict = self.classifier.classify_tokens(&tokens)?;
        let (labels, logits) = (self.classifier.labels(), self.classifier.logits());
        match (self.named, self.args.json) {
            (false, _) => output::print_json(&Answer {
                tokens: &tokens,
                logits,
                class: verdict.best as u32,
            }),
            (true, true) => {
                let ranked = |class: usize| Ranked {
                    class,
                    name: &labels.names[class],
                    probability: verdict.probabilities[class],
                };
                output::print_json(&Named {
                    class: verdict.best,
                    name: &labels.names[verdict.best],
                    sure: verdict.class.is_some(),
                    probability: verdict.probability,
                    margin: verdict.margin,
                    entropy: verdict.entropy,
                    router_entropy: verdict.router_entropy,
                    top: verdict.top(self.args.top).into_iter().map(ranked).collect(),
                    tokens: &tokens,
                    logits,
                })
            }
            (true, false) => output::print(&line(labels, &verdict, self.args.top)),
        }
    }
}

/// The answer for people.
fn line(labels: &Labels, verdict: &Verdict, top: usize) -> String {
    let said = |class: usize| {
        format!(
            "{} {:.3}",
            labels.names[class], verdict.probabilities[class]
        )
    };
    let ranked: Vec<String> = match top {
        0 | 1 => vec![said(verdict.best)],
        top => verdict.top(top).into_iter().map(said).collect(),
    };
    let ranked = ranked.join(", ");
    match verdict.class {
        Some(_) => format!("{ranked}\n"),
        None => format!("not sure ({ranked})\n"),
    }
}
