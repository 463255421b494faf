//! Labelled texts: those to train on, those that choose, those that a report is of, and the batches of each step.

use crate::corpus::Batch;
use crate::forward::Goal;
use crate::{Settings, TrainError};
use atome::classify::Dataset;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

/// Labelled texts in three parts. Which part a text is in depends on its bytes alone, so that the same text is never in two.
#[derive(Clone, Debug)]
pub(crate) struct Examples {
    dataset: Arc<Dataset>,
    training: Vec<usize>,
    /// What evaluations on the way look at: they choose the step that is kept, the temperature and the threshold.
    choosing: Vec<usize>,
    /// What nothing is chosen by.
    report: Vec<usize>,
    /// What a text of each class weighs.
    weights: Vec<f32>,
    /// Bytes of a text that are looked at.
    most: usize,
}

impl Examples {
    /// Splits labelled texts.
    ///
    /// # Errors
    /// If there is one class alone, or a part has no texts.
    pub(crate) fn new(dataset: Arc<Dataset>, settings: &Settings) -> Result<Examples, TrainError> {
        dataset.check_classes()?;
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for (i, example) in dataset.examples.iter().enumerate() {
            let place = place(&example.text);
            let part = match place {
                _ if place >= settings.held_out => 0,
                _ if 2.0 * place >= settings.held_out => 1,
                _ => 2,
            };
            parts[part].push(i);
        }
        for (part, name) in parts
            .iter()
            .zip(["to train on", "to choose by", "to report on"])
        {
            if part.is_empty() {
                let texts = dataset.examples.len();
                return Err(TrainError::NoExamples { part: name, texts });
            }
        }
        let [training, choosing, report] = parts;
        let weights = weights(&dataset, &training, settings.balance);
        Ok(Examples {
            dataset,
            training,
            choosing,
            report,
            weights,
            most: settings.sequence,
        })
    }

    pub(crate) fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// Texts to train on, to choose by, and to report on.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [&self.training, &self.choosing, &self.report].map(Vec::len)
    }

    /// Classes of which no text is trained on.
    pub(crate) fn unseen(&self) -> usize {
        let mut seen = vec![false; self.dataset.names.len()];
        for i in &self.training {
            seen[self.dataset.examples[*i].class] = true;
        }
        seen.iter().filter(|seen| !**seen).count()
    }

    /// The texts that are chosen by.
    pub(crate) fn choosing(&self) -> &[usize] {
        &self.choosing
    }

    /// The texts that a report is of, with their classes.
    pub(crate) fn report(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let examples = self.report.iter().map(|i| &self.dataset.examples[*i]);
        examples.map(|example| (example.class, &example.text[..]))
    }

    /// The texts of a step, at random; they depend on the seed and the step alone.
    pub(crate) fn batch(&self, seed: u64, step: u64, texts: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step + 1);
        let last = self.training.len() as u64 - 1;
        let places = (0..texts).map(|_| rng.random_range(0..=last) as usize);
        places.map(|place| self.training[place]).collect()
    }

    /// At most `limit` of the texts that are chosen by, evenly spread.
    pub(crate) fn some_choosing(&self, limit: usize) -> Vec<usize> {
        let (whole, count) = (self.choosing.len(), self.choosing.len().min(limit.max(1)));
        (0..count)
            .map(|i| self.choosing[i * whole / count])
            .collect()
    }

    /// Texts of about the same length together, in parts of at most so many positions.
    pub(crate) fn shards(&self, mut texts: Vec<usize>, positions: usize) -> Vec<Vec<usize>> {
        texts.sort_by_key(|i| (self.length(*i), *i));
        let mut shards: Vec<Vec<usize>> = Vec::new();
        for i in texts {
            match shards.last_mut() {
                // Sorted, so the last text of a shard is its longest.
                Some(shard) if (shard.len() + 1) * self.length(i) <= positions => shard.push(i),
                _ => shards.push(vec![i]),
            }
        }
        shards
    }

    /// What texts weigh, together.
    pub(crate) fn weight(&self, texts: &[usize]) -> f64 {
        let weights = texts
            .iter()
            .map(|i| f64::from(self.weights[self.class(*i)]));
        weights.sum()
    }

    /// Texts one after the other, each filled up to the longest; a model that looks back alone is not changed by what follows
    /// a text. Where `weighed` is false all weigh the same.
    pub(crate) fn read(&self, texts: &[usize], weighed: bool) -> Batch {
        let sequence = texts.iter().map(|i| self.length(*i)).max().unwrap_or(1);
        let mut inputs = vec![0; sequence * texts.len()];
        for (row, i) in inputs.chunks_exact_mut(sequence).zip(texts) {
            let text = &self.dataset.examples[*i].text[..self.length(*i)];
            row[..text.len()].copy_from_slice(text);
        }
        let last = texts
            .iter()
            .enumerate()
            .map(|(row, i)| row * sequence + self.length(*i) - 1);
        let classes = texts.iter().map(|i| self.class(*i));
        let weight = |class: usize| if weighed { self.weights[class] } else { 1.0 };
        Batch {
            inputs: inputs.into(),
            sequence,
            goal: Goal::Classes {
                last: last.collect(),
                weights: classes.clone().map(weight).collect(),
                classes: classes.collect(),
            },
        }
    }

    pub(crate) fn class(&self, i: usize) -> usize {
        self.dataset.examples[i].class
    }

    /// Bytes of a text that are looked at.
    fn length(&self, i: usize) -> usize {
        self.dataset.examples[i].text.len().min(self.most)
    }
}

