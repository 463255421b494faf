//! How fast memory and caches can be read.
#![allow(
    unsafe_code,
    reason = "loops of loads, of instructions that the CPU was asked for"
)]

use super::cache::caches;
use super::{Limit, LimitKind};
use crate::pages::{Buffer, Pages};
use crate::time::{BRIEF, time_together};
use atome_kernels::dispatch;
use atome_spec::Isa;
use std::hint::black_box;

/// Bytes that a round of a loop reads.
const ROUND_BYTES: usize = 512;
/// Least that a thread reads: below it the loop around it counts.
const LEAST_BYTES: usize = 4096;
/// How far ahead lines are asked for: not at all, in a cache, and from memory. What suits best counts.
const AHEAD: [usize; 3] = [0, 4096, 16 << 10];

/// What is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Whose widest loads read it, where this machine has it.
    pub(crate) isa: Isa,
    /// Bytes, again and again: from the cache they fit in, or from memory.
    pub(crate) bytes: usize,
    /// The pages they lie on.
    pub(crate) pages: Pages,
    /// Threads, each of which reads its part.
    pub(crate) threads: usize,
}

impl Reading {
    /// By one thread, on small pages.
    pub(crate) const fn by_one(isa: Isa, bytes: usize) -> Reading {
        Reading {
            isa,
            bytes,
            pages: Pages::Small,
            threads: 1,
        }
    }
}

/// How fast that is.
pub(crate) fn read(reading: Reading) -> Limit {
    let Reading {
        isa,
        bytes,
        pages,
        threads,
    } = reading;
    let caches = caches();
    let (kind, bytes) = match bytes {
        n if n.div_ceil(threads) <= caches.l2 => (LimitKind::L2, n),
        n if n <= caches.l3 => (LimitKind::L3, n),
        // Far larger than the cache, of which a set just above its size still uses much.
        n => (LimitKind::DramRead, n.max(4 * caches.l3)),
    };
    let part = (bytes / threads).max(LEAST_BYTES) / ROUND_BYTES * ROUND_BYTES;
    let buffer = Buffer::new(part * threads, pages);
    let load = loads(isa);
    let ns = AHEAD.map(|ahead| {
        let parts = buffer.bytes().chunks_exact(part);
        let mut works: Vec<_> = parts.map(|part| move || load.run(part, ahead)).collect();
        time_together(&mut works, BRIEF)
    });
    let least = ns.into_iter().fold(f64::INFINITY, f64::min);
    Limit {
        kind,
        value: (part * threads) as f64 / least,
        of: (kind == LimitKind::DramRead).then(|| buffer.pages().name().into()),
    }
}

/// A loop of loads.
#[derive(Clone, Copy)]
enum Load {
    /// Reads so many bytes, a multiple of [`ROUND_BYTES`], at an address, and asks for what is so far ahead.
    Asm(unsafe fn(*const u8, usize, usize)),
    Plain,
}

impl Load {
    fn run(self, bytes: &[u8], ahead: usize) {
        match self {
            Load::Asm(run) => {
                assert!(!bytes.is_empty() && bytes.len().is_multiple_of(ROUND_BYTES));
                // SAFETY: `loads` gives loops for this machine; the slice is a multiple of a round, as was checked.
                unsafe { run(bytes.as_ptr(), bytes.len(), ahead) }
            }
            Load::Plain => {
                black_box(sum(black_box(bytes)));
            }
        }
    }
}

