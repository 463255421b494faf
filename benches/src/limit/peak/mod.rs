//! How many multiply-accumulates a core can do at most, with operands in registers: the shortest loop that forms
//! products in some way, and nothing around it.
#![allow(
    unsafe_code,
    reason = "loops of instructions that the CPU was asked for"
)]

#[cfg(target_arch = "aarch64")]
mod arm64;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{Limit, LimitKind};
use crate::time::{BRIEF, time_together};
use atome_kernels::dispatch;
use atome_spec::{Isa, Method, Op};

/// What products are formed for, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Dot products by weights that are used once: codes are masked out of bytes where the instruction does not
    /// take them as they are.
    Gemv,
    /// Dot products by weights that several columns share.
    Gemm,
    /// Sums of trits' products, looked up.
    LookUp,
    /// f32 activations, added, subtracted or skipped by a look-up.
    Select,
}

impl Use {
    /// Every one.
    pub(crate) const ALL: [Use; 4] = [Use::Gemv, Use::Gemm, Use::LookUp, Use::Select];

    /// That of a product.
    pub(crate) fn new(op: Op, method: Method) -> Use {
        match method {
            Method::Dot if matches!(op, Op::Gemv | Op::GroupGemv) => Use::Gemv,
            Method::Dot => Use::Gemm,
            Method::Lut => Use::LookUp,
            Method::Select => Use::Select,
        }
    }

    /// Its word in names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Use::Gemv => "gemv",
            Use::Gemm => "gemm",
            Use::LookUp => "look_up",
            Use::Select => "select",
        }
    }

    fn kind(self) -> LimitKind {
        match self {
            Use::Gemv | Use::Gemm => LimitKind::DotPeak,
            Use::LookUp => LimitKind::LookUpPeak,
            Use::Select => LimitKind::SelectPeak,
        }
    }
}

/// A loop.
struct Peak {
    /// Its instructions.
    of: &'static str,
    /// Multiply-accumulates of a round.
    macs: usize,
    /// Runs so many rounds, at least one, on a machine that has the instruction set.
    run: unsafe fn(u64),
}

/// What threads can do at most; `None` for plain Rust, whose instructions the compiler chooses, and where this machine
/// lacks the instruction set.
pub(crate) fn peak(isa: Isa, of: Use, threads: usize) -> Option<Limit> {
    const ROUNDS: u64 = 1 << 12;
    let found = find(isa, of).filter(|_| dispatch::has(isa))?;
    let one = || {
        // SAFETY: this machine has the instruction set.
        move || unsafe { (found.run)(ROUNDS) }
    };
    let mut works: Vec<_> = (0..threads).map(|_| one()).collect();
    let ns = time_together(&mut works, BRIEF);
    Some(Limit {
        kind: of.kind(),
        value: (found.macs * threads) as f64 * ROUNDS as f64 / ns,
        of: Some(found.of.into()),
    })
}

fn find(isa: Isa, of: Use) -> Option<Peak> {
    #[cfg(target_arch = "x86_64")]
    return x86::peak(isa, of);
    #[cfg(target_arch = "aarch64")]
    return arm64::peak(isa, of);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = (isa, of);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_of_this_machine_has_every_peak() {
        for isa in Isa::ALL.iter().copied().filter(|isa| dispatch::has(*isa)) {
            for of in Use::ALL {
                let peak = peak(isa, of, 1);
                assert_eq!(peak.is_none(), isa == Isa::Portable, "{isa} {of:?}");
                let Some(peak) = peak else { continue };
                assert_eq!(peak.kind, of.kind());
                // Slower than one multiply-accumulate a nanosecond is no vector unit.
                assert!(peak.value > 1.0, "{isa} {peak:?}");
            }
        }
    }

    #[test]
    fn a_product_has_the_peak_of_its_method() {
        assert_eq!(Use::new(Op::Gemv, Method::Dot), Use::Gemv);
        assert_eq!(Use::new(Op::Gemm, Method::Dot), Use::Gemm);
        assert_eq!(Use::new(Op::Gemv, Method::Lut), Use::LookUp);
        assert_eq!(Use::new(Op::Gemm, Method::Select), Use::Select);
    }
}
