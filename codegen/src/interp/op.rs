//! The compact form of a function: flat operations over numbered registers.

use super::lanes::Arith;
use crate::ir::{Compare, Elem, ReduceOp, ShiftOp, UnaryOp, VectorInst, VectorOp};

/// A register of one of the files (indices, scalars, vectors) or an entry of the size table.
pub(super) type Slot = u32;

/// Arithmetic within one register file, scalars or vectors.
#[derive(Clone, Copy, Debug)]
pub(super) enum LaneOp {
    Copy(Slot),
    Unary(UnaryOp, Slot),
    Binary(Arith, Slot, Slot),
    Shift(ShiftOp, Slot, u8),
    Compare(Compare, Elem, Slot, Slot),
    Select(Slot, Slot, Slot),
}

/// One operation. Destinations come first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Scalar(Slot, LaneOp),
    Vector(Slot, LaneOp),
    Const(Slot, u32),
    SizeF32(Slot, Slot),
    Param(Slot, u32),
    Splat(Slot, Slot),
    Iota(Slot),
    Reduce(Slot, ReduceOp, Slot),
    Extract(Slot, Slot, u8),
    Keep(Slot, Slot, Slot),
    TritSelect(Slot, Slot, u8, Slot),
    /// Operands beyond those of the operation are the last one again.
    OfVectors(Slot, VectorOp, [Slot; VectorInst::MOST], u8),
    /// A sum of i32.
    SumI32(Slot, Slot),
    LoadScalar(Slot, Place),
    LoadVector(Slot, Place),
    /// The third is the size that tells the number of lanes.
    LoadFirst(Slot, Place, Slot),
    StoreScalar(Slot, Place),
    StoreVector(Slot, Place),
    StoreFirst(Slot, Place, Slot),
    ToIndex(Slot, Slot),
    FromIndex(Slot, Slot),
    CopyIndex(Slot, Slot),
    /// Sets the counter to 0; jumps to `exit` if the trip count is 0.
    Enter {
        counter: Slot,
        trip: Slot,
        exit: u32,
    },
    /// Jumps to `exit` if the scalar is 0.
    Unless {
        condition: Slot,
        exit: u32,
    },
    /// Advances the counter; jumps to `start` while it is below the trip count.
    Next {
        counter: Slot,
        trip: Slot,
        start: u32,
    },
}

/// An entry of the table of addresses.
pub(super) type Place = u32;

/// An address: a buffer, the size slot of the base, and a range of the table of terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) buffer: u32,
    pub(super) base: Slot,
    pub(super) first_term: u32,
    pub(super) terms: u32,
}

/// A term of an address: an index register times a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) index: Slot,
    pub(super) stride: Slot,
}
