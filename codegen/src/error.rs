use atome_spec::{Activation, Method, Op, Packing};
use thiserror::Error;

/// A specification that no kernel can be made from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodegenError {
    /// The shape names a dimension the op does not have.
    #[error("`{op}` has no dimension `{name}`, expected one of {}", known.join(", "))]
    UnknownDim {
        /// The op.
        op: Op,
        /// The name found.
        name: String,
        /// The op's dimensions.
        known: Vec<String>,
    },
    /// A bound dimension is out of range.
    #[error("`{op}`: dimension `{name}` is {found}, expected {min} to {max}")]
    DimOutOfRange {
        /// The op.
        op: Op,
        /// The dimension.
        name: String,
        /// The value found.
        found: u64,
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// A bound dimension is no multiple of what it has to be.
    #[error("`{op}`: dimension `{name}` is {found}, expected a multiple of {multiple_of}")]
    NotMultiple {
        /// The op.
        op: Op,
        /// The dimension.
        name: String,
        /// The value found.
        found: u64,
        /// What it has to be a multiple of.
        multiple_of: u64,
    },
    /// An op that needs an expression without one, or an expression for another op.
    #[error("`{op}` {}", if crate::op::has_expr(*op) { "needs an expression" } else { "takes no expression" })]
    Expr {
        /// The op.
        op: Op,
    },
    /// The op has no kernel for that packing.
    #[error("`{op}` has no kernel for packing `{packing}`")]
    UnsupportedPacking {
        /// The op.
        op: Op,
        /// The packing asked for.
        packing: Packing,
    },
    /// The op has no kernel for those activations.
    #[error("`{op}` has no kernel for {activation} activations")]
    UnsupportedActivation {
        /// The op.
        op: Op,
        /// The activations asked for.
        activation: Activation,
    },
    /// A ternary op without a packing.
    #[error("`{op}` reads ternary weights, so it needs a packing: `int2` or `base3`")]
    MissingPacking {
        /// The op.
        op: Op,
    },
    /// The op has no kernel by that method.
    #[error(
        "`{op}` with {activation} activations has no kernel by method `{method}`{}",
        expected(known)
    )]
    UnsupportedMethod {
        /// The op.
        op: Op,
        /// The activations asked for.
        activation: Activation,
        /// The method asked for.
        method: Method,
        /// The methods there are.
        known: &'static [Method],
    },
    /// A schedule that is none of the kernel's.
    #[error(transparent)]
    Schedule(#[from] crate::schedule::ScheduleError),
    /// The lowering or a pass made a function that breaks the IR's invariants: a fault of
    /// this crate.
    #[error("the code of `{op}` is invalid: {violations}")]
    Invalid {
        /// The op.
        op: Op,
        /// What the verifier found.
        violations: crate::ir::Violations,
    },
}

fn expected(known: &[Method]) -> String {
    let known: Vec<String> = known.iter().map(|m| format!("`{m}`")).collect();
    match known[..] {
        [] => String::new(),
        _ => format!(", expected {}", known.join(" or ")),
    }
}