/// The widest loads of an instruction set.
fn loads(isa: Isa) -> Load {
    if !dispatch::has(isa) {
        return Load::Plain;
    }
    match isa.vector_bits() {
        _ if isa == Isa::Portable => Load::Plain,
        #[cfg(target_arch = "x86_64")]
        512 => Load::Asm(x86::zmm),
        #[cfg(target_arch = "x86_64")]
        256 => Load::Asm(x86::ymm),
        #[cfg(target_arch = "x86_64")]
        _ => Load::Asm(x86::xmm),
        #[cfg(target_arch = "aarch64")]
        _ => Load::Asm(arm64::q),
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        _ => Load::Plain,
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    macro_rules! loads {
        ($name:ident, $feature:literal, $offsets:literal, $load:literal) => {
            /// # Safety
            /// So many bytes can be read there, a multiple of a round and at least one.
            #[target_feature(enable = $feature)]
            pub(super) unsafe fn $name(from: *const u8, bytes: usize, ahead: usize) {
                // SAFETY: reads what the caller says can be read; a prefetch reads nothing that could fail; only
                // registers that are given up here are written.
                unsafe {
                    asm!(
                        "2:",
                        concat!(".irp o,", $offsets),
                        $load,
                        ".endr",
                        "test rdx,rdx",
                        "jz 3f",
                        ".irp o,0,64,128,192,256,320,384,448",
                        r"prefetcht0 [rsi+rdx+\o]",
                        ".endr",
                        "3:",
                        "add rsi,512",
                        "cmp rsi,rdi",
                        "jb 2b",
                        inout("rsi") from => _,
                        in("rdi") from.wrapping_add(bytes),
                        in("rdx") ahead,
                        clobber_abi("sysv64"),
                        options(readonly, nostack),
                    );
                }
            }
        };
    }

    loads!(
        zmm,
        "avx512f",
        "0,64,128,192,256,320,384,448",
        r"vmovdqu64 zmm0,[rsi+\o]"
    );
    loads!(
        ymm,
        "avx2",
        "0,32,64,96,128,160,192,224,256,288,320,352,384,416,448,480",
        r"vmovdqu ymm0,[rsi+\o]"
    );
    loads!(
        xmm,
        "sse4.1",
        "0,16,32,48,64,80,96,112,128,144,160,176,192,208,224,240,256,272,288,304,320,336,352,368,384,400,416,432,448,464,480,496",
        r"movdqu xmm0,[rsi+\o]"
    );
}

#[cfg(target_arch = "aarch64")]
mod arm64 {
    use std::arch::asm;

    /// # Safety
    /// So many bytes can be read there, a multiple of a round and at least one.
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn q(from: *const u8, bytes: usize, ahead: usize) {
        // SAFETY: reads what the caller says can be read; a prefetch reads nothing that could fail; only registers
        // that are given up here are written.
        unsafe {
            asm!(
                "2:",
                ".irp o,0,32,64,96,128,160,192,224,256,288,320,352,384,416,448,480",
                r"ldp q0,q1,[x9,#\o]",
                ".endr",
                "cbz x11,3f",
                "add x12,x9,x11",
                ".irp o,0,64,128,192,256,320,384,448",
                r"prfm pldl1keep,[x12,#\o]",
                ".endr",
                "3:",
                "add x9,x9,#512",
                "cmp x9,x10",
                "b.lo 2b",
                inout("x9") from => _,
                in("x10") from.wrapping_add(bytes),
                in("x11") ahead,
                out("x12") _,
                out("v0") _,
                out("v1") _,
                options(readonly, nostack),
            );
        }
    }
}

fn sum(buffer: &[u8]) -> u64 {
    let (words, _) = buffer.as_chunks::<8>();
    let (chunks, rest) = words.as_chunks::<16>();
    let mut sums = [0u64; 16];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(u64::from_ne_bytes(*x));
        }
    }
    let rest = rest.iter().map(|word| u64::from_ne_bytes(*word));
    sums.into_iter().chain(rest).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_of_what_they_say() {
        let reading = |bytes, threads| Reading {
            isa: Isa::Portable,
            bytes,
            pages: Pages::Small,
            threads,
        };
        let limit = read(reading(64 << 10, 1));
        assert!(limit.kind == LimitKind::L2 && limit.value > 0.1);
        let caches = caches();
        assert_eq!(read(reading(caches.l2 + 1, 1)).kind, LimitKind::L3);
        assert_eq!(read(reading(caches.l2 + 1, 2)).kind, LimitKind::L2);
    }

    #[test]
    fn every_instruction_set_of_this_machine_reads() {
        let bytes = [3u8; 4 * ROUND_BYTES];
        for isa in Isa::ALL.iter().copied().filter(|isa| dispatch::has(*isa)) {
            assert_eq!(
                matches!(loads(isa), Load::Plain),
                isa == Isa::Portable
                    || cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64")))
            );
            for ahead in AHEAD {
                loads(isa).run(&bytes, ahead);
            }
        }
        assert_eq!(
            sum(&bytes[..1000]),
            0x0303_0303_0303_0303_u64.wrapping_mul(125)
        );
    }
}
