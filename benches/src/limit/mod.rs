//! What the machine can do at most, measured in this process.
//!
//! | file | concept |
//! |---|---|
//! | `read` | reading weights: from a cache, or from memory on pages of some size |
//! | `peak` | multiply-accumulates on registers: dot products, look-ups, selects |
//! | `store` | writing rows |
//! | `cache` | how large the caches are |

mod cache;
mod peak;
mod read;
mod store;

pub(crate) use cache::{caches, level};
pub(crate) use peak::{Use, peak};
pub(crate) use read::{Reading, read};
pub(crate) use store::{copy, store};

use atome_kernels::dispatch;
use atome_spec::{Isa, Tier};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A limit of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Of what.
    pub kind: LimitKind,
    /// 10^9 a second of what the kind [counts](LimitKind::unit), by as many threads as did the work.
    pub value: f64,
    /// The instructions of a peak, or the pages of memory that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Cow<'static, str>>,
}

/// What a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitKind {
    /// Reading what is in memory only.
    DramRead,
    /// Reading what is in the level 2 cache, or nearer.
    L2,
    /// Reading what is in the level 3 cache.
    L3,
    /// Multiplying and adding bytes that are in registers.
    DotPeak,
    /// Looking sums of bytes up, and adding them.
    LookUpPeak,
    /// Looking f32 numbers up, and adding them.
    SelectPeak,
    /// Writing rows.
    Store,
}

impl LimitKind {
    /// Every one.
    pub const ALL: [LimitKind; 7] = [
        LimitKind::DramRead,
        LimitKind::L2,
        LimitKind::L3,
        LimitKind::DotPeak,
        LimitKind::LookUpPeak,
        LimitKind::SelectPeak,
        LimitKind::Store,
    ];

    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            LimitKind::DramRead => "dram_read",
            LimitKind::L2 => "l2",
            LimitKind::L3 => "l3",
            LimitKind::DotPeak => "dot_peak",
            LimitKind::LookUpPeak => "look_up_peak",
            LimitKind::SelectPeak => "select_peak",
            LimitKind::Store => "store",
        }
    }

    /// Whether it is of arithmetic, not of memory.
    pub const fn is_peak(self) -> bool {
        matches!(
            self,
            LimitKind::DotPeak | LimitKind::LookUpPeak | LimitKind::SelectPeak
        )
    }

    /// What a limit's value counts, in units of 10^9 a second.
    pub const fn unit(self) -> &'static str {
        if self.is_peak() { "GMAC/s" } else { "GB/s" }
    }
}

impl Limit {
    /// What was reached, as a part of the limit.
    pub(crate) fn part(&self, gbps: f64, gmacs: Option<f64>) -> f64 {
        match self.kind.is_peak() {
            true => gmacs.unwrap_or(0.0) / self.value,
            false => gbps / self.value,
        }
    }
}

/// The widest instruction set of a tier that this machine has.
pub(crate) fn widest(tier: Tier) -> Isa {
    let found = tier.isas().find(|isa| dispatch::has(*isa));
    found.unwrap_or(tier.baseline())
}

/// What takes longer at its best: reading so many bytes of weights, or so many multiply-accumulates.
pub(crate) fn product(of: Use, macs: usize, reading: Reading) -> Limit {
    let read = read(reading);
    match peak(reading.isa, of, reading.threads) {
        Some(peak) if macs as f64 / peak.value > reading.bytes as f64 / read.value => peak,
        _ => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Pages;

    #[test]
    fn kinds_have_their_names_in_records() {
        for kind in LimitKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            let unit = if kind.name().ends_with("_peak") {
                "GMAC/s"
            } else {
                "GB/s"
            };
            assert_eq!(kind.unit(), unit);
        }
    }

    #[test]
    fn the_slower_of_reading_and_computing_is_the_limit() {
        let reading = Reading {
            isa: dispatch::best_isa(),
            bytes: 64 << 10,
            pages: Pages::Small,
            threads: 1,
        };
        let often = product(Use::Gemm, reading.bytes << 16, reading);
        let never = product(Use::Gemm, 1, reading);
        assert_eq!(never.kind, LimitKind::L2);
        let has_peak = reading.isa != atome_spec::Isa::Portable;
        assert_eq!(often.kind == LimitKind::DotPeak, has_peak);
        assert_eq!(often.of.is_some(), has_peak);
    }
}
