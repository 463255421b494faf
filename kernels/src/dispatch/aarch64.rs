//! What an AArch64 CPU has beyond its architecture.

use atome_spec::Feature;

pub(super) fn has_feature(feature: Feature) -> bool {
    match feature {
        // Part of AArch64.
        Feature::Neon => true,
        Feature::Dotprod => has_dotprod(),
        _ => false,
    }
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
