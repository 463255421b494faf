//! The order of statements: where a vector is several registers, runs of lane-wise ones are emitted
//! part by part, so that temporaries live for one part only. Everything that is not lane-wise ends a
//! run, and so does an access that might overlap one of the run at other lanes.

use crate::ir::{
    Address, Buffer, Carried, Function, Inst, Lanes, Loop, Size, Stmt, Value, VectorOp,
};
use atome_spec::LANES;

/// What emits statements.
pub(super) trait InOrder {
    /// The function that is emitted.
    fn source(&self) -> &Function;

    /// Emits what has no place in a run and need not end one either: constants, and values that are
    /// the same in every part. Tells whether it did.
    fn emits_nothing_or_once(&mut self, stmt: &Stmt) -> bool;

    /// Whether a statement is lane-wise on vectors, without control flow.
    fn joins(&self, stmt: &Stmt) -> bool;

    /// Emits a run.
    fn run(&mut self, run: Run<'_>);

    /// Emits a statement that ends a run.
    fn statement(&mut self, stmt: &Stmt);

    /// The counter of a loop that runs once.
    fn define_zero(&mut self, counter: Value);

    /// Lets what stands for a value stand for another too.
    fn pass_on(&mut self, from: Value, to: Value);

    /// Emits a loop that may run more than once.
    fn repeated(&mut self, l: &Loop);

    /// Emits statements.
    fn block(&mut self, block: &[Stmt]) {
        let mut run = Run::default();
        for stmt in block {
            if self.emits_nothing_or_once(stmt) {
                continue;
            }
            if !self.joins(stmt) {
                self.run(std::mem::take(&mut run));
                self.statement(stmt);
                continue;
            }
            if let Some((buffer, address, _, store)) = vector_access(stmt) {
                if !run.admits(buffer, address, store) {
                    self.run(std::mem::take(&mut run));
                }
                if !self.source().is_only_read(buffer) {
                    run.accesses.push((buffer, address, store));
                }
            }
            run.stmts.push(stmt);
        }
        self.run(run);
    }

    /// Emits a loop; one that runs never, or once, is none.
    fn counted_loop(&mut self, l: &Loop) {
        let pass = |e: &mut Self, ends: fn(&Carried) -> (Value, Value)| {
            for (from, to) in l.carried.iter().map(ends) {
                e.pass_on(from, to);
            }
        };
        match l.known_trip() {
            Some(0) => pass(self, |c| (c.init, c.result)),
            Some(1) => {
                self.define_zero(l.counter);
                pass(self, |c| (c.init, c.param));
                self.block(&l.body);
                pass(self, |c| (c.next, c.result));
            }
            _ => self.repeated(l),
        }
    }
}

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
