//! Which CPU tiers this machine runs, found once.
//!
//! Detection asks the CPU and the operating system (wide registers must be saved on a
//! context switch), needs no `std`, and is cached in an atomic. A tier is claimed only where
//! every [`Feature`] of its baseline is there: virtual machines mask single ones.
//!
//! ```
//! use atome_kernels::dispatch;
//! use atome_spec::Tier;
//!
//! assert!(dispatch::available(Tier::Portable));
//! assert_eq!(dispatch::tiers()[0], dispatch::detect());
//! ```

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use atome_spec::{Feature, Isa, Tier};
use core::sync::atomic::{AtomicU32, Ordering};

/// The best tier this machine runs.
pub fn detect() -> Tier {
    tiers()[0]
}

/// Whether kernels of `tier` run on this machine.
pub fn available(tier: Tier) -> bool {
    tiers().contains(&tier)
}

/// Whether this machine has an instruction set.
///
/// ```
/// use atome_kernels::dispatch;
///
/// let tier = dispatch::detect();
/// assert!(dispatch::has(tier.baseline()));
/// ```
pub fn has(isa: Isa) -> bool {
    available(isa.tier()) && isa.features().all(has_feature)
}

/// The best instruction set that this machine has.
///
/// ```
/// use atome_kernels::dispatch;
///
/// assert_eq!(dispatch::best_isa().tier(), dispatch::detect());
/// ```
pub fn best_isa() -> Isa {
    best_isa_of(detect())
}

/// The best instruction set of a tier that this machine has; the tier's baseline if it has none.
pub fn best_isa_of(tier: Tier) -> Isa {
    let found = tier.isas().find(|isa| has(*isa));
    found.unwrap_or(tier.baseline())
}

/// Counts this machine as one that lacks a feature, from now on: kernels that need it are not found. For
/// comparing kinds of CPU on one of them. What was found before stays as it was.
///
/// ```
/// use atome_kernels::dispatch;
/// use atome_spec::{Feature, Tier};
///
/// dispatch::forgo(Feature::Sse42);
/// assert!(!dispatch::available(Tier::X86_64V2));
/// assert!(dispatch::available(Tier::Portable));
/// ```
pub fn forgo(feature: Feature) {
    FORGONE.fetch_or(1 << feature as u32, Ordering::Relaxed);
}

/// The features that are not looked for any more, as bits.
static FORGONE: AtomicU32 = AtomicU32::new(0);
const _: () = assert!(Feature::ALL.len() <= 32);

fn has_feature(feature: Feature) -> bool {
    FORGONE.load(Ordering::Relaxed) >> feature as u32 & 1 == 0 && finds(feature)
}

/// Every tier this machine runs, best first; the last is [`Tier::Portable`], but for a module of WebAssembly that is compiled
/// for SIMD128, which no engine without it runs.
///
/// A tier implies all that come after it.
pub fn tiers() -> &'static [Tier] {
    tiers_with(has_feature)
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
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Tier::Wasm,
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Tier::Portable,
];

/// [`tiers`] of a machine that has certain features.
fn tiers_with(has: impl Fn(Feature) -> bool) -> &'static [Tier] {
    let runs = |tier: &Tier| tier.baseline().features().all(&has);
    let first = BEST_FIRST.iter().position(runs);
    &BEST_FIRST[first.unwrap_or(BEST_FIRST.len() - 1)..]
}

#[cfg(target_arch = "aarch64")]
use aarch64::finds;
#[cfg(target_arch = "x86_64")]
use x86_64::finds;

/// What the module is compiled for, which its engine has.
#[cfg(target_arch = "wasm32")]
fn finds(feature: Feature) -> bool {
    match feature {
        Feature::Simd128 => cfg!(target_feature = "simd128"),
        Feature::RelaxedSimd => cfg!(target_feature = "relaxed-simd"),
        _ => false,
    }
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "wasm32"
)))]
fn finds(_feature: Feature) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_needs_every_feature_of_its_baseline() {
        for &tier in BEST_FIRST {
            let own = |feature| tier.baseline().features().any(|f| f == feature);
            assert_eq!(tiers_with(own)[0], tier);
            for masked in tier.baseline().features() {
                let best = tiers_with(|feature| own(feature) && feature != masked)[0];
                let needs_it = best.baseline().features().any(|f| f == masked);
                assert!(best < tier && !needs_it, "{tier} without {masked}: {best}");
            }
        }
        assert_eq!(tiers_with(|_| false), [Tier::Portable]);
        assert_eq!(tiers_with(|_| true), BEST_FIRST);
    }

    /// The standard library's detection is another reading of the same manuals.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn features_are_those_that_the_standard_library_finds() {
        macro_rules! same {
            ($($name:tt)+) => {$(
                let feature: Feature = $name.parse().expect("a feature");
                assert_eq!(has_feature(feature), std::is_x86_feature_detected!($name), $name);
            )+};
        }
        same!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "bmi1" "bmi2" "lzcnt" "fma");
        same!("f16c" "avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl" "avx512vbmi");
        same!("avx512vnni" "avxvnni");
    }
}
