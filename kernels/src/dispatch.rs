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

use atome_spec::{Isa, Tier};

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
    available(isa.tier()) && (!isa.is_extension() || has_extension(isa))
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

#[cfg(target_arch = "aarch64")]
use aarch64::has_extension;
#[cfg(target_arch = "x86_64")]
use x86_64::{has_extension, runs};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use atome_spec::{Isa, Tier};
    use core::arch::x86_64::__cpuid_count;
    use core::sync::atomic::{AtomicU8, Ordering};

    cpufeatures::new!(v2, "sse4.1", "sse4.2");
    cpufeatures::new!(v3, "sse4.1", "sse4.2", "avx2");
    cpufeatures::new!(
        v4, "sse4.1", "sse4.2", "avx2", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"
    );

    cpufeatures::new!(vbmi, "avx512vbmi");

    /// The leaf of extended features, and VNNI's bit of its `ecx`.
    const EXTENDED: u32 = 7;
    const VNNI: u32 = 1 << 11;

    /// Asks for what the tier does not say; the tier says that wide registers are saved.
    pub(super) fn has_extension(isa: Isa) -> bool {
        isa == Isa::Avx512Vnni && vbmi::get() && has_vnni()
    }

    /// Asked once: in a virtual machine the question takes microseconds.
    fn has_vnni() -> bool {
        const UNKNOWN: u8 = 2;
        static KNOWN: AtomicU8 = AtomicU8::new(UNKNOWN);
        let known = KNOWN.load(Ordering::Relaxed);
        if known != UNKNOWN {
            return known == 1;
        }
        let found = __cpuid_count(EXTENDED, 0).ecx & VNNI != 0;
        KNOWN.store(u8::from(found), Ordering::Relaxed);
        found
    }

    pub(super) fn runs(tier: Tier) -> bool {
        match tier {
            Tier::X86_64V4 => v4::get(),
            Tier::X86_64V3 => v3::get(),
            Tier::X86_64V2 => v2::get(),
            tier => tier == Tier::Portable,
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use atome_spec::Isa;

    pub(super) fn has_extension(isa: Isa) -> bool {
        isa == Isa::Dotprod && has_dotprod()
    }

    /// The kernel tells a program what the CPU has; `AT_HWCAP` and the bit of `sdot`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[allow(unsafe_code, reason = "a call into the C library")]
    fn has_dotprod() -> bool {
        const AT_HWCAP: core::ffi::c_ulong = 16;
        const ASIMDDP: core::ffi::c_ulong = 1 << 20;
        unsafe extern "C" {
            safe fn getauxval(kind: core::ffi::c_ulong) -> core::ffi::c_ulong;
        }
        getauxval(AT_HWCAP) & ASIMDDP != 0
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn has_dotprod() -> bool {
        cfg!(target_feature = "dotprod")
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_extension(_isa: Isa) -> bool {
    false
}

// NEON is part of AArch64, so nothing is asked.
#[cfg(not(target_arch = "x86_64"))]
fn runs(tier: Tier) -> bool {
    BEST_FIRST.contains(&tier)
}