/// What a text of each class weighs: by the power `balance` of how rare the class is; 1 on average over the texts.
fn weights(dataset: &Dataset, training: &[usize], balance: f64) -> Vec<f32> {
    let mut counts = vec![0usize; dataset.names.len()];
    training
        .iter()
        .for_each(|i| counts[dataset.examples[*i].class] += 1);
    let rarity = |count: &usize| (1.0 / (*count).max(1) as f64).powf(balance);
    let total: f64 = counts
        .iter()
        .map(|count| *count as f64 * rarity(count))
        .sum();
    let mean = total / training.len() as f64;
    counts
        .iter()
        .map(|count| (rarity(count) / mean) as f32)
        .collect()
}

/// A place from 0 to 1 that a text's bytes decide.
fn place(text: &[u8]) -> f64 {
    // FNV-1a, and the last steps of MurmurHash3: every bit depends on every byte.
    let fnv = text.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mix = |hash: u64, by: u64| (hash ^ (hash >> 33)).wrapping_mul(by);
    let mixed = mix(mix(fnv, 0xff51_afd7_ed55_8ccd), 0xc4ce_b9fe_1a85_ec53);
    ((mixed ^ (mixed >> 33)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome::classify::Encoding;

    fn examples(balance: f64) -> Examples {
        let lines: String = (0..900)
            .map(|i| format!("{}\tword {}\n", ["a", "b"][usize::from(i % 9 == 0)], i / 3))
            .collect();
        let dataset = Dataset::parse(lines.as_bytes(), Encoding::Text).expect("a dataset");
        let settings = Settings {
            held_out: 0.3,
            sequence: 6,
            balance,
            ..Settings::classifier()
        };
        Examples::new(dataset.into(), &settings).expect("three parts")
    }

    #[test]
    fn no_text_is_in_two_parts_and_all_are_in_one() {
        let examples = examples(1.0);
        let [training, choosing, report] = examples.counts();
        assert_eq!(
            training + choosing + report,
            examples.dataset.examples.len()
        );
        let held = (choosing + report) as f64 / examples.dataset.examples.len() as f64;
        assert!((0.2..0.4).contains(&held), "{held}");
        let texts = |part: &[usize]| -> std::collections::BTreeSet<Vec<u8>> {
            part.iter()
                .map(|i| examples.dataset.examples[*i].text.clone())
                .collect()
        };
        let parts = [&examples.training, &examples.choosing, &examples.report].map(|p| texts(p));
        assert!(parts[0].is_disjoint(&parts[1]) && parts[0].is_disjoint(&parts[2]));
        assert!(parts[1].is_disjoint(&parts[2]));
        for step in 0..20 {
            let batch = examples.batch(3, step, 7);
            assert!(batch.iter().all(|i| examples.training.contains(i)));
        }
        assert_ne!(examples.batch(3, 0, 7), examples.batch(3, 1, 7));
        assert_ne!(examples.batch(3, 0, 7), examples.batch(4, 0, 7));
    }

    #[test]
    fn rare_classes_weigh_more_and_all_weigh_one_on_average() {
        let even = examples(0.0);
        assert_eq!(even.weights, [1.0, 1.0]);
        let examples = examples(1.0);
        assert!(
            examples.weights[1] > 2.0 * examples.weights[0],
            "{:?}",
            examples.weights
        );
        let sum = examples.weight(&examples.training) / examples.training.len() as f64;
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }

    #[test]
    fn shards_have_texts_of_a_length_and_their_ends() {
        let examples = examples(1.0);
        let all: Vec<usize> = (0..40).collect();
        let shards = examples.shards(all.clone(), 24);
        let mut seen: Vec<usize> = shards.concat();
        seen.sort_unstable();
        assert_eq!(seen, all);
        for shard in &shards {
            let batch = examples.read(shard, false);
            assert!(batch.inputs.len() <= 24);
            let Goal::Classes { last, weights, .. } = &batch.goal else {
                panic!("classes");
            };
            // `word 7` has six bytes; of longer ones six are looked at.
            assert!(
                last.iter()
                    .all(|at| at % batch.sequence == 5 && batch.inputs[*at] != 0)
            );
            assert!(weights.iter().all(|weight| *weight == 1.0));
        }
    }
}
