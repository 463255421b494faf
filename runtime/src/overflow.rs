//! Numbers that leave the range of f32: seen in the logits, and traced back to where they come from.
//!
//! No kernel makes a number of an infinity that is not one, or of NaN, so whatever overflows on the way to the logits shows
//! there. Only then is the block run again, call by call.
#![allow(unsafe_code, reason = "a block is run")]

use crate::RunError;
use crate::backend::{Frame, Owner, Trace};
use crate::plan::{Entry, Plan};

/// All bits but the sign.
const MAGNITUDE: u32 = 0x7fff_ffff;
/// One in the place of the exponent: added to that of infinities and NaN, which is all ones, it carries into the sign.
const ONE_IN_EXPONENT: u32 = 0x0080_0000;

/// Whether all of `x` are finite: no branch, so that it takes a fraction of an instruction a number.
pub(crate) fn all_finite(x: &[f32]) -> bool {
    let carry = |x: &f32| (x.to_bits() & MAGNITUDE) + ONE_IN_EXPONENT;
    x.iter().fold(0, |carries, x| carries | carry(x)) >> 31 == 0
}

/// Runs entries again and names the first call that gives a number that is not finite. The state is the one that the
/// block left, so in a model of many layers it may be a later call than at first.
///
/// # Safety
/// As [`crate::backend::Backend::run`].
pub(crate) unsafe fn trace(
    plan: &Plan,
    entries: [Entry; 2],
    frame: &mut Frame,
    owner: Owner<'_>,
) -> RunError {
    let found = entries.into_iter().find_map(|entry| {
        // The kernels of the plan were there when it ran.
        let trace = Trace::new(plan, plan.stages(entry)).ok()?;
        // SAFETY: the caller's promise, passed on.
        unsafe { trace.run(frame, owner) }
    });
    found.unwrap_or_else(|| RunError::NotFinite {
        call: "head".to_owned(),
        tensor: "logits".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_numbers_are_told_from_others() {
        let edges = [0.0, -0.0, 1.0, f32::MAX, f32::MIN, 1e-45, -1e-38];
        assert!(all_finite(&edges) && all_finite(&[]));
        for fault in [
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::from_bits(0xff80_0001),
        ] {
            for place in 0..edges.len() {
                let mut x = edges;
                x[place] = fault;
                assert!(!all_finite(&x), "{fault} at {place}");
            }
        }
    }
}
