//! What an x86-64 CPU has, by `CPUID`.
#![allow(unsafe_code, reason = "`xgetbv` is an instruction not every CPU has")]

use atome_spec::Feature;
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU32, Ordering};

/// Says that the features were asked for, beside a bit for each that was found.
const ASKED: u32 = 1 << 31;
const _: () = assert!(Feature::ALL.len() < 31);

/// Asked once: in a virtual machine the question takes microseconds.
pub(super) fn has_feature(feature: Feature) -> bool {
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
    /// `ebx` and `ecx` of leaf 7.
    extended: [u32; 2],
    /// `ecx` of leaf 0x8000_0001.
    amd: u32,
    /// The registers that the operating system saves on a context switch.
    saved: u64,
}

/// Bits of `xcr0`: those of 128 and 256 bits; those and the masks and all of 512 bits.
const YMM: u64 = 0b0000_0110;
const ZMM: u64 = 0b1110_0110;

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
                [found.ebx, found.ecx]
            }
            _ => [0, 0],
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
        let [ebx, ecx] = self.extended;
        let (register, bit, saved) = match feature {
            Feature::Sse3 => (self.basic, 0, 0),
            Feature::Ssse3 => (self.basic, 9, 0),
            Feature::Sse41 => (self.basic, 19, 0),
            Feature::Sse42 => (self.basic, 20, 0),
            Feature::Popcnt => (self.basic, 23, 0),
            Feature::Fma => (self.basic, 12, YMM),
            Feature::Avx => (self.basic, 28, YMM),
            Feature::F16c => (self.basic, 29, YMM),
            Feature::Bmi1 => (ebx, 3, 0),
            Feature::Avx2 => (ebx, 5, YMM),
            Feature::Bmi2 => (ebx, 8, 0),
            Feature::Avx512f => (ebx, 16, ZMM),
            Feature::Avx512dq => (ebx, 17, ZMM),
            Feature::Avx512cd => (ebx, 28, ZMM),
            Feature::Avx512bw => (ebx, 30, ZMM),
            Feature::Avx512vl => (ebx, 31, ZMM),
            Feature::Avx512vbmi => (ecx, 1, ZMM),
            Feature::Avx512vnni => (ecx, 11, ZMM),
            Feature::Lzcnt => (self.amd, 5, 0),
            Feature::Neon | Feature::Dotprod => return false,
        };
        register >> bit & 1 == 1 && self.saved & saved == saved
    }
}
