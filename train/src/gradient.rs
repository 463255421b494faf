//! The loss of a batch and its gradients. The batch is cut into shards of fixed size, threads
//! take shards, and the shards' gradients are added in their order: the sums do not depend on
//! the number of threads.

use crate::Settings;
use crate::data::{Data, Portion};
use crate::forward::{leaves, loss, total_nats};
use crate::ops::vector;
use crate::parallel::in_parallel;
use crate::parameters::Parameters;
use multiversion::multiversion;

/// Positions of a shard: its activations should stay in the cache.
pub(crate) const SHARD_POSITIONS: usize = 1024;

/// Mean loss in nats, and the gradient of every parameter.
pub(crate) struct Gradients {
    pub nats: f64,
    /// Euclidean norm of the whole gradient.
    pub norm: f64,
    pub values: Vec<Vec<f32>>,
}

pub(crate) fn shard_sequences(settings: &Settings) -> usize {
    (SHARD_POSITIONS / settings.sequence).max(1)
}

/// Loss and gradients over a portion of the data.
pub(crate) fn gradients(
    settings: &Settings,
    parameters: &Parameters,
    data: &Data,
    portion: &Portion,
    threads: usize,
) -> Gradients {
    let leaves = leaves(parameters);
    let weight = 1.0 / portion.weight as f32;
    let one = |shard: &Vec<usize>| {
        let batch = data.read(portion, shard);
        let (nats, values) = loss(settings, &leaves, &batch, weight);
        Gradients {
            nats: f64::from(nats),
            norm: 0.0,
            values,
        }
    };
    let mut total = Gradients {
        nats: 0.0,
        norm: 0.0,
        values: Vec::new(),
    };
    // As many shards at once as there are threads, so that few gradients wait to be added.
    for shards in portion.shards.chunks(threads.max(1)) {
        for shard in in_parallel(shards, threads, one) {
            total.add(shard);
        }
    }
    total.norm = total.values.iter().map(|g| squares(g)).sum::<f64>().sqrt();
    total
}

/// Mean cross-entropy in nats over a portion of the data.
pub(crate) fn mean_nats(
    settings: &Settings,
    parameters: &Parameters,
    data: &Data,
    portion: &Portion,
    threads: usize,
) -> f64 {
    let leaves = leaves(parameters);
    let one = |shard: &Vec<usize>| total_nats(settings, &leaves, &data.read(portion, shard));
    let sums = in_parallel(&portion.shards, threads, one);
    sums.iter().sum::<f64>() / portion.weight
}

impl Gradients {
    fn add(&mut self, other: Gradients) {
        self.nats += other.nats;
        if self.values.is_empty() {
            self.values = other.values;
            return;
        }
        for (sums, values) in self.values.iter_mut().zip(&other.values) {
            vector::add(sums, values);
        }
    }
}

/// Sum of the squares, in sixteen lanes.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn squares(values: &[f32]) -> f64 {
    let (whole, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0f64; 16];
    for values in whole {
        for i in 0..16 {
            lanes[i] += f64::from(values[i]) * f64::from(values[i]);
        }
    }
    let rest: f64 = rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    lanes.iter().sum::<f64>() + rest
}
