//! From bytes to logits: the runtime's forward pass on whole sequences.

use crate::Settings;
use crate::corpus::Batch;
use crate::ops::{Block, CrossEntropy, Embed, LayerNorm, Linear, Mix, nats};
use crate::parameters::{BLOCK, Parameters};
use crate::settings::VOCAB;
use crate::tape::Tape;

/// The numbers that the forward pass uses, leaves of its graph: their gradients are, straight
/// through, those of the parameters.
pub(crate) fn leaves(parameters: &Parameters) -> Vec<Vec<f32>> {
    parameters.list.iter().map(|p| p.effective()).collect()
}

/// Goes on to logits `[positions, vocab]` of the next byte, for whole sequences.
fn to_logits(settings: &Settings, batch: &Batch, tape: &mut Tape<'_>) {
    let width = settings.d_model;
    let mix = Mix {
        sequence: settings.sequence,
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
    tape.apply(LayerNorm, at..at + 1);
    let unembed = Linear {
        rows: VOCAB,
        cols: width,
    };
    tape.apply(unembed, at + 1..at + 2);
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
    to_logits(settings, batch, &mut tape);
    let loss = CrossEntropy {
        targets: batch.targets.clone(),
        vocab: VOCAB,
        weight,
    };
    tape.apply(loss, 0..0);
    (tape.result()[0], tape.backward())
}

/// Logits `[positions, vocab]` of a batch.
pub(crate) fn logits(settings: &Settings, leaves: &[Vec<f32>], batch: &Batch) -> Vec<f32> {
    let mut tape = Tape::forgetting(leaves);
    to_logits(settings, batch, &mut tape);
    tape.into_result()
}

/// Sum of the cross-entropies of a batch in nats.
pub(crate) fn total_nats(settings: &Settings, leaves: &[Vec<f32>], batch: &Batch) -> f64 {
    nats(&logits(settings, leaves, batch), VOCAB, &batch.targets)
}
