//! What an AArch64 CPU has beyond its architecture.

use atome_spec::Feature;

pub(super) fn has_feature(feature: Feature) -> bool {
    match feature {
        // Part of AArch64.
        Feature::Neon => true,
        Feature::Dotprod => has_dotprod(),
        Feature::Sse3
        | Feature::Ssse3
        | Feature::Sse41
        | Feature::Sse42
        | Feature::Popcnt
        | Feature::Avx
        | Feature::Avx2
        | Feature::Bmi1
        | Feature::Bmi2
        | Feature::Lzcnt
        | Feature::Fma
        | Feature::F16c
        | Feature::Avx512f
        | Feature::Avx512bw
        | Feature::Avx512cd
        | Feature::Avx512dq
        | Feature::Avx512vl
        | Feature::Avx512vbmi
        | Feature::Avx512vnni => false,
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
