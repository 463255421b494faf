//! The text: a part to train on, a part that is held out, and the batches of each step.

use crate::forward::Goal;
use crate::{Settings, TrainError};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

/// A text in two parts.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    text: Arc<[u8]>,
    /// Where the held-out part begins.
    split: usize,
    sequence: usize,
}

/// Sequences one after the other, each as long as the others: what is read, and what is to be said of it.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub inputs: Arc<[u8]>,
    /// Positions of a sequence.
    pub sequence: usize,
    pub goal: Goal,
}

impl Corpus {
    /// Splits a text.
    ///
    /// # Errors
    /// If either part is shorter than a sequence and the byte after it, or the text holds a
    /// zero byte.
    pub(crate) fn new(text: Arc<[u8]>, settings: &Settings) -> Result<Corpus, TrainError> {
        if let Some(offset) = text.iter().position(|&b| b == 0) {
            return Err(TrainError::Binary { offset });
        }
        let (split, _) = settings.split(text.len())?;
        Ok(Corpus {
            text,
            split,
            sequence: settings.sequence,
        })
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Bytes to train on.
    pub(crate) fn training_bytes(&self) -> usize {
        self.split
    }

    /// The held-out part.
    pub(crate) fn held_out(&self) -> &[u8] {
        &self.text[self.split..]
    }

    /// The sequences of a step, each from a random place; they depend on the seed and the
    /// step alone.
    pub(crate) fn batch(&self, seed: u64, step: u64, sequences: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step + 1);
        let last = self.split - self.sequence - 1;
        let starts = (0..sequences).map(|_| rng.random_range(0..=last as u64) as usize);
        starts.collect()
    }

    /// At most `limit` sequences of the held-out part, evenly spread, none overlapping another.
    pub(crate) fn held_out_sequences(&self, limit: usize) -> Vec<usize> {
        let whole = (self.text.len() - self.split - 1) / self.sequence;
        let count = whole.min(limit.max(1));
        let places = (0..count).map(|i| self.split + i * whole / count * self.sequence);
        places.collect()
    }

    /// Reads the sequences at these places out of the text.
    pub(crate) fn read(&self, places: &[usize]) -> Batch {
        let bytes = |shift: usize| {
            let sequence = |at: &usize| &self.text[at + shift..][..self.sequence];
            let all = places.iter().flat_map(sequence);
            all.copied().collect()
        };
        Batch {
            inputs: bytes(0),
            sequence: self.sequence,
            goal: Goal::Next(bytes(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            sequence: 8,
            held_out: 0.25,
            ..Settings::default()
        }
    }

    #[test]
    fn targets_follow_inputs_and_training_never_sees_the_held_out_part() {
        let text: Vec<u8> = (1..=200).collect();
        let corpus = Corpus::new(text.into(), &settings()).expect("long enough");
        assert_eq!(corpus.held_out().len(), 50);
        for step in 0..50 {
            let batch = corpus.read(&corpus.batch(3, step, 4));
            let Goal::Next(targets) = batch.goal else {
                panic!("next bytes");
            };
            assert_eq!((batch.inputs.len(), targets.len()), (32, 32));
            for (input, target) in batch.inputs.iter().zip(targets.iter()) {
                assert_eq!(input + 1, *target);
                assert!(*target <= 150);
            }
        }
        assert_ne!(corpus.batch(3, 0, 4), corpus.batch(3, 1, 4));
        assert_ne!(corpus.batch(3, 0, 4), corpus.batch(4, 0, 4));
        let held = corpus.held_out_sequences(100);
        assert_eq!(held.len(), 6);
        assert!(corpus.read(&held).inputs.iter().all(|&b| b > 150));
        assert_eq!(corpus.held_out_sequences(2).len(), 2);
    }

    #[test]
    fn too_short_and_binary_texts_are_refused() {
        let text = |n: usize| Corpus::new(vec![b'x'; n].into(), &settings());
        assert!(text(18).is_ok());
        for n in [0, 1, 17] {
            assert!(matches!(text(n), Err(TrainError::ShortText { found, .. }) if found == n));
        }
        let mut bytes = vec![b'x'; 100];
        bytes[7] = 0;
        let binary = Corpus::new(bytes.into(), &settings());
        assert!(matches!(binary, Err(TrainError::Binary { offset: 7 })));
    }
}
