mod progress;

use crate::args::{real, threads, whole};
use crate::failure::Failure;
use crate::output;
use crate::units::{bytes, count};
use atome_train::{Cadence, Paths, Settings, TrainError, Trainer, session};
use clap::Args;
use progress::Progress;
use serde::Serialize;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Train a ternary model of the Atome family on a text
///
/// Tokens are bytes. The end of the text is held out and never trained on; the model with the
/// lowest loss on it is kept, packed and ready for `atome run`. Beside it go a checkpoint, to go
/// on with after an interruption, and the loss curve as SVG. Ctrl-C stops after the step at hand
/// and saves. The same text, settings and seed give the same model, whatever the interruptions
/// and the number of threads.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The text
    #[arg(long, value_name = "FILE")]
    text: PathBuf,

    /// Where the model goes; beside it go NAME.checkpoint and NAME.svg
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,

    /// Go on from the checkpoint
    #[arg(long, conflicts_with = "restart")]
    resume: bool,

    /// Begin anew although there is a checkpoint
    #[arg(long)]
    restart: bool,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    course: CourseArgs,

    /// Steps between evaluations on the held-out text, each followed by a checkpoint
    /// [default: a twentieth of all, but 500 at most]
    #[arg(long, value_name = "N", value_parser = whole::<u64>, help_heading = "Course")]
    evaluate_every: Option<u64>,

    /// Steps between samples of what the model writes; 0 for none [default: at every fourth
    /// evaluation]
    #[arg(long, value_name = "N", value_parser = whole::<u64>, help_heading = "Course")]
    sample_every: Option<u64>,

    /// What samples continue
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "And ",
        help_heading = "Course"
    )]
    prompt: String,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    quiet: bool,
}

/// Dimensions of the model.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shape")]
struct ShapeArgs {
    /// Width of the residual stream
    #[arg(long, value_name = "N", default_value_t = Settings::default().d_model)]
    #[arg(value_parser = whole::<usize>)]
    d_model: usize,

    /// Blocks
    #[arg(long, value_name = "N", default_value_t = Settings::default().n_layers)]
    #[arg(value_parser = whole::<usize>)]
    n_layers: usize,

    /// Width of a query and of a key
    #[arg(long, value_name = "N", default_value_t = Settings::default().d_head)]
    #[arg(value_parser = whole::<usize>)]
    d_head: usize,

    /// Positions that attention keeps
    #[arg(long, value_name = "N", default_value_t = Settings::default().top_k)]
    #[arg(value_parser = whole::<usize>)]
    top_k: usize,

    /// Taps of the convolution
    #[arg(long, value_name = "N", default_value_t = Settings::default().kernel_size)]
    #[arg(value_parser = whole::<usize>)]
    kernel_size: usize,

    /// Bytes of a training sequence, and positions of the model's attention cache
    #[arg(long, value_name = "N", default_value_t = Settings::default().sequence)]
    #[arg(value_parser = whole::<usize>)]
    sequence: usize,
}

/// The course of the training.
#[derive(Debug, Args)]
#[command(next_help_heading = "Course")]
struct CourseArgs {
    /// Steps of the whole training
    #[arg(long, value_name = "N", default_value_t = Settings::default().steps)]
    #[arg(value_parser = whole::<u64>)]
    steps: u64,

    /// Sequences of a step
    #[arg(long, value_name = "N", default_value_t = Settings::default().batch)]
    #[arg(value_parser = whole::<usize>)]
    batch: usize,

    /// Learning rate of AdamW, which moves everything else, at its highest
    #[arg(long, value_name = "X", default_value_t = Settings::default().learning_rate)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    learning_rate: f64,

    /// Learning rate of Muon, which moves the projections, at its highest
    #[arg(long, value_name = "X", default_value_t = Settings::default().matrix_rate)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    matrix_rate: f64,

    /// What Muon's running mean keeps of itself in a step
    #[arg(long, value_name = "X", default_value_t = Settings::default().momentum)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    momentum: f64,

    /// Learning rates at the end, as a part of the highest
    #[arg(long, value_name = "X", default_value_t = Settings::default().final_rate)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    final_rate: f64,

    /// Steps over which the learning rate rises from 0
    #[arg(long, value_name = "N", default_value_t = Settings::default().warmup)]
    #[arg(value_parser = whole::<u64>)]
    warmup: u64,

    /// Weight decay of the latent ternary weights
    #[arg(long, value_name = "X", default_value_t = Settings::default().weight_decay)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    weight_decay: f64,

    /// Greatest norm of the gradient
    #[arg(long, value_name = "X", default_value_t = Settings::default().clip)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    clip: f64,

    /// Part of the text, at its end, that is held out
    #[arg(long, value_name = "X", default_value_t = Settings::default().held_out)]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    held_out: f64,

    /// Seed of the initial weights and the batches
    #[arg(long, value_name = "S", default_value_t = Settings::default().seed)]
    #[arg(value_parser = whole::<u64>)]
    seed: u64,
}

