//! From logits to a token: biases and penalties, greedy, temperature, top-k, top-p, min-p.
//!
//! The same logits, settings and seed give the same tokens on every machine: the generator is integer arithmetic, the
//! exponential is the crate's own, and sums are taken in a stated order.

mod adjust;
mod best;

use std::cmp::Ordering;

use atome_kernels::reference::math::exp;

use self::adjust::Adjust;
use self::best::{argmax, argmax_by, at_least, least_of_best, write_maxima};
use crate::error::RunError;
use crate::rng::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// How to choose a token.
///
/// They apply in the order of the fields: penalties, temperature, top-k, top-p, min-p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divides a logit above 0, and multiplies one below, of every token that is among the last [`REPETITION_WINDOW`]; 1 does
    /// nothing.
    pub repetition_penalty: f32,
    /// Taken from the logit of every token that the sampler chose, once for each time that it did; 0 does nothing.
    pub frequency_penalty: f32,
    /// Taken from the logit of every token that the sampler chose, however often; 0 does nothing.
    pub presence_penalty: f32,
    /// Divides the logits; 0 means greedy: always the most likely token.
    pub temperature: f32,
    /// Keeps only this many of the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps only the most likely tokens that together have at least this share of the probability; 1 keeps all.
    pub top_p: f32,
    /// Keeps only tokens that have at least this share of the most likely one's probability; 0 keeps all.
    pub min_p: f32,
    /// Starts the random sequence.
    pub seed: u64,
}

impl Sampling {
    /// Always the most likely token.
    pub const GREEDY: Self = Self {
        repetition_penalty: 1.0,
        frequency_penalty: 0.0,
        presence_penalty: 0.0,
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: 0,
    };

    /// Checks that the settings make sense.
    ///
    /// # Errors
    /// [`RunError::Temperature`] unless the temperature is a finite number of 0 or more;
    /// [`RunError::TopP`] unless top-p is above 0 and at most 1, [`RunError::MinP`] unless min-p is from 0 to 1,
    /// [`RunError::RepetitionPenalty`] unless it is a finite number above 0, [`RunError::Penalty`] unless the others are
    /// finite numbers.
    pub fn validate(&self) -> Result<(), RunError> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return Err(RunError::Temperature {
                found: self.temperature,
            });
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(RunError::TopP { found: self.top_p });
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return Err(RunError::MinP { found: self.min_p });
        }
        let penalty = self.repetition_penalty;
        if !(penalty.is_finite() && penalty > 0.0) {
            return Err(RunError::RepetitionPenalty { found: penalty });
        }
        for (name, found) in [
            ("frequency", self.frequency_penalty),
            ("presence", self.presence_penalty),
        ] {
            if !found.is_finite() {
                return Err(RunError::Penalty { name, found });
            }
        }
        Ok(())
    }
}

impl Default for Sampling {
    /// Those of `atome run`, which suit a small model: temperature 0.8, the 40 most likely tokens, of these the fewest
    /// that have 0.95 of the probability, seed 0. [`Sampling::GREEDY`] draws no random numbers.
    fn default() -> Self {
        Self {
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.0,
            seed: 0,
        }
    }
}

/// Chooses tokens, and holds the random sequence and all the memory this takes.
///
/// A clone continues with the same tokens as the original.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    rng: Xoshiro256PlusPlus,
    vocab: usize,
    /// Token ids still in the race.
    ids: Vec<u32>,
    /// `[vocab]`: probability of each id in `ids`, up to a common factor.
    weights: Vec<f32>,
    /// What is done to logits before, if anything is.
    adjust: Option<Box<Adjust>>,
}

pub use adjust::REPETITION_WINDOW;

/// Where a sampler is: what it needs to go on as if it had never stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplerState {
    /// Of the random sequence.
    random: [u64; 4],
    /// The tokens that the repetition penalty is for, the oldest first; none where there is no penalty.
    seen: Vec<u32>,
    /// Tokens that were chosen, and how often; none where nothing is taken from their logits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chosen: Vec<(u32, u32)>,
}

/// Ids ranked at a time while looking for the nucleus: most nuclei are smaller.
const RANK_CHUNK: usize = 64;

