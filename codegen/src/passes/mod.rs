//! Rewrites of a verified function, each in its own file with its preconditions first. None
//! changes a bit of what a call leaves in memory; a rewrite may remove a trap, never add one.
//!
//! | pass | rewrite |
//! |---|---|
//! | [`fold`] | constants and exact identities |
//! | [`cse`] | one computation of equal expressions |
//! | [`hoist`] | invariant computations leave loops |
//! | [`unroll`] | loops become straight code or do several iterations at once |
//! | [`dce`] | what nothing needs goes |
//! | [`renumber`] | values numbered in the order of their definitions |
//! | [`expand`] | base-3 codes by arithmetic; not in the pipeline: emitters ask for it |
//!
//! ```
//! use atome_codegen::ir::{Access, Address, Builder, Elem, Lanes};
//! use atome_codegen::passes::optimise;
//!
//! let mut b = Builder::new("ones");
//! let out = b.buffer("out", Access::Out, Elem::F32, 2);
//! b.for_unrolled(2, 2, &[], |b, i, _| {
//!     let one = b.f32(1.0);
//!     b.store(out, Address::of(&[(i, 1.into())]), one, Lanes::All);
//!     vec![]
//! });
//! let mut function = b.finish();
//! optimise(&mut function);
//! // One constant, two stores, no loop.
//! assert_eq!(function.body.len(), 3);
//! ```

pub mod cse;
pub mod dce;
pub mod expand;
pub mod fold;
pub mod hoist;
pub mod renumber;
#[cfg(test)]
mod tests;
pub mod unroll;
mod walk;

use crate::ir::Function;

/// A rewrite of a verified function into a verified function.
pub type Pass = fn(&mut Function);

/// The passes of [`optimise`] by name, in order. Some run twice: unrolling makes new constants
/// and new equal expressions.
pub const PIPELINE: &[(&str, Pass)] = &[
    ("fold", fold::run),
    ("cse", cse::run),
    ("hoist", hoist::run),
    ("unroll", unroll::run),
    ("fold", fold::run),
    ("cse", cse::run),
    ("hoist", hoist::run),
    ("cse", cse::run),
    ("dce", dce::run),
    ("renumber", renumber::run),
];

/// Runs every pass of [`PIPELINE`] in order.
///
/// # Panics
/// Perhaps, if the verifier rejects the function.
pub fn optimise(function: &mut Function) {
    for (_, pass) in PIPELINE {
        pass(function);
    }
}
