//! Loops of x86-64, each on twelve sums that do not wait for each other.

use super::{Peak, Use};
use atome_spec::Isa;
use std::arch::asm;

/// A function that repeats some instructions on the sums in registers 0 to 11, `\r`; registers 12 to 15 are
/// zero, and what lies between a sum and its operands goes into 12. It ends with upper halves that are zero: where they are not,
/// instructions for 128 bits wait for them.
macro_rules! chains {
    ($name:ident, $feature:literal, $zero:literal, $end:literal, $($line:literal),+) => {
        #[target_feature(enable = $feature)]
        fn $name(rounds: u64) {
            // SAFETY: the instructions are those of the feature, or of an extension that whoever picks the loop
            // asked the CPU for; they touch no memory and only registers that are given up here.
            unsafe {
                asm!(
                    ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                    $zero,
                    ".endr",
                    "2:",
                    ".irp r,0,1,2,3,4,5,6,7,8,9,10,11",
                    $($line,)+
                    ".endr",
                    "dec rcx",
                    "jnz 2b",
                    $end,
                    inout("rcx") rounds => _,
                    clobber_abi("sysv64"),
                    options(nomem, nostack),
                );
            }
        }
    };
}

const CHAINS: usize = 12;

macro_rules! sse {
    ($name:ident, $($line:literal),+) => {
        chains!($name, "sse4.1", r"pxor xmm\r,xmm\r", "", $($line),+);
    };
}

macro_rules! avx {
    ($name:ident, $($line:literal),+) => {
        chains!($name, "avx2", r"vpxor ymm\r,ymm\r,ymm\r", "vzeroupper", $($line),+);
    };
}

macro_rules! avx512 {
    ($name:ident, $($line:literal),+) => {
        chains!($name, "avx512f,avx512bw", r"vpxor ymm\r,ymm\r,ymm\r", "vzeroupper", $($line),+);
    };
}

sse!(
    sse_dot,
    "movdqa xmm12,xmm14",
    "pmaddubsw xmm12,xmm15",
    r"paddw xmm\r,xmm12"
);
sse!(
    sse_look_up,
    "movdqa xmm12,xmm14",
    "pshufb xmm12,xmm15",
    r"paddb xmm\r,xmm12"
);
sse!(
    sse_select,
    "movdqa xmm12,xmm14",
    "pshufb xmm12,xmm15",
    r"addps xmm\r,xmm12"
);

avx!(
    avx_gemm,
    "vpmaddubsw ymm12,ymm15,ymm14",
    r"vpaddw ymm\r,ymm\r,ymm12"
);
avx!(
    avx_gemv,
    "vpand ymm12,ymm15,ymm13",
    "vpmaddubsw ymm12,ymm12,ymm14",
    r"vpaddw ymm\r,ymm\r,ymm12"
);
avx!(avx_vnni, r"{{vex}} vpdpbusd ymm\r,ymm15,ymm14");
avx!(
    avx_look_up,
    "vpshufb ymm12,ymm15,ymm14",
    r"vpaddb ymm\r,ymm\r,ymm12"
);
avx!(
    avx_select,
    "vpermilps ymm12,ymm15,ymm14",
    r"vaddps ymm\r,ymm\r,ymm12"
);

avx512!(
    avx512_gemm,
    "vpmaddubsw zmm12,zmm15,zmm14",
    r"vpaddw zmm\r,zmm\r,zmm12"
);
avx512!(
    avx512_gemv,
    "vpandd zmm12,zmm15,zmm13",
    "vpmaddubsw zmm12,zmm12,zmm14",
    r"vpaddw zmm\r,zmm\r,zmm12"
);
avx512!(avx512_vnni, r"vpdpbusd zmm\r,zmm15,zmm14");
avx512!(
    avx512_look_up,
    "vpermw zmm12,zmm15,zmm14",
    r"vpaddw zmm\r,zmm\r,zmm12"
);
avx512!(
    avx512_select,
    "vpermps zmm12,zmm15,zmm14",
    r"vaddps zmm\r,zmm\r,zmm12"
);

/// The loop of an instruction set for a use; all its instructions are its own. Three trits are looked up in
/// each of the 32 places of `vpermw`, and what two tables of `pshufb` give for two trits counts as one a place.
pub(super) fn peak(isa: Isa, of: Use) -> Option<Peak> {
    let peak = |of, macs: usize, run| Peak {
        of,
        macs: CHAINS * macs,
        run,
    };
    let found = match (isa.vector_bits(), isa.has_dot(), of) {
        _ if isa == Isa::Portable => return None,
        (512, true, Use::Gemv | Use::Gemm) => peak("vpdpbusd zmm", 64, avx512_vnni as _),
        (512, false, Use::Gemv) => peak("vpandd+vpmaddubsw+vpaddw zmm", 64, avx512_gemv as _),
        (512, false, Use::Gemm) => peak("vpmaddubsw+vpaddw zmm", 64, avx512_gemm as _),
        (512, _, Use::LookUp) => peak("vpermw+vpaddw zmm", 96, avx512_look_up as _),
        (512, _, Use::Select) => peak("vpermps+vaddps zmm", 16, avx512_select as _),
        (256, true, Use::Gemv | Use::Gemm) => peak("vpdpbusd ymm", 32, avx_vnni as _),
        (256, false, Use::Gemv) => peak("vpand+vpmaddubsw+vpaddw ymm", 32, avx_gemv as _),
        (256, false, Use::Gemm) => peak("vpmaddubsw+vpaddw ymm", 32, avx_gemm as _),
        (256, _, Use::LookUp) => peak("vpshufb+vpaddb ymm", 32, avx_look_up as _),
        (256, _, Use::Select) => peak("vpermilps+vaddps ymm", 8, avx_select as _),
        (_, _, Use::Gemv | Use::Gemm) => peak("pmaddubsw+paddw xmm", 16, sse_dot as _),
        (_, _, Use::LookUp) => peak("pshufb+paddb xmm", 16, sse_look_up as _),
        (_, _, Use::Select) => peak("pshufb+addps xmm", 4, sse_select as _),
    };
    Some(found)
}
