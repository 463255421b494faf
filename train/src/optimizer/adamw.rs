//! AdamW: every number moves by its own gradient's mean over its own deviation.

use multiversion::multiversion;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.98;
const EPS: f32 = 1e-9;

/// What one step's updates have in common.
#[derive(Clone, Copy)]
pub(super) struct AdamW {
    /// What the gradient is multiplied by.
    clip: f32,
    rate: f32,
    first_bias: f32,
    second_bias: f32,
}

impl AdamW {
    /// `step` counts from 0.
    pub(super) fn new(clip: f32, rate: f32, step: u64) -> AdamW {
        let done = i32::try_from(step + 1).unwrap_or(i32::MAX);
        AdamW {
            clip,
            rate,
            first_bias: (1.0 - BETA1.powi(done)) as f32,
            second_bias: (1.0 - BETA2.powi(done)) as f32,
        }
    }

    /// Updates slices of one length; the values are first scaled by `keep`.
    pub(super) fn apply(
        self,
        keep: f32,
        gradients: &[f32],
        (first, second): (&mut [f32], &mut [f32]),
        values: &mut [f32],
    ) {
        apply(self, keep, gradients, first, second, values);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn apply(
    update: AdamW,
    keep: f32,
    gradients: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    values: &mut [f32],
) {
    let n = values.len();
    let (gradients, first, second) = (&gradients[..n], &mut first[..n], &mut second[..n]);
    let (beta1, beta2) = (BETA1 as f32, BETA2 as f32);
    for i in 0..n {
        let g = gradients[i] * update.clip;
        first[i] = beta1 * first[i] + (1.0 - beta1) * g;
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g;
        let deviation = (second[i] / update.second_bias).sqrt() + EPS;
        let step = first[i] / update.first_bias / deviation;
        values[i] = values[i] * keep - update.rate * step;
    }
}
