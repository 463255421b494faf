//! What was measured of a whole model.

use crate::limit::Limit;
use crate::record::{Record, rounded};
use atome::Model;
use atome::checkpoint::Checkpoint;
use atome_spec::Method;

/// What was measured of a model.
pub(crate) struct Timing {
    /// Nanoseconds a call.
    pub(crate) ns: f64,
    /// Bytes a call reads at least.
    pub(crate) bytes: usize,
    /// What takes longer at its best: reading them or multiplying.
    pub(crate) limit: Limit,
    /// Tokens a call takes in; 0 if it loads.
    pub(crate) tokens: usize,
    /// How often a call runs the head.
    pub(crate) heads: usize,
}

impl Timing {
    /// The record of a model.
    pub(crate) fn record(
        self,
        name: &str,
        source: &Checkpoint,
        model: &Model,
        method: Method,
    ) -> Record {
        let Timing {
            ns,
            bytes,
            limit,
            tokens,
            heads,
        } = self;
        let info = model.info();
        let gbps = bytes as f64 / ns;
        let (ran, macs) = (tokens > 0, source.macs(tokens, heads));
        let gmacs = ran.then(|| macs as f64 / ns);
        Record {
            name: name.to_owned(),
            threads: info.threads,
            ns: rounded(ns),
            gmacs: gmacs.map(rounded),
            gbps: rounded(gbps),
            of_limit: rounded(limit.part(gbps, gmacs)),
            limit: Limit {
                value: rounded(limit.value),
                ..limit
            },
            bits_per_weight: Some(2.0),
            method: Some(method.name().into()),
            backend: model.backend().backend.into(),
            schedule: None,
            tok_s: ran.then(|| rounded(tokens as f64 * 1e9 / ns)),
        }
    }
}