impl Sampler {
    /// Makes a sampler for logits of length `vocab`; the only place where it allocates.
    ///
    /// # Errors
    /// Those of [`Sampling::validate`]; [`RunError::SamplerMemory`] for more logits than ids or memory allow.
    pub fn new(sampling: Sampling, vocab: usize) -> Result<Self, RunError> {
        sampling.validate()?;
        let no_memory = |_| RunError::SamplerMemory { vocab };
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        if u32::try_from(vocab).is_err() {
            return Err(RunError::SamplerMemory { vocab });
        }
        ids.try_reserve_exact(vocab).map_err(no_memory)?;
        weights.try_reserve_exact(vocab).map_err(no_memory)?;
        weights.resize(vocab, 0.0);
        Ok(Self {
            sampling,
            rng: Xoshiro256PlusPlus::new(sampling.seed),
            vocab,
            ids,
            weights,
            adjust: match Adjust::is_idle(&sampling) {
                true => None,
                false => Some(Box::new(Adjust::new(vocab, &sampling)?)),
            },
        })
    }

    /// The same sampler, which adds a number to the logit of each of these ids, as often as it is there: -inf bans it.
    ///
    /// # Errors
    /// [`RunError::LogitBias`] for an id outside the vocabulary or a number that is NaN or +inf;
    /// [`RunError::EveryTokenBanned`] if no token is left;
    /// [`RunError::SamplerMemory`] for more logits than memory allows.
    pub fn with_bias(mut self, biases: &[(u32, f32)]) -> Result<Self, RunError> {
        if biases.is_empty() {
            return Ok(self);
        }
        let adjust = match self.adjust.take() {
            Some(adjust) => *adjust,
            None => Adjust::new(self.vocab, &self.sampling)?,
        };
        self.adjust = Some(Box::new(adjust.with_bias(biases)?));
        Ok(self)
    }

    /// Notes a token that the session took in and that this sampler did not choose, such as one of a prompt: the repetition
    /// penalty is for it too. Does not allocate.
    pub fn saw(&mut self, token: u32) {
        if let Some(adjust) = &mut self.adjust {
            adjust.saw(token);
        }
    }

    /// Returns the settings.
    #[must_use]
    pub const fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Where the sampler is.
    #[must_use]
    pub fn state(&self) -> SamplerState {
        let adjust = self.adjust.as_deref();
        SamplerState {
            random: self.rng.0,
            seen: adjust.map_or_else(Vec::new, Adjust::seen),
            chosen: adjust.map_or_else(Vec::new, Adjust::chosen),
        }
    }

    /// Goes to where another sampler was: with its settings this one chooses as that one would. Any numbers will do.
    pub fn restore(&mut self, state: &SamplerState) {
        self.rng.0 = state.random;
        if let Some(adjust) = &mut self.adjust {
            adjust.forget();
            state.seen.iter().for_each(|token| adjust.saw(*token));
            adjust.choose_again(&state.chosen);
        }
    }

    /// Starts the random sequence again from its seed, and forgets the tokens that were seen.
    pub fn restart(&mut self) {
        if let Some(adjust) = &mut self.adjust {
            adjust.forget();
        }
        self.rng = Xoshiro256PlusPlus::new(self.sampling.seed);
    }

    /// Chooses a token; does not allocate.
    ///
    /// Of equal logits the lower id ranks first. A NaN is never chosen, unless all are: then the answer is 0. Infinite
    /// logits are a limit: those of `+inf` share the whole probability equally. Each call draws one random number,
    /// except when it is greedy (temperature 0 or top-k 1).
    ///
    /// # Panics
    /// If `logits` does not have the length given to [`Sampler::new`].
    #[must_use]
    pub fn sample(&mut self, logits: &[f32]) -> u32 {
        assert_eq!(
            logits.len(),
            self.vocab,
            "a sampler takes as many logits as it was made for"
        );
        let Some(mut adjust) = self.adjust.take() else {
            return self.choose(logits);
        };
        let token = self.choose(adjust.apply(logits));
        adjust.saw(token);
        adjust.chose(token);
        self.adjust = Some(adjust);
        token
    }

    fn choose(&mut self, logits: &[f32]) -> u32 {
        if self.sampling.temperature == 0.0 || self.sampling.top_k == 1 {
            return argmax(logits);
        }
        let u = self.rng.next_f64();
        let (best, ranked) = self.keep_top_k(logits);
        if self.ids.is_empty() {
            return 0;
        }
        self.weigh(logits, logits[best as usize]);
        let mut total = if self.sampling.top_p < 1.0 {
            self.keep_top_p(logits, ranked)
        } else {
            self.total()
        };
        if self.sampling.min_p > 0.0 {
            self.keep_min_p();
            total = self.total();
        }
        self.draw(u * total)
    }

