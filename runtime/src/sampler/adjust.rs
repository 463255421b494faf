//! What is done to logits before a token is chosen: biases of single tokens, and penalties for those that were there.

use super::Sampling;
use crate::error::RunError;
use std::collections::BTreeSet;

/// Tokens that the repetition penalty looks back.
pub const REPETITION_WINDOW: usize = 256;

/// The adjustments, what they look back at, and the logits they make. Nothing is allocated after it is made.
#[derive(Debug, Clone)]
pub(super) struct Adjust {
    penalty: f32,
    frequency: f32,
    presence: f32,
    biases: Vec<(u32, f32)>,
    /// The last tokens, the oldest at `next` when there are as many as the window has.
    seen: Vec<u32>,
    next: usize,
    /// `[vocab]`: whether a token has its penalty already.
    is_done: Vec<bool>,
    /// `[vocab]`: how often a token was chosen; empty where nothing is taken from its logit.
    times: Vec<u32>,
    /// `[vocab]`
    logits: Vec<f32>,
}

impl Adjust {
    /// Whether the settings ask for nothing to be done.
    pub(super) fn is_idle(sampling: &Sampling) -> bool {
        sampling.repetition_penalty == 1.0 && !counts(sampling)
    }

    pub(super) fn new(vocab: usize, sampling: &Sampling) -> Result<Self, RunError> {
        let no_memory = |_| RunError::SamplerMemory { vocab };
        let mut times = Vec::new();
        if counts(sampling) {
            times.try_reserve_exact(vocab).map_err(no_memory)?;
            times.resize(vocab, 0);
        }
        let (mut is_done, mut logits) = (Vec::new(), Vec::new());
        is_done.try_reserve_exact(vocab).map_err(no_memory)?;
        logits.try_reserve_exact(vocab).map_err(no_memory)?;
        is_done.resize(vocab, false);
        logits.resize(vocab, 0.0);
        Ok(Self {
            penalty: sampling.repetition_penalty,
            frequency: sampling.frequency_penalty,
            presence: sampling.presence_penalty,
            biases: Vec::new(),
            seen: Vec::with_capacity(REPETITION_WINDOW),
            next: 0,
            is_done,
            times,
            logits,
        })
    }

    pub(super) fn with_bias(mut self, biases: &[(u32, f32)]) -> Result<Self, RunError> {
        let vocab = self.logits.len();
        for &(id, found) in biases {
            let is_known = usize::try_from(id).is_ok_and(|id| id < vocab);
            if !is_known || found.is_nan() || found == f32::INFINITY {
                return Err(RunError::LogitBias { id, found, vocab });
            }
        }
        self.biases.extend(biases);
        let banned = self
            .biases
            .iter()
            .filter(|(_, bias)| *bias == f32::NEG_INFINITY);
        let banned: BTreeSet<u32> = banned.map(|(id, _)| *id).collect();
        match banned.len() < vocab {
            true => Ok(self),
            false => Err(RunError::EveryTokenBanned { vocab }),
        }
    }

    pub(super) fn saw(&mut self, token: u32) {
        if self.seen.len() < REPETITION_WINDOW {
            self.seen.push(token);
            return;
        }
        self.seen[self.next] = token;
        self.next = (self.next + 1) % REPETITION_WINDOW;
    }

    /// The last tokens, the oldest first.
    pub(super) fn seen(&self) -> Vec<u32> {
        let (newer, older) = self.seen.split_at(self.next);
        [older, newer].concat()
    }

    /// Counts a token that was chosen.
    pub(super) fn chose(&mut self, token: u32) {
        if let Some(times) = self.times.get_mut(token as usize) {
            *times = times.saturating_add(1);
        }
    }

    /// The tokens that were chosen, and how often.
    pub(super) fn chosen(&self) -> Vec<(u32, u32)> {
        let all = (0..).zip(self.times.iter().copied());
        all.filter(|(_, times)| *times > 0).collect()
    }

    /// Counts tokens that were chosen before.
    pub(super) fn choose_again(&mut self, chosen: &[(u32, u32)]) {
        for &(token, times) in chosen {
            if let Some(place) = self.times.get_mut(token as usize) {
                *place = times;
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.times.fill(0);
        self.seen.clear();
        self.next = 0;
    }

    /// The logits that a token is chosen from: biases first, then the repetition penalty, then the others.
    pub(super) fn apply(&mut self, logits: &[f32]) -> &[f32] {
        self.logits.copy_from_slice(logits);
        for &(id, bias) in &self.biases {
            self.logits[id as usize] += bias;
        }
        if self.penalty != 1.0 {
            self.divide();
        }
        for (logit, &times) in self.logits.iter_mut().zip(&self.times) {
            if times > 0 {
                *logit -= self.frequency * times as f32 + self.presence;
            }
        }
        &self.logits
    }

    /// The repetition penalty: once for each of the last tokens.
    fn divide(&mut self) {
        for &id in &self.seen {
            let Some(is_done) = self.is_done.get_mut(id as usize) else {
                continue;
            };
            if !std::mem::replace(is_done, true) {
                let logit = &mut self.logits[id as usize];
                *logit = match *logit > 0.0 {
                    true => *logit / self.penalty,
                    false => *logit * self.penalty,
                };
            }
        }
        for &id in &self.seen {
            if let Some(is_done) = self.is_done.get_mut(id as usize) {
                *is_done = false;
            }
        }
    }
}

/// Whether it matters how often a token was chosen.
fn counts(sampling: &Sampling) -> bool {
    sampling.frequency_penalty != 0.0 || sampling.presence_penalty != 0.0
}
