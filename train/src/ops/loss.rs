use crate::tape::Operation;
use std::sync::Arc;

/// Cross-entropy in nats of the next bytes under logits `[positions, vocab]`: the sum over all
/// positions, times `weight`, as the one number of the result.
pub(crate) struct CrossEntropy {
    pub targets: Arc<[u8]>,
    pub vocab: usize,
    pub weight: f32,
}

impl Operation for CrossEntropy {
    fn forward(&mut self, logits: &[f32], _leaves: &[Vec<f32>]) -> Vec<f32> {
        vec![nats(logits, self.vocab, &self.targets) as f32 * self.weight]
    }

    fn backward(
        &mut self,
        logits: &[f32],
        _leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let factor = self.weight * grad[0];
        let mut dlogits = vec![0.0; logits.len()];
        let rows = logits
            .chunks_exact(self.vocab)
            .zip(dlogits.chunks_exact_mut(self.vocab));
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
        (dlogits, Vec::new())
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
