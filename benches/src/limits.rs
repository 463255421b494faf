//! The limits of the machine as benchmarks of their own.

use crate::limit::{Limit, Reading, Use, caches, peak, read};
use crate::pages::Pages;
use crate::record::{LIMIT, Record, rounded};
use atome::{BackendKind, Tier};
use atome_kernels::{dispatch, tiers};
use atome_spec::Isa;

/// A limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// Reading a cache, or memory.
    Read(Level, Pages, Isa),
    /// Multiply-accumulates.
    Peak(Use, Isa),
}

/// Where what is read lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    L2,
    L3,
    Dram,
}

impl Of {
    /// Those that bound kernels of a tier, and the peaks of the lower ones beside them.
    pub(crate) fn all(tier: Tier) -> Vec<Of> {
        let below = tiers().iter().skip_while(|t| **t != tier);
        let isas: Vec<Isa> = below
            .flat_map(|tier| tier.isas())
            .filter(|isa| dispatch::has(*isa))
            .collect();
        let widest = isas.first().copied().unwrap_or(Isa::Portable);
        let caches = [Level::L2, Level::L3].map(|level| Of::Read(level, Pages::Small, widest));
        let memory = Pages::ALL.into_iter().filter(|pages| pages.are_given());
        let memory = memory.map(|pages| Of::Read(Level::Dram, pages, widest));
        let machine = isas.into_iter().filter(|isa| *isa != Isa::Portable);
        let peaks = machine.flat_map(|isa| Use::ALL.map(|of| Of::Peak(of, isa)));
        caches.into_iter().chain(memory).chain(peaks).collect()
    }

    /// Its name in the list.
    pub(crate) fn name(self) -> String {
        match self {
            Of::Read(Level::L2, _, isa) => format!("{LIMIT}l2-{isa}"),
            Of::Read(Level::L3, _, isa) => format!("{LIMIT}l3-{isa}"),
            Of::Read(Level::Dram, pages, isa) => format!("{LIMIT}dram-{isa}/{}", pages.name()),
            Of::Peak(of, isa) => format!("{LIMIT}{}-{isa}", of.name()),
        }
    }

    fn limit(self, threads: usize) -> Limit {
        match self {
            Of::Peak(of, isa) => {
                peak(isa, of, threads).expect("only what this machine has is listed")
            }
            Of::Read(level, pages, isa) => {
                let caches = caches();
                let bytes = match level {
                    Level::L2 => threads * caches.l2 / 2,
                    Level::L3 => (caches.l3 / 2).max(threads * caches.l2 + 1),
                    Level::Dram => caches.l3 + 1,
                };
                read(Reading {
                    isa,
                    bytes,
                    pages,
                    threads,
                })
            }
        }
    }

    /// The record: how long 10^6 of what the limit counts take, and how many there are in a second.
    pub(crate) fn record(self, name: &str, threads: usize) -> Record {
        let limit = self.limit(threads);
        let value = rounded(limit.value);
        let is_peak = limit.kind.is_peak();
        Record {
            name: name.to_owned(),
            threads,
            ns: rounded(1e6 / limit.value),
            gmacs: is_peak.then_some(value),
            gbps: if is_peak { 0.0 } else { value },
            limit: Limit { value, ..limit },
            of_limit: 1.0,
            bits_per_weight: None,
            method: None,
            backend: BackendKind::Aot.name().into(),
            schedule: None,
            tok_s: None,
        }
    }
}
