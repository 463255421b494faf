//! Which CPU tiers this machine runs, found once.
//!
//! Detection asks the CPU and the operating system (wide registers must be saved on a
//! context switch), needs no `std`, and is cached in atomics.
//!
//! ```
//! use atome_kernels::dispatch;
//! use atome_spec::Tier;
//!
//! assert!(dispatch::available(Tier::Portable));
//! assert_eq!(dispatch::tiers()[0], dispatch::detect());
//! ```

use atome_spec::Tier;

/// The best tier this machine runs.
pub fn detect() -> Tier {
    tiers()[0]
}

/// Whether kernels of `tier` run on this machine.
pub fn available(tier: Tier) -> bool {
    tiers().contains(&tier)
}

/// Every tier this machine runs, best first; the last is [`Tier::Portable`].
///
/// A tier implies all that come after it.
pub fn tiers() -> &'static [Tier] {
    let first = BEST_FIRST
        .iter()
        .position(|&tier| runs(tier))
        .unwrap_or(BEST_FIRST.len() - 1);
    &BEST_FIRST[first..]
}

/// The tiers that were compiled into this crate, best first.
pub(crate) const BEST_FIRST: &[Tier] = &[
    #[cfg(target_arch = "x86_64")]
    Tier::X86_64V4,
    #[cfg(target_arch = "x86_64")]
    Tier::X86_64V3,
    #[cfg(target_arch = "x86_64")]
    Tier::X86_64V2,
    #[cfg(target_arch = "aarch64")]
    Tier::Neon,
    Tier::Portable,
];

#[cfg(target_arch = "x86_64")]
use x86_64::runs;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use atome_spec::Tier;

    cpufeatures::new!(v2, "sse4.1", "sse4.2");
    cpufeatures::new!(v3, "sse4.1", "sse4.2", "avx2");
    cpufeatures::new!(
        v4, "sse4.1", "sse4.2", "avx2", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"
    );

    pub(super) fn runs(tier: Tier) -> bool {
        match tier {
            Tier::X86_64V4 => v4::get(),
            Tier::X86_64V3 => v3::get(),
            Tier::X86_64V2 => v2::get(),
            tier => tier == Tier::Portable,
        }
    }
}

// NEON is part of AArch64, so nothing is asked.
#[cfg(not(target_arch = "x86_64"))]
fn runs(tier: Tier) -> bool {
    BEST_FIRST.contains(&tier)
}
