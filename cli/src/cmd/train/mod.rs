mod args;
mod progress;

pub(crate) use args::TrainArgs;

use crate::failure::Failure;
use crate::units::{bytes, count};
use crate::{input, labels, output};
use atome::classify::{Dataset, Report};
use atome_train::settings::VOCAB;
use atome_train::{Checkpoint, Paths, Settings, Source, TrainError, Trainer, session};
use progress::Progress;
use serde::Serialize;
use std::fs;
use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let prompt = args.watching.prompt.as_deref();
    if prompt == Some("") && args.watching.sample_every != Some(0) {
        return Err(Failure::EmptyPrompt);
    }
    if !args.resume {
        args.settings(&args.defaults()).check()?;
    }
    let paths = args.paths();
    let claims = Arc::new(paths.claim(&[input::place(args.source())])?);
    let checkpoint = checkpoint(args, &paths)?;
    let (source, bytes) = source(args)?;
    let settings = match &checkpoint {
        Some(checkpoint) => args.settings(checkpoint.settings()),
        None => args.settings(&args.defaults()),
    };
    let cadence = args.cadence(
        &settings,
        checkpoint.as_ref().map(Checkpoint::cadence),
        bytes,
    );
    let mut trainer = trainer(args, settings, source, checkpoint)?;
    let mut progress = Progress::new(args.quiet, &trainer, &claims)?;
    let (start, before) = (Instant::now(), trainer.steps_done());
    let outcome = session::run(&mut trainer, &paths, &cadence, &mut progress);
    progress.finish();
    let outcome = outcome?;
    let Settings {
        batch,
        sequence,
        steps: of,
        ..
    } = *trainer.settings();
    let sequence = if args.encoding().is_some() {
        1
    } else {
        sequence
    };
    let tokens = (outcome.steps - before) * batch as u64 * sequence as u64;
    let speed = tokens as f64 / start.elapsed().as_secs_f64();
    match args.encoding() {
        Some(_) => classified(args, &trainer, &paths, &outcome, speed)?,
        None => report(args, &paths, &outcome, speed)?,
    }
    match outcome.stopped {
        true => Err(Failure::Stopped {
            steps: outcome.steps,
            of,
        }),
        false => Ok(()),
    }
}

/// What is learned from, and the length of its file; what is odd about labelled texts is told.
fn source(args: &TrainArgs) -> Result<(Source, usize), Failure> {
    let file = read_text(args.source())?;
    let bytes = file.len();
    let Some(encoding) = args.encoding() else {
        return Ok((Source::Text(file.into()), bytes));
    };
    let dataset = Dataset::parse(&file, encoding);
    let dataset = dataset.map_err(|fault| labels::fault(args.source(), fault))?;
    dataset
        .check_classes()
        .map_err(|fault| labels::fault(args.source(), fault))?;
    labels::warn(args.quiet, &dataset.warnings);
    Ok((dataset.into(), bytes))
}

/// Says how good the classifier that was kept is on texts that nothing was chosen by.
fn classified(
    args: &TrainArgs,
    trainer: &Trainer,
    paths: &Paths,
    outcome: &atome_train::Outcome,
    texts_s: f64,
) -> Result<(), Failure> {
    let Some(report) = session::report(trainer, paths)? else {
        return Ok(());
    };
    let best = &outcome.best;
    if args.json {
        return output::print_json(&Classified {
            model: &paths.model,
            steps: outcome.steps,
            stopped: outcome.stopped,
            best_step: best.step,
            held_out_bits: best.held_out,
            training_bits: best.training,
            texts_s,
            report: &report,
        });
    }
    output::print(&format!(
        "{}{}: {:.4} bits a text on what was chosen by (step {}), {texts_s:.0} texts/s\n",
        labels::table(&report),
        paths.model.display(),
        best.held_out,
        best.step,
    ))
}

#[derive(Serialize)]
struct Classified<'a> {
    model: &'a Path,
    steps: u64,
    stopped: bool,
    best_step: u64,
    held_out_bits: f64,
    training_bits: f64,
    texts_s: f64,
    report: &'a Report,
}

/// The checkpoint to go on from, once it is clear that nothing will be lost.
fn checkpoint(args: &TrainArgs, paths: &Paths) -> Result<Option<Checkpoint>, Failure> {
    let checkpoint = match args.resume {
        true => Some(Checkpoint::read(&paths.checkpoint)?),
        false => None,
    };
    if !args.force {
        paths.spare_strangers()?;
    }
    if checkpoint.is_none() && !args.restart && paths.has_checkpoint() {
        let path = paths.checkpoint.clone();
        return Err(Failure::CheckpointExists { path });
    }
    Ok(checkpoint)
}

/// Says what will be trained, and prepares it.
fn trainer(
    args: &TrainArgs,
    settings: Settings,
    source: Source,
    checkpoint: Option<Checkpoint>,
) -> Result<Trainer, Failure> {
    settings.check()?;
    let (head, amount) = match &source {
        Source::Text(text) => (VOCAB, text_note(&settings, text.len())?),
        Source::Labels(dataset) => {
            let (texts, classes) = (dataset.examples.len(), dataset.names.len());
            let classes_note = count(classes, "class", "classes");
            (
                classes,
                format!("{} of {classes_note}", count(texts, "text", "texts")),
            )
        }
    };
    let all = || thread::available_parallelism().map_or(1, NonZero::get);
    let threads = args.threads.unwrap_or_else(all);
    settings.check_memory(head, threads)?;
    let note = format!(
        "{} parameters, {amount}, {}",
        settings.parameters(head),
        count(threads, "thread", "threads"),
    );
    let mut bar = None;
    // Said when it begins: nothing is wrong with the text or the checkpoint then.
    let progress: atome::Progress<'_> = &mut |done, of| {
        let new = || {
            output::note(args.quiet, &note);
            crate::progress::bar(args.quiet, of as u64, "prepare", "parameters")
        };
        bar.get_or_insert_with(new).set(done);
    };
    let mut trainer = match checkpoint {
        Some(checkpoint) => Trainer::resume(settings, source, checkpoint, progress)?,
        None => Trainer::new_with(settings, source, progress)?,
    };
    trainer.set_threads(threads);
    if args.encoding().is_some() {
        let (training, held_out) = trainer.amounts();
        output::note(
            args.quiet,
            format_args!("{training} texts to train on, {held_out} held out"),
        );
        if trainer.unseen_classes() > 0 {
            let classes = count(trainer.unseen_classes(), "class has", "classes have");
            let note = format_args!("{classes} no text to train on, all are held out");
            output::note(args.quiet, note);
        }
    }
    Ok(trainer)
}

/// How a text is split.
fn text_note(settings: &Settings, text_bytes: usize) -> Result<String, Failure> {
    let (training, held_out) = settings.split(text_bytes)?;
    let asked = (settings.held_out * (training + held_out) as f64).ceil() as usize;
    let least = match held_out > asked {
        true => " (not fewer: one sequence and the byte after it)",
        false => "",
    };
    Ok(format!(
        "{} of text to train on, {} held out{least}",
        bytes(training),
        bytes(held_out),
    ))
}

/// The whole of a regular file, or of standard input; another pipe might never end.
fn read_text(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        if input::is_standard(path) {
            return input::read_all(io::stdin().lock());
        }
        if fs::metadata(path)?.is_file() {
            return fs::read(path);
        }
        let message = "expected a regular file, found a directory, a pipe or a device";
        Err(io::Error::new(ErrorKind::InvalidInput, message))
    };
    read().map_err(|cause| Failure::TextFile {
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
