//! The whole training: steps, evaluation, samples, saving, stopping.

use crate::paths::WRITTEN_BY;
use crate::trainer::{Point, StepReport};
use crate::{Paths, TrainError, Trainer};
use crate::{curve, figures};
use atome::atomic_file;
use atome::checkpoint::write_container;
use atome::classify::{Classifier, Report};
use atome::format::ContainerOptions;
use atome::sampler::{Sampler, Sampling};
use atome::{BackendKind, Model, Options, Packing};
use serde::{Deserialize, Serialize};

/// Held-out sequences of an evaluation on the way; the last one takes all.
const SEQUENCES: usize = 256;

/// When things happen that are not steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// Steps between evaluations on the held-out text; each saves a checkpoint.
    pub evaluate: u64,
    /// Steps between samples; 0 for none.
    pub sample: u64,
    /// What a sample continues.
    pub prompt: Vec<u8>,
    /// Bytes of a sample.
    pub sample_bytes: usize,
    /// Share of the texts that are chosen by to have a sure answer, where classes are learned.
    pub coverage: f64,
    /// Free text that goes into the model's file: what it was trained on and how.
    #[serde(skip)]
    pub provenance: Option<String>,
}

/// Who watches a training.
pub trait Observer {
    /// After each step.
    fn step(&mut self, report: &StepReport);
    /// After each evaluation; `best` if the model was written.
    fn evaluated(&mut self, point: &Point, best: bool);
    /// A sample of what the model writes now.
    fn sample(&mut self, step: u64, text: &[u8]);
    /// Whether to stop after the current step.
    fn stop(&self) -> bool;
}

/// How a training ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// The best evaluation, whose model was written.
    pub best: Point,
    /// Whether it was stopped before its last step.
    pub stopped: bool,
}

/// Trains to the last step, or until the observer says stop. At the end the checkpoint holds
/// the last step, and the model's file the best evaluated one.
///
/// # Errors
/// If a file cannot be written or the training diverges; what was written before stays whole.
pub fn run(
    trainer: &mut Trainer,
    paths: &Paths,
    cadence: &Cadence,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let last = trainer.settings().steps;
    while trainer.steps_done() < last && !observer.stop() {
        let report = trainer.step()?;
        observer.step(&report);
        let at = |every: u64| every > 0 && report.step % every == 0;
        if at(cadence.evaluate) && report.step < last {
            evaluate(trainer, paths, cadence, observer, SEQUENCES)?;
        }
        if at(cadence.sample) {
            let text = sample(&trainer.model(), &cadence.prompt, cadence.sample_bytes)?;
            observer.sample(report.step, &text);
        }
    }
    let stopped = trainer.steps_done() < last;
    let evaluated = trainer.history.last().map(|p| p.step) == Some(trainer.steps_done());
    if stopped && trainer.best().is_some() {
        trainer.save(&paths.checkpoint, cadence)?;
    } else if !evaluated {
        let all = if stopped { SEQUENCES } else { usize::MAX };
        evaluate(trainer, paths, cadence, observer, all)?;
    }
    let best = trainer.best().ok_or(TrainError::NotEvaluated)?;
    Ok(Outcome {
        steps: trainer.steps_done(),
        best,
        stopped,
    })
}

fn evaluate(
    trainer: &mut Trainer,
    paths: &Paths,
    cadence: &Cadence,
    observer: &mut dyn Observer,
    sequences: usize,
) -> Result<(), TrainError> {
    let before = trainer.best();
    let point = trainer.evaluate(sequences);
    let best = before.is_none_or(|before| point.held_out <= before.held_out);
    if best {
        write_model(trainer, paths, cadence)?;
    }
    let picture = curve::svg(&trainer.history, trainer.unit())
        .map_err(|e| TrainError::Curve(e.to_string()))?;
    atomic_file::write(&paths.curve, picture.as_bytes())?;
    trainer.save(&paths.checkpoint, cadence)?;
    observer.evaluated(&point, best);
    Ok(())
}

/// Asks the model that was kept about the labelled texts that nothing was chosen by, and draws what it says.
///
/// # Errors
/// If the model cannot be read or asked, or the picture not be written.
pub fn report(trainer: &Trainer, paths: &Paths) -> Result<Option<Report>, TrainError> {
    let texts = trainer.report_texts();
    let Some(path) = paths.report.as_ref().filter(|_| !texts.is_empty()) else {
        return Ok(None);
    };
    let options = Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        ..Options::default()
    };
    let model = Model::load(&paths.model, None, &options).map_err(TrainError::Sample)?;
    let mut classifier = Classifier::new(&model).map_err(TrainError::Classify)?;
    let report = Report::of(&mut classifier, texts)?;
    atomic_file::write(path, figures::svg(&report).as_bytes())?;
    Ok(Some(report))
}

fn write_model(trainer: &Trainer, paths: &Paths, cadence: &Cadence) -> Result<(), TrainError> {
    let mut options = ContainerOptions::packing(Packing::Base3);
    options.provenance = cadence.provenance.clone();
    options.written_by = Some(WRITTEN_BY.to_owned());
    let bytes = write_container(&trainer.finished(cadence.coverage)?, &options)?;
    Ok(atomic_file::write(&paths.model, &bytes)?)
}

/// What a model writes after `prompt`, by the runtime and its sampler.
///
/// # Errors
/// If the model cannot be loaded or the prompt is empty.
pub fn sample(
    model: &atome::checkpoint::Checkpoint,
    prompt: &[u8],
    bytes: usize,
) -> Result<Vec<u8>, TrainError> {
    let options = Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        ..Options::default()
    };
    let model = Model::from_checkpoint(model, &options).map_err(TrainError::Sample)?;
    let mut session = model.session()?;
    let mut sampler = Sampler::new(Sampling::GREEDY, model.vocab())?;
    let prompt: Vec<u32> = prompt.iter().map(|&b| u32::from(b)).collect();
    session.prefill(&prompt)?;
    let mut text = Vec::with_capacity(bytes);
    for _ in 0..bytes {
        let id = sampler.sample(session.logits());
        text.push(id.to_le_bytes()[0]);
        session.step(id)?;
    }
    Ok(text)
}
