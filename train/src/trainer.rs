//! One training, step by step.

use crate::calibrate::calibrated;
use crate::data::{Data, Source};
use crate::forward::Goal;
use crate::gradient::{gradients, mean_nats};
use crate::optimizer::{Moments, learning_rate};
use crate::parameters::Parameters;
use crate::{Settings, TrainError, memory};
use atome::Progress;
use atome::checkpoint::Checkpoint;
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;
use std::sync::Arc;

/// A model in training: its parameters, the optimizer's moments, and what it learns from.
///
/// Everything a step does depends on the settings, the data and the step's number alone: not
/// on time, threads or interruptions.
pub struct Trainer {
    pub(crate) settings: Settings,
    pub(crate) data: Data,
    pub(crate) parameters: Parameters,
    pub(crate) moments: Moments,
    pub(crate) step: u64,
    pub(crate) running: Running,
    pub(crate) history: Vec<Point>,
    threads: usize,
}

/// What one step did.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// Steps done, this one included.
    pub step: u64,
    /// Mean loss of the step's batch, before the update: bits a byte, or a text whose class is learned.
    pub bits: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Bytes predicted, or texts.
    pub tokens: usize,
}

/// The training loss since the last point of the curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Sum over steps of bits.
    pub sum: f64,
    /// Steps.
    pub steps: u64,
}

/// A point of the loss curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Bits a byte, or a text whose class is learned, on what is trained on: the mean since the point before.
    pub training: f64,
    /// The same on what is held out.
    pub held_out: f64,
}

impl Trainer {
    /// A fresh training.
    ///
    /// # Errors
    /// If a setting is outside its range, the text is too short or no text, the labelled texts too few, or memory too small.
    pub fn new(settings: Settings, source: impl Into<Source>) -> Result<Trainer, TrainError> {
        Trainer::new_with(settings, source, &mut |_, _| {})
    }

