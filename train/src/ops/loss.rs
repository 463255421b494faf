use crate::tape::Operation;
use std::sync::Arc;

/// Cross-entropy in nats of the next bytes under logits `[positions, vocab]`: the sum over all
/// positions, times `weight`, as the one number of the result.
pub(crate) struct CrossEntropy {
    pub targets: Arc<[u8]>,
    pub vocab: usize,
    pub weight: f32,
}

impl CrossEntropy {
    fn targets(&self) -> impl Iterator<Item = usize> {
        self.targets.iter().map(|byte| usize::from(*byte))
    }
}

impl Operation for CrossEntropy {
    fn forward(&mut self, logits: &[f32], _leaves: &[Vec<f32>]) -> Vec<f32> {
        let nats = nats(logits, self.vocab, self.targets(), |_| 1.0);
        vec![nats as f32 * self.weight]
    }

    fn backward(
        &mut self,
        logits: &[f32],
        _leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let factor = self.weight * grad[0];
        let dlogits = slopes(logits, self.vocab, self.targets(), |_| factor);
        (dlogits, Vec::new())
    }
}

/// Cross-entropy in nats of classes under logits `[sequences, classes]`: the sum over all
/// sequences, each times its weight, as the one number of the result.
pub(crate) struct ClassEntropy {
    pub targets: Arc<[usize]>,
    pub weights: Vec<f32>,
}

impl Operation for ClassEntropy {
    fn forward(&mut self, logits: &[f32], _leaves: &[Vec<f32>]) -> Vec<f32> {
        let classes = logits.len() / self.targets.len();
        let targets = self.targets.iter().copied();
        vec![nats(logits, classes, targets, |i| self.weights[i]) as f32]
    }

    fn backward(
        &mut self,
        logits: &[f32],
        _leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let classes = logits.len() / self.targets.len();
        let targets = self.targets.iter().copied();
        let dlogits = slopes(logits, classes, targets, |i| self.weights[i] * grad[0]);
        (dlogits, Vec::new())
    }
}

/// The slopes of the cross-entropy of each row, times its weight.
fn slopes(
    logits: &[f32],
    width: usize,
    targets: impl Iterator<Item = usize>,
    weight: impl Fn(usize) -> f32,
) -> Vec<f32> {
    let mut slopes = vec![0.0; logits.len()];
    let rows = logits
        .chunks_exact(width)
        .zip(slopes.chunks_exact_mut(width));
    for (i, ((row, grad), target)) in rows.zip(targets).enumerate() {
        let factor = weight(i);
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (grad, logit) in grad.iter_mut().zip(row) {
            *grad = (logit - max).exp();
        }
        let sum: f32 = grad.iter().sum();
        for grad in grad.iter_mut() {
            *grad *= factor / sum;
        }
        grad[target] -= factor;
    }
    slopes
}

/// Sum of the cross-entropies of rows in nats, each times its weight.
pub(crate) fn nats(
    logits: &[f32],
    width: usize,
    targets: impl Iterator<Item = usize>,
    weight: impl Fn(usize) -> f32,
) -> f64 {
    let rows = logits.chunks_exact(width).zip(targets).enumerate();
    rows.map(|(i, (row, target))| {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|logit| (logit - max).exp()).sum();
        f64::from(weight(i)) * f64::from(sum.ln() + max - row[target])
    })
    .sum()
}
