//! Where the time of a model goes: its calls, one by one.

use crate::error::BenchError;
use crate::random::Random;
use crate::record::rounded;
use crate::source::published;
use crate::time::time_in_turn;
use atome::checkpoint::Checkpoint;
use atome::profile::{CallKind, ProfileError, Single};
use atome::{BackendKind, Model, Options};
use serde::Serialize;
use std::time::Duration;

/// Time a round of a call's takes, whatever runs it.
const ROUND: Duration = Duration::from_millis(6);
const SEED: u64 = 0xca11;

/// What of a model is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Tokens that come before.
    pub position: usize,
    /// Tokens that run at once.
    pub tokens: usize,
}

/// A kind of call, and how long one of it takes.
#[derive(Clone, Debug, Serialize)]
pub struct CallTime {
    /// The call.
    #[serde(flatten)]
    pub kind: CallKind,
    /// Nanoseconds by kernels compiled ahead of time, if that was asked for.
    pub ahead_ns: Option<f64>,
    /// Nanoseconds in code made at load, if that was asked for and can be.
    pub made_ns: Option<f64>,
}

impl CallTime {
    /// Nanoseconds of all of the kind: in code made at load, if that was timed.
    pub fn total_ns(&self) -> f64 {
        self.kind.times as f64 * self.made_ns.or(self.ahead_ns).unwrap_or(0.0)
    }
}

/// Names of the models of random weights in published shapes.
pub fn shapes() -> Vec<String> {
    published().into_iter().map(|source| source.shape).collect()
}

/// A model of random weights in a published shape, if there is one of that name.
pub fn random_model(shape: &str) -> Option<Checkpoint> {
    let source = published()
        .into_iter()
        .find(|source| source.shape == shape)?;
    Some(source.model.clone())
}

/// Times the calls of a model by the backend of the options, or by both that run machine code where it is
/// [`BackendKind::Auto`], taking turns. Each is alone: one thread, with what it reads in the cache if there is room. `watch` is
/// told which call is timed.
///
/// # Errors
/// If the backend cannot run the model, or the tokens are more than it takes.
pub fn profile(
    model: &Model,
    by: BackendKind,
    moment: Moment,
    watch: &mut dyn FnMut(&CallKind),
) -> Result<Vec<CallTime>, BenchError> {
    let mut random = Random::new(SEED);
    let mut tokens = |count| -> Vec<u32> {
        let ids = (0..count).map(|_| random.below(model.vocab()) as u32);
        ids.collect()
    };
    let (before, block) = (tokens(moment.position), tokens(moment.tokens));
    let mut times = Vec::new();
    model.profile(by, &before, &block, &mut |single| {
        watch(single.kind);
        times.push(time(single, by));
    })?;
    Ok(times)
}

/// Options by which a model is loaded for [`profile`]: it brings its own code.
pub fn options_to_profile(options: Options, moment: Moment) -> Options {
    Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        block: options.block.max(moment.tokens),
        ..options
    }
}

fn time(single: &mut Single<'_>, by: BackendKind) -> CallTime {
    let ways: &[BackendKind] = match (by, &single.kind.made) {
        (BackendKind::Jit, _) => &[BackendKind::Jit],
        (_, Some(_)) => &[BackendKind::Aot, BackendKind::Jit],
        (_, None) => &[BackendKind::Aot],
    };
    let ns = time_in_turn(ROUND, ways.len(), &mut |way, times| {
        single.time(ways[way], times)
    });
    let of = |by| {
        let place = ways.iter().position(|way| *way == by)?;
        Some(rounded(ns[place]))
    };
    CallTime {
        kind: single.kind.clone(),
        ahead_ns: of(BackendKind::Aot),
        made_ns: of(BackendKind::Jit),
    }
}

impl From<ProfileError> for BenchError {
    fn from(error: ProfileError) -> BenchError {
        match error {
            ProfileError::Prepare(error) => BenchError::Load(error.into()),
            ProfileError::Run(error) => BenchError::Run(error),
            error => BenchError::Profile(error),
        }
    }
}