    /// Like [`Trainer::new`]; `progress` is told how many of the parameters, of how many, have
    /// their first values.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn new_with(
        settings: Settings,
        source: impl Into<Source>,
        progress: Progress<'_>,
    ) -> Result<Trainer, TrainError> {
        settings.check()?;
        let data = Data::new(source.into(), &settings)?;
        settings.check_memory(data.head().rows(), 1)?;
        memory::keep_freed();
        let parameters = Parameters::new(&settings, data.head(), progress);
        Ok(Trainer {
            moments: Moments::new(&parameters),
            parameters,
            data,
            step: 0,
            running: Running::default(),
            history: Vec::new(),
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            settings,
        })
    }

    /// Sets the number of threads; the results do not depend on it.
    pub fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    /// Threads in use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What is trained, and how.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Trained numbers.
    pub fn parameters(&self) -> usize {
        self.parameters.count()
    }

    /// Bytes of text, or labelled texts, that are trained on, and those held out.
    pub fn amounts(&self) -> (usize, usize) {
        match &self.data {
            Data::Text(corpus) => (corpus.training_bytes(), corpus.held_out().len()),
            Data::Labels(examples) => {
                let [training, choosing, report] = examples.counts();
                (training, choosing + report)
            }
        }
    }

    /// The held-out part of a text; empty where classes are learned.
    pub fn held_out_text(&self) -> &[u8] {
        match &self.data {
            Data::Text(corpus) => corpus.held_out(),
            Data::Labels(_) => &[],
        }
    }

    /// The labelled texts that nothing is chosen by, and their classes; none where a text is learned.
    pub fn report_texts(&self) -> Vec<(Option<usize>, &[u8])> {
        match &self.data {
            Data::Text(_) => Vec::new(),
            Data::Labels(examples) => {
                let texts = examples.report();
                texts.map(|(class, text)| (Some(class), text)).collect()
            }
        }
    }

    /// What losses are bits of.
    pub fn unit(&self) -> &'static str {
        match self.data {
            Data::Text(_) => "byte",
            Data::Labels(_) => "text",
        }
    }

    /// Classes of which no text is trained on.
    pub fn unseen_classes(&self) -> usize {
        match &self.data {
            Data::Text(_) => 0,
            Data::Labels(examples) => examples.unseen(),
        }
    }

    /// One batch, one update.
    ///
    /// # Errors
    /// If the loss is not finite any more; the parameters are then as before.
    pub fn step(&mut self) -> Result<StepReport, TrainError> {
        let (settings, step) = (&self.settings, self.step);
        let portion = self.data.of_step(settings, step);
        let (parameters, data) = (&self.parameters, &self.data);
        let gradients = gradients(settings, parameters, data, &portion, self.threads);
        if !gradients.nats.is_finite() || !gradients.norm.is_finite() {
            let loss = gradients.nats;
            return Err(TrainError::Diverged { step, loss });
        }
        let parameters = &mut self.parameters;
        self.moments
            .update(settings, step, parameters, &gradients, self.threads);
        self.step += 1;
        let bits = gradients.nats / LN_2;
        self.running.sum += bits;
        self.running.steps += 1;
        Ok(StepReport {
            step: self.step,
            bits,
            gradient_norm: gradients.norm,
            learning_rate: learning_rate(&self.settings, step),
            tokens: match self.data {
                Data::Text(_) => self.settings.batch * self.settings.sequence,
                Data::Labels(_) => self.settings.batch,
            },
        })
    }

    /// Bits a byte on at most `limit` sequences of the held-out text, each from a fresh state; or bits a text on at most
    /// eight times as many of those that are chosen by.
    pub fn held_out_bits(&self, limit: usize) -> f64 {
        let portion = self.data.held_out(&self.settings, limit);
        let (settings, data) = (&self.settings, &self.data);
        let nats = mean_nats(settings, &self.parameters, data, &portion, self.threads);
        nats / LN_2
    }

    /// Evaluates on at most `limit` held-out sequences and adds a point to the loss curve.
    pub fn evaluate(&mut self, limit: usize) -> Point {
        let point = Point {
            step: self.step,
            training: self.running.sum / self.running.steps.max(1) as f64,
            held_out: self.held_out_bits(limit),
        };
        self.running = Running::default();
        self.history.push(point);
        point
    }

    /// The loss curve so far.
    pub fn history(&self) -> &[Point] {
        &self.history
    }

    /// The point of the curve with the lowest held-out loss, the last among equals.
    pub fn best(&self) -> Option<Point> {
        let points = self.history.iter().copied();
        points.reduce(|best, p| if p.held_out <= best.held_out { p } else { best })
    }

    /// Logits as the trainer computes them: of each byte that may follow each byte of `text`, `[text.len(), 256]`; or of
    /// each class of the whole text.
    ///
    /// # Errors
    /// If `text` is empty.
    pub fn logits(&self, text: &[u8]) -> Result<Vec<f32>, TrainError> {
        if text.is_empty() {
            return Err(TrainError::setting("text", 0, 1, usize::MAX));
        }
        let goal = match self.data {
            Data::Text(_) => Goal::Next(text.into()),
            Data::Labels(_) => Goal::Classes {
                last: [text.len() - 1].into(),
                classes: [0].into(),
                weights: [1.0].into(),
            },
        };
        let batch = crate::corpus::Batch {
            inputs: text.into(),
            sequence: text.len(),
            goal,
        };
        let leaves = crate::forward::leaves(&self.parameters);
        Ok(crate::forward::logits(&self.settings, &leaves, &batch))
    }

    /// The model as it is now; a classifier without the names of its classes.
    pub fn model(&self) -> Checkpoint {
        self.parameters.model(&self.settings)
    }

    /// The model as it is now, a classifier with the names of its classes, the temperature that makes the texts that are
    /// chosen by likeliest, and the threshold at which this share of them has a sure answer.
    ///
    /// # Errors
    /// If the model cannot be run, or its logits are not finite.
    pub fn finished(&self, coverage: f64) -> Result<Checkpoint, TrainError> {
        let mut model = self.model();
        if let Data::Labels(examples) = &self.data {
            let labels = calibrated(&model, examples, coverage)?;
            model.labels = Some(Arc::new(labels));
        }
        Ok(model)
    }
}
