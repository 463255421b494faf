//! From bytes to logits: the runtime's forward pass on whole sequences.

use crate::Settings;
use crate::corpus::Batch;
use crate::ops::{Block, CrossEntropy, Embed, LayerNorm, Linear, Mix, nats};
use crate::parameters::{BLOCK, Parameters};
use crate::settings::VOCAB;
use candle_core::{Device, Result, Tensor, Var};

/// The tensors that the forward pass uses, leaves of the graph: their gradients are, straight
/// through, those of the parameters.
pub(crate) fn leaves(parameters: &Parameters) -> Result<Vec<Var>> {
    let leaf = |p: &crate::parameters::Parameter| {
        Var::from_vec(p.effective(), (p.rows, p.cols), &Device::Cpu)
    };
    parameters.list.iter().map(leaf).collect()
}

/// Logits `[positions, vocab]` of the next byte, for whole sequences.
pub(crate) fn logits(settings: &Settings, leaves: &[Tensor], batch: &Batch) -> Result<Tensor> {
    let ids = batch.inputs.clone();
    let mut x = leaves[0].apply_op1(Embed { ids })?;
    let mix = Mix {
        sequence: settings.sequence,
        d: settings.d_model,
        d_head: settings.d_head,
        top_k: settings.top_k,
    };
    for block in leaves[1..leaves.len() - 2].chunks_exact(BLOCK) {
        x = x.apply_op3(&block[0], &block[1], Block::new(mix))?;
    }
    let [norm, unembed] = [2, 1].map(|back| &leaves[leaves.len() - back]);
    x.apply_op2(norm, LayerNorm)?.apply_op2(unembed, Linear)
}

/// Sum of the cross-entropies of a batch, times `weight`, as a node of the graph.
pub(crate) fn loss(
    settings: &Settings,
    leaves: &[Tensor],
    batch: &Batch,
    weight: f32,
) -> Result<Tensor> {
    let targets = batch.targets.clone();
    logits(settings, leaves, batch)?.apply_op1(CrossEntropy { targets, weight })
}

/// Sum of the cross-entropies of a batch in nats, without a graph.
pub(crate) fn total_nats(settings: &Settings, leaves: &[Tensor], batch: &Batch) -> Result<f64> {
    let logits = logits(settings, leaves, batch)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    Ok(nats(&logits, VOCAB, &batch.targets))
}
