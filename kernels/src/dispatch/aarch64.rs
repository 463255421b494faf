//! What an AArch64 CPU has beyond its architecture.

use atome_spec::{Feature, Sign};

pub(super) fn finds(feature: Feature) -> bool {
    match feature.sign() {
        Sign::Architecture => true,
        Sign::Hwcap(bit) => is_told(feature, bit),
        Sign::Cpuid(..) => false,
    }
}

/// The kernel tells a program what the CPU has.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code, reason = "a call into the C library")]
fn is_told(_feature: Feature, bit: u32) -> bool {
    const AT_HWCAP: core::ffi::c_ulong = 16;
    unsafe extern "C" {
        safe fn getauxval(kind: core::ffi::c_ulong) -> core::ffi::c_ulong;
    }
    getauxval(AT_HWCAP) >> bit & 1 == 1
}

/// What the program is compiled for.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_told(feature: Feature, _bit: u32) -> bool {
    feature == Feature::Dotprod && cfg!(target_feature = "dotprod")
}
