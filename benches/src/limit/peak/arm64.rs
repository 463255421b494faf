//! Loops of AArch64, each on sixteen sums that do not wait for each other.

use super::{Peak, Use};
use atome_spec::Isa;
use std::arch::asm;

/// A function that repeats some instructions on the sums in registers 16 to 31, `\r`; registers 0 and 1 are zero,
/// and what lies between a sum and its operands goes into 2.
macro_rules! chains {
    ($name:ident, $feature:literal, $($line:literal),+) => {
        #[target_feature(enable = $feature)]
        fn $name(rounds: u64) {
            // SAFETY: the instructions are those of the feature; they touch no memory and only registers that are
            // given up here.
            unsafe {
                asm!(
                    ".irp r,0,1,2,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                    r"movi v\r\().16b,#0",
                    ".endr",
                    "2:",
                    ".irp r,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                    $($line,)+
                    ".endr",
                    "subs x9,x9,#1",
                    "b.ne 2b",
                    inout("x9") rounds => _,
                    out("v0") _, out("v1") _, out("v2") _,
                    out("v16") _, out("v17") _, out("v18") _, out("v19") _,
                    out("v20") _, out("v21") _, out("v22") _, out("v23") _,
                    out("v24") _, out("v25") _, out("v26") _, out("v27") _,
                    out("v28") _, out("v29") _, out("v30") _, out("v31") _,
                    options(nomem, nostack),
                );
            }
        }
    };
}

const CHAINS: usize = 16;

chains!(sdot, "neon,dotprod", r"sdot v\r\().4s,v0.16b,v1.16b");
chains!(usdot, "neon,i8mm", r"usdot v\r\().4s,v0.16b,v1.16b");
chains!(smlal, "neon", r"smlal v\r\().8h,v0.8b,v1.8b");
chains!(
    look_up,
    "neon",
    "tbl v2.16b,{{v0.16b}},v1.16b",
    r"add v\r\().16b,v\r\().16b,v2.16b"
);
chains!(
    select,
    "neon",
    "tbl v2.16b,{{v0.16b}},v1.16b",
    r"fadd v\r\().4s,v\r\().4s,v2.4s"
);

/// The loop of an instruction set for a use; all its instructions are its own.
pub(super) fn peak(isa: Isa, of: Use) -> Option<Peak> {
    let peak = |of, macs: usize, run| Peak {
        of,
        macs: CHAINS * macs,
        run,
    };
    let found = match (isa.has_dot(), of) {
        _ if isa == Isa::Portable => return None,
        (true, Use::Gemv) if isa.has_unsigned_dot() => peak("usdot", 16, usdot as _),
        (true, Use::Gemv | Use::Gemm) => peak("sdot", 16, sdot as _),
        (false, Use::Gemv | Use::Gemm) => peak("smlal", 8, smlal as _),
        (_, Use::LookUp) => peak("tbl+add", 16, look_up as _),
        (_, Use::Select) => peak("tbl+fadd", 4, select as _),
    };
    Some(found)
}