    /// Takes the `top_k` best ids and ranks them, or all, in their order, if there are no more; returns the best, and
    /// whether they are ranked. Ids of NaN are none of them.
    fn keep_top_k(&mut self, logits: &[f32]) -> (u32, bool) {
        let k = self.sampling.top_k;
        let count = write_maxima(logits, &mut self.weights);
        let (maxima, room) = self.weights.split_at_mut(count);
        let best = argmax_by(logits, maxima.iter().copied());
        let least = least_of_best(maxima, k, room);
        self.ids.clear();
        at_least(logits, maxima, least, &mut self.ids);
        let numbers = || logits.iter().filter(|logit| !logit.is_nan()).count();
        if k == 0 || k > self.ids.len() || k == self.ids.len() && k == numbers() {
            return (best, false);
        }
        if k < self.ids.len() {
            self.ids.select_nth_unstable_by(k - 1, rank(logits));
            self.ids.truncate(k);
        }
        self.ids.sort_unstable_by(rank(logits));
        (best, true)
    }

    /// Sets the weight of every id: `exp((logit - best) / temperature)`, so that the best has weight 1.
    fn weigh(&mut self, logits: &[f32], best: f32) {
        for &id in &self.ids {
            let logit = logits[id as usize];
            // Also right for infinities, whose difference is NaN.
            self.weights[id as usize] = if logit == best {
                1.0
            } else {
                exp((logit - best) / self.sampling.temperature)
            };
        }
    }

    /// Sums the weights in the order of `ids`.
    fn total(&self) -> f64 {
        self.ids
            .iter()
            .map(|&id| f64::from(self.weights[id as usize]))
            .sum()
    }

    /// Drops all but the shortest run of best ids that has `top_p` of the weight, ranks it, and returns its weight.
    fn keep_top_p(&mut self, logits: &[f32], mut ranked: bool) -> f64 {
        let enough = f64::from(self.sampling.top_p) * self.total();
        let (mut sum, mut kept) = (0.0, 0);
        while kept < self.ids.len() {
            let rest = &mut self.ids[kept..];
            let chunk = if ranked {
                rest.len()
            } else {
                rest.len().min(RANK_CHUNK)
            };
            if !ranked && chunk < rest.len() {
                rest.select_nth_unstable_by(chunk - 1, rank(logits));
            }
            if !ranked {
                rest[..chunk].sort_unstable_by(rank(logits));
            }
            for &id in &rest[..chunk] {
                sum += f64::from(self.weights[id as usize]);
                kept += 1;
                if sum >= enough {
                    self.ids.truncate(kept);
                    return sum;
                }
            }
            // The nucleus is wide: rank what is left in one go rather than in ever more passes over it.
            if !ranked && kept >= 4 * RANK_CHUNK {
                self.ids[kept..].sort_unstable_by(rank(logits));
                ranked = true;
            }
        }
        sum
    }

    /// Drops ids whose weight is below `min_p`; that of the best is 1.
    fn keep_min_p(&mut self) {
        let (weights, least) = (&self.weights, self.sampling.min_p);
        self.ids.retain(|id| weights[*id as usize] >= least);
    }

    /// Returns the id at which the running sum of weights first exceeds `target`.
    fn draw(&self, target: f64) -> u32 {
        let (mut sum, mut last) = (0.0, 0);
        for &id in &self.ids {
            let weight = f64::from(self.weights[id as usize]);
            if weight > 0.0 {
                sum += weight;
                last = id;
                if sum > target {
                    break;
                }
            }
        }
        last
    }
}

/// Orders ids by falling logit, equal ones by rising id; total as long as no logit is NaN.
fn rank(logits: &[f32]) -> impl FnMut(&u32, &u32) -> Ordering + '_ {
    |&a, &b| {
        let by_logit = logits[b as usize]
            .partial_cmp(&logits[a as usize])
            .unwrap_or(Ordering::Equal);
        by_logit.then(a.cmp(&b))
    }
}

#[cfg(test)]
mod tests;
