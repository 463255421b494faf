use super::{contiguous, gradient, output, slice, with_slice};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// Cross-entropy in nats of the next bytes under logits `[positions, vocab]`: the sum over all
/// positions, times `weight`.
pub(crate) struct CrossEntropy {
    pub targets: Arc<[u8]>,
    pub weight: f32,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = slice(logits, layout)?;
        let vocab = layout.dims()[1];
        let total = nats(logits, vocab, &self.targets);
        Ok(output(vec![total as f32 * self.weight], ()))
    }

    fn bwd(&self, logits: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let vocab = logits.dims()[1];
        let factor = self.weight * contiguous(grad)?.to_scalar::<f32>()?;
        let mut dlogits = vec![0.0; logits.elem_count()];
        with_slice(logits, |logits| {
            let rows = logits
                .chunks_exact(vocab)
                .zip(dlogits.chunks_exact_mut(vocab));
            for ((row, grad), &target) in rows.zip(self.targets.iter()) {
                let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                for (grad, logit) in grad.iter_mut().zip(row) {
                    *grad = (logit - max).exp();
                }
                let sum: f32 = grad.iter().sum();
                for grad in grad.iter_mut() {
                    *grad *= factor / sum;
                }
                grad[usize::from(target)] -= factor;
            }
        })?;
        gradient(dlogits, logits)
    }
}

/// Sum of the cross-entropies in nats.
pub(crate) fn nats(logits: &[f32], vocab: usize, targets: &[u8]) -> f64 {
    let rows = logits.chunks_exact(vocab).zip(targets);
    rows.map(|(row, &target)| {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|logit| (logit - max).exp()).sum();
        f64::from(sum.ln() + max - row[usize::from(target)])
    })
    .sum()
}