impl TrainArgs {
    fn settings(&self) -> Settings {
        let (shape, course) = (&self.shape, &self.course);
        Settings {
            d_model: shape.d_model,
            n_layers: shape.n_layers,
            d_head: shape.d_head,
            top_k: shape.top_k,
            kernel_size: shape.kernel_size,
            sequence: shape.sequence,
            steps: course.steps,
            batch: course.batch,
            learning_rate: course.learning_rate,
            matrix_rate: course.matrix_rate,
            momentum: course.momentum,
            final_rate: course.final_rate,
            warmup: course.warmup,
            weight_decay: course.weight_decay,
            clip: course.clip,
            held_out: course.held_out,
            seed: course.seed,
        }
    }

    fn cadence(&self, text: &[u8]) -> Cadence {
        let evaluate = (self.course.steps / 20).clamp(1, 500);
        let evaluate = self.evaluate_every.unwrap_or(evaluate).max(1);
        let name = self.text.file_name().unwrap_or_default().to_string_lossy();
        Cadence {
            evaluate,
            sample: self.sample_every.unwrap_or(4 * evaluate),
            prompt: self.prompt.clone().into_bytes(),
            sample_bytes: 200,
            provenance: Some(format!(
                "trained by `atome train` on {name} ({} bytes), {} steps of {} x {} bytes, seed {}",
                text.len(),
                self.course.steps,
                self.course.batch,
                self.shape.sequence,
                self.course.seed,
            )),
        }
    }

    fn trainer(&self, text: Arc<[u8]>, checkpoint: &Path) -> Result<Trainer, Failure> {
        let settings = self.settings();
        let mut trainer = if self.resume {
            Trainer::resume(settings, text, checkpoint)?
        } else if checkpoint.exists() && !self.restart {
            let path = checkpoint.to_owned();
            return Err(Failure::CheckpointExists { path });
        } else {
            Trainer::new(settings, text)?
        };
        if let Some(threads) = self.threads {
            trainer.set_threads(threads);
        }
        Ok(trainer)
    }
}

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    args.settings().check()?;
    if args.prompt.is_empty() && args.sample_every != Some(0) {
        return Err(Failure::EmptyPrompt);
    }
    let text: Arc<[u8]> = read_text(&args.text)?.into();
    let paths = Paths::beside(&args.out);
    paths.check()?;
    let mut trainer = args.trainer(Arc::clone(&text), &paths.checkpoint)?;
    let cadence = args.cadence(&text);
    let quiet = args.quiet;
    let (training, held_out) = trainer.text_bytes();
    output::note(
        quiet,
        format!(
            "{} parameters, {} of text to train on, {} held out, {}",
            trainer.parameters(),
            bytes(training),
            bytes(held_out),
            count(trainer.threads(), "thread", "threads"),
        ),
    );
    let mut progress = Progress::new(quiet, trainer.steps_done(), &trainer)?;
    let (start, before) = (Instant::now(), trainer.steps_done());
    let outcome = session::run(&mut trainer, &paths, &cadence, &mut progress);
    progress.finish();
    let outcome = outcome?;
    let tokens = (outcome.steps - before) * args.course.batch as u64 * args.shape.sequence as u64;
    report(
        args,
        &paths,
        &outcome,
        tokens as f64 / start.elapsed().as_secs_f64(),
    )
}

/// The whole of a regular file: a pipe might never end.
fn read_text(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = |path| {
        if fs::metadata(path)?.is_file() {
            return fs::read(path);
        }
        let message = "expected a regular file, found a directory, a pipe or a device";
        Err(io::Error::new(ErrorKind::InvalidInput, message))
    };
    read(path).map_err(|cause| Failure::TextFile {
        path: path.to_owned(),
        cause,
    })
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a Path,
    steps: u64,
    stopped: bool,
    best_step: u64,
    held_out_bits_per_byte: f64,
    training_bits_per_byte: f64,
    tok_s: f64,
}

fn report(
    args: &TrainArgs,
    paths: &Paths,
    outcome: &atome_train::Outcome,
    tok_s: f64,
) -> Result<(), Failure> {
    let best = &outcome.best;
    if args.json {
        return output::print_json(&Answer {
            model: &paths.model,
            steps: outcome.steps,
            stopped: outcome.stopped,
            best_step: best.step,
            held_out_bits_per_byte: best.held_out,
            training_bits_per_byte: best.training,
            tok_s,
        });
    }
    if outcome.stopped {
        let line = format!(
            "stopped after step {} of {}: go on with --resume",
            outcome.steps, args.course.steps
        );
        output::note(args.quiet, line);
    }
    output::print(&format!(
        "{}: {:.4} bits a byte on the held-out text (step {}), {:.4} on the training text, {tok_s:.0} tok/s\n",
        paths.model.display(),
        best.held_out,
        best.step,
        best.training,
    ))
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        Failure::Train(Box::new(error))
    }
}
