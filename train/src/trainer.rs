//! One training, step by step.

use crate::corpus::Corpus;
use crate::gradient::{gradients, mean_nats};
use crate::optimizer::{Moments, learning_rate};
use crate::parameters::Parameters;
use crate::{Settings, TrainError, memory};
use atome::Progress;
use atome::checkpoint::Checkpoint;
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;
use std::sync::Arc;

/// A model in training: its parameters, the optimizer's moments, and the text.
///
/// Everything a step does depends on the settings, the text and the step's number alone: not
/// on time, threads or interruptions.
pub struct Trainer {
    pub(crate) settings: Settings,
    pub(crate) corpus: Corpus,
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
    /// Mean loss of the step's batch, before the update.
    pub bits_per_byte: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Bytes predicted.
    pub tokens: usize,
}

/// The training loss since the last point of the curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Sum over steps of bits a byte.
    pub sum: f64,
    /// Steps.
    pub steps: u64,
}

/// A point of the loss curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Bits a byte on the training text, the mean since the point before.
    pub training: f64,
    /// Bits a byte on the held-out text.
    pub held_out: f64,
}

impl Trainer {
    /// A fresh training.
    ///
    /// # Errors
    /// If a setting is outside its range, the text is too short or no text, or memory too small.
    pub fn new(settings: Settings, text: Arc<[u8]>) -> Result<Trainer, TrainError> {
        Trainer::new_with(settings, text, &mut |_, _| {})
    }

    /// Like [`Trainer::new`]; `progress` is told how many of the parameters, of how many, have
    /// their first values.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn new_with(
        settings: Settings,
        text: Arc<[u8]>,
        progress: Progress<'_>,
    ) -> Result<Trainer, TrainError> {
        settings.check()?;
        settings.check_memory(1)?;
        memory::keep_freed();
        let corpus = Corpus::new(text, &settings)?;
        let parameters = Parameters::new(&settings, progress);
        Ok(Trainer {
            moments: Moments::new(&parameters),
            parameters,
            corpus,
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

    /// Bytes trained on, and bytes held out.
    pub fn text_bytes(&self) -> (usize, usize) {
        (self.corpus.training_bytes(), self.corpus.held_out().len())
    }

    /// The held-out part of the text.
    pub fn held_out_text(&self) -> &[u8] {
        self.corpus.held_out()
    }

    /// One batch, one update.
    ///
    /// # Errors
    /// If the loss is not finite any more; the parameters are then as before.
    pub fn step(&mut self) -> Result<StepReport, TrainError> {
        let (settings, step) = (&self.settings, self.step);
        let places = self.corpus.batch(settings.seed, step, settings.batch);
        let (parameters, corpus) = (&self.parameters, &self.corpus);
        let gradients = gradients(settings, parameters, corpus, &places, self.threads);
        if !gradients.nats.is_finite() || !gradients.norm.is_finite() {
            let loss = gradients.nats;
            return Err(TrainError::Diverged { step, loss });
        }
        let parameters = &mut self.parameters;
        self.moments
            .update(settings, step, parameters, &gradients, self.threads);
        self.step += 1;
        let bits_per_byte = gradients.nats / LN_2;
        self.running.sum += bits_per_byte;
        self.running.steps += 1;
        Ok(StepReport {
            step: self.step,
            bits_per_byte,
            gradient_norm: gradients.norm,
            learning_rate: learning_rate(&self.settings, step),
            tokens: self.settings.batch * self.settings.sequence,
        })
    }

    /// Bits a byte on at most `limit` sequences of the held-out text, each from a fresh state.
    pub fn held_out_bits(&self, limit: usize) -> f64 {
        let places = self.corpus.held_out_sequences(limit);
        let (settings, corpus) = (&self.settings, &self.corpus);
        let nats = mean_nats(settings, &self.parameters, corpus, &places, self.threads);
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

    /// Logits after each byte of `text`, as the trainer computes them: `[text.len(), 256]`.
    ///
    /// # Errors
    /// If `text` is empty.
    pub fn logits(&self, text: &[u8]) -> Result<Vec<f32>, TrainError> {
        let settings = Settings {
            sequence: text.len(),
            ..self.settings.clone()
        };
        if text.is_empty() {
            return Err(TrainError::setting("text", 0, 1, usize::MAX));
        }
        let batch = crate::corpus::Batch {
            inputs: text.into(),
            targets: text.into(),
        };
        let leaves = crate::forward::leaves(&self.parameters);
        Ok(crate::forward::logits(&settings, &leaves, &batch))
    }

    /// The model as it is now.
    pub fn model(&self) -> Checkpoint {
        self.parameters.model(&self.settings)
    }
}
