//! How many threads a model is worth.

use super::TriedThreads;
use crate::error::BenchError;
use crate::random::Random;
use atome::checkpoint::Checkpoint;
use atome::{Model, Options};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What another number of threads than the default has to gain: other work disturbs several more than one.
const GAIN_OF_THREADS: f64 = 1.15;
/// Steps of a sample of a whole model.
const STEPS: usize = 8;

/// One thread, two, four, and so on up to all cores.
pub(super) fn thread_counts() -> Vec<usize> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let powers = std::iter::successors(Some(1), |n| Some(2 * n));
    let mut counts: Vec<usize> = powers.take_while(|n| *n < all).collect();
    counts.push(all);
    counts
}

/// Times the model with each number of threads; `usual` is the one with the default.
pub(super) fn try_threads(
    source: &Checkpoint,
    usual: &Model,
    options: &Options,
    limit: Duration,
    progress: &mut dyn FnMut(&str, f64),
) -> Result<Vec<TriedThreads>, BenchError> {
    let mut counts = thread_counts();
    if counts.len() < 2 {
        return Ok(Vec::new());
    }
    let default = usual.info().threads;
    if !counts.contains(&default) {
        counts.push(default);
        counts.sort_unstable();
    }
    let mut tried = Vec::new();
    for (i, &threads) in counts.iter().enumerate() {
        progress(
            &format!("threads {threads}"),
            super::FOR_MODELS * i as f64 / counts.len() as f64,
        );
        let deadline = Instant::now() + limit / counts.len() as u32;
        let ns = match threads {
            threads if threads == default => step(usual, deadline)?,
            threads => {
                let options = Options {
                    threads: Some(threads),
                    ..options.clone()
                };
                let model = Model::from_checkpoint(source, &options)?;
                model.settle();
                step(&model, deadline)?
            }
        };
        let won = false;
        tried.push(TriedThreads { threads, ns, won });
    }
    let is_default = |tried: &TriedThreads| tried.threads == default;
    let mut best = tried.iter().position(is_default).unwrap_or(0);
    for (i, candidate) in tried.iter().enumerate() {
        if candidate.ns * GAIN_OF_THREADS < tried[best].ns {
            best = i;
        }
    }
    tried[best].won = true;
    Ok(tried)
}

/// Nanoseconds of a step, the middle one of what there is time for.
fn step(model: &Model, deadline: Instant) -> Result<f64, BenchError> {
    let mut session = model.session()?;
    let mut random = Random::new(1);
    let tokens: Vec<u32> = (0..STEPS)
        .map(|_| random.below(model.vocab()) as u32)
        .collect();
    let mut samples = Vec::new();
    while samples.len() < 3 || (samples.len() < 100 && Instant::now() < deadline) {
        session.reset();
        let start = Instant::now();
        match model.classes() {
            Some(_) => _ = black_box(session.classify(&tokens)?),
            None => {
                for token in &tokens {
                    session.step(*token)?;
                    black_box(session.logits());
                }
            }
        }
        samples.push(start.elapsed().as_secs_f64() * 1e9 / STEPS as f64);
    }
    Ok(median(samples))
}

fn median(mut samples: Vec<f64>) -> f64 {
    let middle = samples.len() / 2;
    *samples.select_nth_unstable_by(middle, f64::total_cmp).1
}
