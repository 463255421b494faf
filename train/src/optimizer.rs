//! AdamW with decoupled weight decay, the gradient's clipping, and the learning rate.

use crate::Settings;
use crate::gradient::Gradients;
use crate::parameters::Parameters;
use multiversion::multiversion;
use std::f64::consts::PI;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.98;
const EPS: f32 = 1e-9;

/// First and second moments of every parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Adam {
    pub first: Vec<Vec<f32>>,
    pub second: Vec<Vec<f32>>,
}

impl Adam {
    pub(crate) fn new(parameters: &Parameters) -> Adam {
        let zeros = || {
            let lens = parameters.list.iter().map(|p| p.values.len());
            lens.map(|n| vec![0.0; n]).collect()
        };
        Adam {
            first: zeros(),
            second: zeros(),
        }
    }

    /// One update; `step` counts from 0.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        step: u64,
        parameters: &mut Parameters,
        gradients: &Gradients,
    ) {
        let clip = (settings.clip / gradients.norm.max(settings.clip)) as f32;
        let rate = learning_rate(settings, step);
        let done = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let update = Update {
            clip,
            rate: rate as f32,
            first_bias: (1.0 - BETA1.powi(done)) as f32,
            second_bias: (1.0 - BETA2.powi(done)) as f32,
        };
        let keep = 1.0 - (rate * settings.weight_decay) as f32;
        for (i, parameter) in parameters.list.iter_mut().enumerate() {
            let mut start = 0;
            for segment in &parameter.segments {
                let range = start..start + segment.rows * parameter.cols;
                start = range.end;
                apply(
                    update,
                    if segment.ternary { keep } else { 1.0 },
                    &gradients.values[i][range.clone()],
                    &mut self.first[i][range.clone()],
                    &mut self.second[i][range.clone()],
                    &mut parameter.values[range],
                );
            }
        }
    }
}

/// What one step's updates have in common.
#[derive(Clone, Copy)]
struct Update {
    clip: f32,
    rate: f32,
    first_bias: f32,
    second_bias: f32,
}

/// Updates a segment, slices of one length; latent ternary weights are first scaled by `keep`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn apply(
    update: Update,
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

/// Linear warm-up, then half a cosine down to the final rate.
pub(crate) fn learning_rate(settings: &Settings, step: u64) -> f64 {
    let highest = settings.learning_rate;
    if step < settings.warmup {
        return highest * (step + 1) as f64 / settings.warmup as f64;
    }
    let span = settings.steps.saturating_sub(settings.warmup).max(1) as f64;
    let done = ((step - settings.warmup) as f64 / span).min(1.0);
    let lowest = highest * settings.final_rate;
    lowest + (highest - lowest) * 0.5 * (1.0 + (PI * done).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_its_end() {
        let settings = Settings {
            warmup: 10,
            steps: 110,
            learning_rate: 1.0,
            final_rate: 0.1,
            ..Settings::default()
        };
        let rate = |step| learning_rate(&settings, step);
        assert!((rate(0) - 0.1).abs() < 1e-12);
        assert!((rate(10) - 1.0).abs() < 1e-12);
        assert!((rate(60) - 0.55).abs() < 1e-12);
        assert!((rate(110) - 0.1).abs() < 1e-12);
        assert!((0..109).all(|s| s < 9 || rate(s) >= rate(s + 1)));
    }
}
