//! One update of all parameters: clipping, the learning rate, and the rule for each parameter.
//!
//! | module | moves |
//! |---|---|
//! | `muon` | the projections of queries, keys and values, `[rows, cols]` |
//! | `adamw` | everything else: tables, vectors, filters, the router |

mod adamw;
mod muon;

use crate::Settings;
use crate::gradient::Gradients;
use crate::parallel::in_parallel;
use crate::parameters::{Parameters, Rule};
use adamw::AdamW;
use muon::Muon;
use std::f64::consts::PI;
use std::ops::Range;

/// Running means of every parameter's gradient, and of its square (unused by Muon).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moments {
    pub first: Vec<Vec<f32>>,
    pub second: Vec<Vec<f32>>,
}

/// A segment that Muon moves.
struct Projection {
    parameter: usize,
    range: Range<usize>,
    shape: (usize, usize),
}

impl Moments {
    pub(crate) fn new(parameters: &Parameters) -> Moments {
        let zeros = || {
            let lens = parameters.list.iter().map(|p| p.values.len());
            lens.map(|n| vec![0.0; n]).collect()
        };
        Moments {
            first: zeros(),
            second: zeros(),
        }
    }

    /// One update; `step` counts from 0. The threads change nothing but the time.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        step: u64,
        parameters: &mut Parameters,
        gradients: &Gradients,
        threads: usize,
    ) {
        let part = schedule(settings, step);
        let rate = settings.learning_rate * part;
        let keep = 1.0 - (rate * settings.weight_decay) as f32;
        let clip = (settings.clip / gradients.norm.max(settings.clip)) as f32;
        let adamw = AdamW::new(clip, rate as f32, step);
        let mut projections = Vec::new();
        for (i, parameter) in parameters.list.iter_mut().enumerate() {
            let mut start = 0;
            for segment in &parameter.segments {
                let range = start..start + segment.rows * parameter.cols;
                start = range.end;
                if segment.rule == Rule::Muon {
                    projections.push(Projection {
                        parameter: i,
                        range,
                        shape: (segment.rows, parameter.cols),
                    });
                    continue;
                }
                let moments = (
                    &mut self.first[i][range.clone()],
                    &mut self.second[i][range.clone()],
                );
                let keep = if segment.ternary { keep } else { 1.0 };
                let values = &mut parameter.values[range.clone()];
                adamw.apply(keep, &gradients.values[i][range], moments, values);
            }
        }
        let muon = Muon {
            momentum: settings.momentum as f32,
            rate: (settings.matrix_rate * part) as f32,
            keep,
        };
        self.project(muon, parameters, gradients, &projections, threads);
    }

    fn project(
        &mut self,
        muon: Muon,
        parameters: &mut Parameters,
        gradients: &Gradients,
        projections: &[Projection],
        threads: usize,
    ) {
        let first = &self.first;
        let updates = in_parallel(projections, threads, |p| {
            let mean = &first[p.parameter][p.range.clone()];
            let gradients = &gradients.values[p.parameter][p.range.clone()];
            muon.update(mean, gradients, p.shape)
        });
        for (p, (mean, update)) in projections.iter().zip(updates) {
            self.first[p.parameter][p.range.clone()].copy_from_slice(&mean);
            let values = &mut parameters.list[p.parameter].values[p.range.clone()];
            for (value, update) in values.iter_mut().zip(&update) {
                *value = *value * muon.keep - update;
            }
        }
    }
}

/// The part of the highest learning rate: linear warm-up, then half a cosine down to the
/// final part.
fn schedule(settings: &Settings, step: u64) -> f64 {
    if step < settings.warmup {
        return (step + 1) as f64 / settings.warmup as f64;
    }
    let span = settings.steps.saturating_sub(settings.warmup).max(1) as f64;
    let done = ((step - settings.warmup) as f64 / span).min(1.0);
    let lowest = settings.final_rate;
    lowest + (1.0 - lowest) * 0.5 * (1.0 + (PI * done).cos())
}

/// The learning rate of AdamW at a step, counted from 0.
pub(crate) fn learning_rate(settings: &Settings, step: u64) -> f64 {
    settings.learning_rate * schedule(settings, step)
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
