//! From bytes to logits: the runtime's forward pass on whole sequences.

use crate::Settings;
use crate::corpus::Batch;
use crate::ops::{Block, ClassEntropy, CrossEntropy, Embed, LayerNorm, Linear, Mix, Rows, nats};
use crate::parameters::{BLOCK, Parameters};
use crate::tape::Tape;
use std::sync::Arc;

/// What is to be said of sequences.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// The next byte of each position.
    Next(Arc<[u8]>),
    /// The class of each sequence, by what follows its last position.
    Classes {
        last: Arc<[usize]>,
        classes: Arc<[usize]>,
        /// What each sequence counts for.
        weights: Arc<[f32]>,
    },
}

/// The numbers that the forward pass uses, leaves of its graph: their gradients are, straight
/// through, those of the parameters.
pub(crate) fn leaves(parameters: &Parameters) -> Vec<Vec<f32>> {
    parameters.list.iter().map(|p| p.effective()).collect()
}

/// Goes on to logits, a row for each thing that is to be said.
fn to_logits(settings: &Settings, batch: &Batch, leaves: &[Vec<f32>], tape: &mut Tape<'_>) {
    let width = settings.d_model;
    let mix = Mix {
        sequence: batch.sequence,
        d: width,
        d_head: settings.d_head,
        top_k: settings.top_k,
    };
    let ids = batch.inputs.clone();
    tape.apply(Embed { ids, width }, 0..1);
    let mut at = 1;
    for _ in 0..settings.n_layers {
        tape.apply(Block::new(mix), at..at + BLOCK);
        at += BLOCK;
    }
    if let Goal::Classes { last, .. } = &batch.goal {
        let rows = last.clone();
        tape.apply(Rows { rows, width }, 0..0);
    }
    tape.apply(LayerNorm, at..at + 1);
    let head = Linear {
        rows: leaves[at + 1].len() / width,
        cols: width,
    };
    tape.apply(head, at + 1..at + 2);
}

/// Sum of the cross-entropies of a batch in nats, times `weight`, and the gradients of the
/// leaves.
pub(crate) fn loss(
    settings: &Settings,
    leaves: &[Vec<f32>],
    batch: &Batch,
    weight: f32,
) -> (f32, Vec<Vec<f32>>) {
    let mut tape = Tape::recording(leaves);
    to_logits(settings, batch, leaves, &mut tape);
    match &batch.goal {
        Goal::Next(targets) => {
            let loss = CrossEntropy {
                targets: targets.clone(),
                vocab: crate::settings::VOCAB,
                weight,
            };
            tape.apply(loss, 0..0);
        }
        Goal::Classes {
            classes, weights, ..
        } => {
            let loss = ClassEntropy {
                targets: classes.clone(),
                weights: weights.iter().map(|each| each * weight).collect(),
            };
            tape.apply(loss, 0..0);
        }
    }
    (tape.result()[0], tape.backward())
}

/// Logits of a batch, a row for each thing that is to be said.
pub(crate) fn logits(settings: &Settings, leaves: &[Vec<f32>], batch: &Batch) -> Vec<f32> {
    let mut tape = Tape::forgetting(leaves);
    to_logits(settings, batch, leaves, &mut tape);
    tape.into_result()
}

/// Sum of the cross-entropies of a batch in nats.
pub(crate) fn total_nats(settings: &Settings, leaves: &[Vec<f32>], batch: &Batch) -> f64 {
    let logits = logits(settings, leaves, batch);
    match &batch.goal {
        Goal::Next(targets) => {
            let targets = targets.iter().map(|byte| usize::from(*byte));
            nats(&logits, crate::settings::VOCAB, targets, |_| 1.0)
        }
        Goal::Classes {
            classes, weights, ..
        } => {
            let width = logits.len() / classes.len();
            nats(&logits, width, classes.iter().copied(), |i| weights[i])
        }
    }
}
