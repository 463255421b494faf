//! How a kernel is laid over a machine: pure choices from a table, before any code.
//!
//! Every choice gives the same bits; only speed depends on it.

use crate::KernelSpec;
use atome_spec::{Method, Op, Tier};
use std::fmt;

/// The choices for one kernel on one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// Method of the ternary product.
    pub method: Method,
    /// Groups of 16 rows that are accumulated together: 1, 2 or 4.
    pub row_groups: usize,
    /// Tokens that share one reading of the weights.
    pub tokens: usize,
    /// How far ahead weights are prefetched, in bytes; 0 for not at all.
    pub prefetch_bytes: u64,
    /// Whether reductions of a bound length are unrolled into straight code.
    pub unroll_reductions: bool,
}

/// A row of the table: choices of one tier for `gemv` and for `gemm`.
struct Row {
    tier: Tier,
    gemv_groups: usize,
    gemm: (usize, usize),
    prefetch_bytes: u64,
}

// Accumulators are `groups * tokens` logical vectors. They must leave room for the codes and
// the tables in the register file: 32 registers of 512 bits, 16 of 256, 16 of 128 on x86-64
// and 32 of 128 on AArch64.
const TABLE: &[Row] = &[
    Row {
        tier: Tier::X86_64V4,
        gemv_groups: 4,
        gemm: (4, 4),
        prefetch_bytes: 4096,
    },
    Row {
        tier: Tier::X86_64V3,
        gemv_groups: 4,
        gemm: (2, 2),
        prefetch_bytes: 4096,
    },
    Row {
        tier: Tier::X86_64V2,
        gemv_groups: 1,
        gemm: (1, 2),
        prefetch_bytes: 0,
    },
    Row {
        tier: Tier::Neon,
        gemv_groups: 2,
        gemm: (2, 2),
        prefetch_bytes: 0,
    },
    Row {
        tier: Tier::Portable,
        gemv_groups: 1,
        gemm: (1, 1),
        prefetch_bytes: 0,
    },
];

/// The table's choice for `spec` on `tier`.
pub fn select(spec: &KernelSpec, tier: Tier) -> Schedule {
    let row = TABLE
        .iter()
        .find(|r| r.tier == tier)
        .unwrap_or(&TABLE[TABLE.len() - 1]);
    let (row_groups, tokens) = match spec.op {
        Op::Gemv => (row.gemv_groups, 1),
        _ => row.gemm,
    };
    Schedule {
        method: spec.method.unwrap_or(Method::Select),
        row_groups,
        tokens,
        prefetch_bytes: row.prefetch_bytes,
        unroll_reductions: true,
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schedule {
            method,
            row_groups,
            tokens,
            prefetch_bytes,
            ..
        } = self;
        write!(
            f,
            "method={method} row_groups={row_groups} tokens={tokens} \
             prefetch_bytes={prefetch_bytes}"
        )
    }
}
