use std::borrow::Cow;
use std::ops::RangeInclusive;

/// A plan that is not proved: a fault of the program that made it, not of a model's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan is not proved: {part}: `{call}`: {fault}")]
pub struct PlanError {
    /// Which part of the plan: its tensors, or one of its lists of calls.
    pub part: &'static str,
    /// The call, or the tensor.
    pub call: String,
    /// What does not hold.
    pub fault: Box<PlanFault>,
}

impl PlanError {
    pub(crate) fn of(part: &'static str, call: &str, fault: PlanFault) -> PlanError {
        PlanError {
            part,
            call: call.to_owned(),
            fault: Box::new(fault),
        }
    }
}

/// What does not hold of a call or a tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// There is no such kernel.
    #[error("{0}")]
    Kernel(String),
    /// More or fewer arguments than the op has parameters.
    #[error("expected {expected} {what}, found {found}")]
    Count {
        /// Operands, dimensions or scalars.
        what: &'static str,
        /// As many as the op has.
        expected: usize,
        /// As many as the call has.
        found: usize,
    },
    /// A dimension that takes values which its op does not.
    #[error("expected `{dim}` in {expected:?}, found {found:?}")]
    Dim {
        /// Its name.
        dim: Cow<'static, str>,
        /// The op's.
        expected: RangeInclusive<u64>,
        /// The call's, over all blocks and positions.
        found: RangeInclusive<u64>,
    },
    /// A dimension that is not always a multiple of what its op asks for.
    #[error("expected `{dim}` a multiple of {of}, found {found:?}")]
    Multiple {
        /// Its name.
        dim: Cow<'static, str>,
        /// The op's.
        of: u64,
        /// The call's.
        found: RangeInclusive<u64>,
    },
    /// A dimension that does not stay on its side of another one.
    #[error("expected `{dim}` {relation} `{other}`, found {found:?} and {limit:?}")]
    Bound {
        /// Its name.
        dim: Cow<'static, str>,
        /// Below, at most, at least.
        relation: &'static str,
        /// The other dimension.
        other: &'static str,
        /// What the dimension may be.
        found: RangeInclusive<u64>,
        /// What the other may be.
        limit: RangeInclusive<u64>,
    },
    /// An operand that leaves its tensor.
    #[error("`{operand}` needs bytes up to {needs} of `{tensor}`, which has {has}")]
    Outside {
        /// The buffer it is for.
        operand: Cow<'static, str>,
        /// The tensor.
        tensor: String,
        /// The end of the operand; the greatest number if there is none so great.
        needs: u64,
        /// Bytes of the tensor.
        has: u64,
    },
    /// An operand that is no tensor of the plan, or starts between two elements.
    #[error("`{operand}` starts at no element of a tensor")]
    Misplaced {
        /// The buffer it is for.
        operand: Cow<'static, str>,
    },
    /// Something that sessions share would be written.
    #[error("`{operand}` writes `{tensor}`, which all sessions read")]
    WritesShared {
        /// The buffer it is for.
        operand: Cow<'static, str>,
        /// The tensor.
        tensor: String,
    },
    /// Two operands, one of them written, share bytes.
    #[error("`{written}` and `{other}` share bytes")]
    Overlap {
        /// The buffer that is written.
        written: Cow<'static, str>,
        /// The other one.
        other: Cow<'static, str>,
    },
    /// Something is read that is not there, not yet or not any more.
    #[error("`{operand}` reads {expected} from `{tensor}`, which holds {found}")]
    Holds {
        /// The buffer it is for.
        operand: Cow<'static, str>,
        /// The tensor.
        tensor: String,
        /// What the op reads.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A tensor that does not lie in its section, or where another one is.
    #[error("{0}")]
    Place(String),
}
