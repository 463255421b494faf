//! What an AArch64 CPU has beyond its architecture.

use atome_spec::{Feature, Sign};

pub(super) fn finds(feature: Feature) -> bool {
    match feature.sign() {
        Sign::Architecture => true,
        Sign::Hwcap(bit) => is_told(feature, (AT_HWCAP, bit)),
        Sign::Hwcap2(bit) => is_told(feature, (AT_HWCAP2, bit)),
        Sign::Cpuid(..) | Sign::Compiled => false,
    }
}

/// Words of what the kernel tells a program.
const AT_HWCAP: core::ffi::c_ulong = 16;
const AT_HWCAP2: core::ffi::c_ulong = 26;

/// The kernel tells a program what the CPU has.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code, reason = "a call into the C library")]
fn is_told(_feature: Feature, (word, bit): (core::ffi::c_ulong, u32)) -> bool {
    unsafe extern "C" {
        safe fn getauxval(kind: core::ffi::c_ulong) -> core::ffi::c_ulong;
    }
    getauxval(word) >> bit & 1 == 1
}

/// What the program is compiled for.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_told(feature: Feature, _bit: (core::ffi::c_ulong, u32)) -> bool {
    match feature {
        Feature::Dotprod => cfg!(target_feature = "dotprod"),
        Feature::I8mm => cfg!(target_feature = "i8mm"),
        _ => false,
    }
}
