//! Which kernels and how many threads suit a model on this CPU.
//!
//! | file | concept |
//! |---|---|
//! | `kernels` | the kernels that may compute a product, and the fastest of them |
//! | `threads` | how many threads a model is worth |
//! | `bed` | a product as the model has it in memory, and how long kernels take |

mod bed;
mod kernels;
mod threads;

use crate::error::BenchError;
use atome::checkpoint::Checkpoint;
use atome::tune::{Choice, Product, Tuned, Tuning};
use atome::{Model, Options};
use atome_kernels::detect;
use bed::{Bed, Matrices};
use kernels::{candidates, try_kernels};
use serde::Serialize;
use std::time::{Duration, Instant};
use threads::try_threads;

/// Part of the time for whole models.
const FOR_MODELS: f64 = 0.4;

/// What was tried and found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// By threads, what a token takes; empty where there is nothing to choose.
    pub threads: Vec<TriedThreads>,
    /// By products of the model.
    pub products: Vec<TriedProduct>,
    /// What differs from the defaults.
    #[serde(skip)]
    chosen: Vec<(Product, Option<Choice>)>,
    #[serde(skip)]
    model: (String, Option<usize>),
}

/// A number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TriedThreads {
    /// So many.
    pub threads: usize,
    /// Nanoseconds of a step.
    pub ns: f64,
    /// Whether it won.
    pub won: bool,
}

/// A product and its kernels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriedProduct {
    /// The product.
    pub product: String,
    /// Kernels that were timed.
    pub tried: usize,
    /// Kernels that there are.
    pub of: usize,
    /// The default.
    pub default: Timed,
    /// The winner: the default, if nothing gains over it.
    pub best: Timed,
}

/// A kernel and its time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timed {
    /// Who made its code, and its name or layout.
    pub by: String,
    /// Nanoseconds of a call.
    pub ns: f64,
}

impl Outcome {
    /// Notes what differs from the defaults, and forgets what does not any more.
    pub fn note(&self, tuned: &mut Tuned) {
        for (product, choice) in &self.chosen {
            tuned.choose(*product, *choice);
        }
        let (model, threads) = &self.model;
        if !self.threads.is_empty() {
            tuned.choose_threads(model, *threads);
        }
    }
}

/// Measures for some time, about `limit`; `progress` is told what is next and how much is done, from 0 to 1.
///
/// Options that name threads or a backend leave no choice of these.
///
/// # Errors
/// If the model cannot be loaded, or a kernel gives a wrong answer.
pub fn tune(
    source: &Checkpoint,
    options: &Options,
    limit: Duration,
    progress: &mut dyn FnMut(&str, f64),
) -> Result<Outcome, BenchError> {
    let start = Instant::now();
    let tier = options.tier.unwrap_or_else(detect);
    let options = Options {
        tuning: Tuning::Off,
        ..options.clone()
    };
    let model = Model::from_checkpoint(source, &options)?;
    model.settle();
    let threads = match options.threads {
        Some(_) => Vec::new(),
        None => try_threads(
            source,
            &model,
            &options,
            limit.mul_f64(FOR_MODELS),
            progress,
        )?,
    };
    let products = model.products();
    let bytes = model.read_bytes(0);
    let (key, default) = (model.tune_key(), model.info().threads);
    drop(model);
    let (mut tried, mut chosen, mut matrices) = (Vec::new(), Vec::new(), Matrices::default());
    for (i, product) in products.iter().enumerate() {
        let done = (start.elapsed().as_secs_f64() / limit.as_secs_f64()).min(1.0);
        progress(&product.to_string(), done);
        let left = limit.saturating_sub(start.elapsed());
        let deadline = Instant::now() + left / (products.len() - i) as u32;
        let all = candidates(product, tier, options.backend);
        let bed = Bed::new(*product, tier, bytes, &mut matrices)?;
        let (row, choice) = try_kernels(bed, all, *product, deadline)?;
        tried.push(row);
        chosen.push((*product, choice));
    }
    let won = threads
        .iter()
        .find(|tried| tried.won)
        .map(|tried| tried.threads);
    Ok(Outcome {
        threads,
        products: tried,
        chosen,
        model: (key, won.filter(|won| *won != default)),
    })
}

#[cfg(test)]
mod tests {
    use super::threads::thread_counts;
    use super::*;
    use atome::BackendKind;
    use atome::families::AtomeConfig;

    fn model() -> Checkpoint {
        let config = AtomeConfig {
            vocab_size: 256,
            d_model: 32,
            n_layers: 1,
            d_head: 8,
            top_k: 2,
            kernel_size: 3,
            max_seq: 16,
        };
        Checkpoint::random(config, None, 1)
    }

    #[test]
    fn every_product_of_a_model_is_tried_and_runs_as_was_found() {
        let model = model();
        let options = Options {
            threads: Some(1),
            ..Options::default()
        };
        let mut told = Vec::new();
        let outcome = tune(
            &model,
            &options,
            Duration::from_millis(300),
            &mut |what, done| {
                assert!((0.0..=1.0).contains(&done));
                told.push(what.to_owned());
            },
        )
        .unwrap();
        let names: Vec<_> = outcome
            .products
            .iter()
            .map(|row| row.product.clone())
            .collect();
        assert!(!names.is_empty() && names == told && outcome.threads.is_empty());
        for row in &outcome.products {
            assert!(
                row.tried >= 1 && row.tried <= row.of && row.best.ns > 0.0,
                "{row:?}"
            );
            assert!(row.best.ns <= row.default.ns, "{row:?}");
        }
        // Even what nobody would choose gives the same bits, and is told.
        let mut tuned = Tuned::new(detect());
        outcome.note(&mut tuned);
        for product in Model::from_checkpoint(&model, &options).unwrap().products() {
            let other = candidates(&product, detect(), BackendKind::Auto)
                .pop()
                .unwrap();
            tuned.choose(product, Some(other));
        }
        let logits = |tuning, backend| {
            let options = Options {
                tuning,
                backend,
                ..options.clone()
            };
            let model = Model::from_checkpoint(&model, &options).unwrap();
            model.settle();
            let mut session = model.session().unwrap();
            session.prefill(&[1, 2, 3, 4, 5]).unwrap();
            session.step(6).unwrap();
            let bits: Vec<u32> = session.logits().iter().map(|x| x.to_bits()).collect();
            (bits, model.backend().tuned.len())
        };
        let (expected, none) = logits(Tuning::Off, BackendKind::Auto);
        assert_eq!(none, 0);
        for backend in [BackendKind::Auto, BackendKind::Aot] {
            let (bits, told) = logits(Tuning::Given(tuned.clone().into()), backend);
            assert_eq!(bits, expected, "{backend}");
            if backend == BackendKind::Auto {
                assert_eq!(told, names.len());
            }
        }
    }

    #[test]
    fn threads_are_tried_where_there_are_some() {
        let counts = thread_counts();
        assert!(counts[0] == 1 && counts.is_sorted());
        let options = Options::default();
        let outcome = tune(
            &model(),
            &options,
            Duration::from_millis(50),
            &mut |_, _| {},
        )
        .unwrap();
        let winners = outcome.threads.iter().filter(|tried| tried.won).count();
        assert_eq!(winners, usize::from(counts.len() > 1));
    }
}
