//! The order of lane-wise statements: where a vector is several registers, runs of them are emitted
//! part by part, so that temporaries live for one part only.

use crate::ir::{Address, Buffer, Inst, Lanes, Size, Stmt, VectorOp};
use atome_spec::LANES;

/// Consecutive lane-wise statements on vectors.
#[derive(Default)]
pub(super) struct Run<'s> {
    pub(super) stmts: Vec<&'s Stmt>,
    /// Accesses to buffers that the function writes, stores marked.
    pub(super) accesses: Vec<(Buffer, &'s Address, bool)>,
}

impl Run<'_> {
    /// Whether an access may be interleaved, part by part, with those of the run.
    pub(super) fn admits(&self, buffer: Buffer, address: &Address, store: bool) -> bool {
        let apart = |a| equal_or_apart(a, address, LANES as u64);
        let mut accesses = self.accesses.iter();
        accesses.all(|&(b, a, s)| b != buffer || !(s || store) || apart(a))
    }
}

/// The memory that a statement touches, and whether it writes it.
pub(super) fn vector_access(stmt: &Stmt) -> Option<(Buffer, &Address, &Lanes, bool)> {
    match stmt {
        Stmt::Let(_, Inst::Load(buffer, address, lanes)) => Some((*buffer, address, lanes, false)),
        Stmt::Store {
            buffer,
            address,
            lanes,
            ..
        } => Some((*buffer, address, lanes, true)),
        _ => None,
    }
}

/// Whether an instruction computes each lane from the same lane of its operands.
pub(super) fn is_lane_wise(inst: &Inst) -> bool {
    matches!(
        inst,
        Inst::Unary(..)
            | Inst::Binary(..)
            | Inst::Shift(..)
            | Inst::Compare(..)
            | Inst::Select { .. }
            | Inst::Keep(..)
            | Inst::TritSelect { .. }
    ) || matches!(inst, Inst::Vector(inst) if is_lane_wise_op(inst.op))
}

/// Whether a part of the result depends on that part of the operands alone.
const fn is_lane_wise_op(op: VectorOp) -> bool {
    match op {
        VectorOp::Dot4 | VectorOp::Base3(_) | VectorOp::Packed(_) => true,
        VectorOp::Narrow | VectorOp::Lookup | VectorOp::Spread | VectorOp::Shuffle16 => false,
    }
}

/// A size as a symbolic and a constant part.
pub(super) fn split(size: &Size) -> (Size, u64) {
    match size {
        Size::Const(n) => (Size::ZERO, *n),
        Size::Add(a, b) => match **b {
            Size::Const(n) => ((**a).clone(), n),
            _ => (size.clone(), 0),
        },
        _ => (size.clone(), 0),
    }
}

/// Whether two addresses in one buffer are equal, or at least `span` elements apart
/// whatever the indices are.
fn equal_or_apart(a: &Address, b: &Address, span: u64) -> bool {
    let ((a_base, a_at), (b_base, b_at)) = (split(&a.base), split(&b.base));
    let apart = a_at.abs_diff(b_at);
    a.terms == b.terms && a_base == b_base && (apart == 0 || apart >= span)
}
