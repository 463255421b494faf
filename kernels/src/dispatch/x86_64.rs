//! What an x86-64 CPU has, by `CPUID`.
#![allow(unsafe_code, reason = "`xgetbv` is an instruction not every CPU has")]

use atome_spec::{Cpuid, Feature, Saved, Sign};
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU32, Ordering};

/// Says that the features were asked for, beside a bit for each that was found.
const ASKED: u32 = 1 << 31;
const _: () = assert!(Feature::ALL.len() < 31);

/// Asked once: in a virtual machine the question takes microseconds.
pub(super) fn finds(feature: Feature) -> bool {
    static FOUND: AtomicU32 = AtomicU32::new(0);
    let mut found = FOUND.load(Ordering::Relaxed);
    if found == 0 {
        found = ASKED | ask();
        FOUND.store(found, Ordering::Relaxed);
    }
    found & bit(feature) != 0
}

fn bit(feature: Feature) -> u32 {
    1 << feature as u32
}

/// The features of this CPU, as bits.
fn ask() -> u32 {
    // There is no `CPUID` in an enclave, and the others' code may not touch wide registers.
    if cfg!(any(
        target_env = "sgx",
        target_os = "none",
        target_os = "uefi"
    )) {
        return 0;
    }
    let cpu = Cpu::ask();
    let found = Feature::ALL.iter().filter(|feature| cpu.has(**feature));
    found.fold(0, |bits, feature| bits | bit(*feature))
}

/// The registers that `CPUID` answers with.
struct Cpu {
    /// `ecx` of leaf 1.
    basic: u32,
    /// `ebx` and `ecx` of leaf 7, and `eax` of its subleaf 1.
    extended: [u32; 3],
    /// `ecx` of leaf 0x8000_0001.
    amd: u32,
    /// The registers that the operating system saves on a context switch.
    saved: u64,
}

impl Cpu {
    fn ask() -> Cpu {
        const EXTENDED: u32 = 7;
        const AMD: u32 = 0x8000_0001;
        const OSXSAVE: u32 = 1 << 27;
        let basic = __cpuid(1).ecx;
        // A CPU answers a question that it does not know with something else.
        let extended = match __cpuid(0).eax {
            leaves if leaves >= EXTENDED => {
                let found = __cpuid_count(EXTENDED, 0);
                let more = match found.eax {
                    0 => 0,
                    _ => __cpuid_count(EXTENDED, 1).eax,
                };
                [found.ebx, found.ecx, more]
            }
            _ => [0; 3],
        };
        let amd = match __cpuid(0x8000_0000).eax {
            leaves if leaves >= AMD => __cpuid(AMD).ecx,
            _ => 0,
        };
        let saved = match basic & OSXSAVE {
            0 => 0,
            // SAFETY: the bit says that the system has enabled the instruction.
            _ => unsafe { _xgetbv(0) },
        };
        Cpu {
            basic,
            extended,
            amd,
            saved,
        }
    }

    /// Whether the CPU has a feature, and the system saves the registers it needs.
    fn has(&self, feature: Feature) -> bool {
        let Sign::Cpuid(register, bit, saved) = feature.sign() else {
            return false;
        };
        let register = match register {
            Cpuid::Basic => self.basic,
            Cpuid::ExtendedB => self.extended[0],
            Cpuid::ExtendedC => self.extended[1],
            Cpuid::Extended1A => self.extended[2],
            Cpuid::Amd => self.amd,
        };
        let saved = saved_bits(saved);
        register >> bit & 1 == 1 && self.saved & saved == saved
    }
}

/// Bits of `xcr0`.
const fn saved_bits(saved: Saved) -> u64 {
    match saved {
        Saved::Always => 0,
        Saved::Ymm => 0b0000_0110,
        Saved::Zmm => 0b1110_0110,
    }
}
