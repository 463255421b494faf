//! Which vectors hold small bytes.

use crate::ir::{Base3Part, BinaryOp, Inst, Value, VectorOp};
use std::collections::HashSet;

/// Vectors whose bytes are all known to be at most 127, collected while a function is walked.
///
/// Signed dot products take such codes as they are, and the 16-bit sums of two products of a
/// byte of theirs with a signed one, at most 2 * 127 * 128 = 32,512, do not saturate.
#[derive(Default)]
pub(super) struct SmallBytes {
    small: HashSet<Value>,
}

impl SmallBytes {
    /// Looks at a definition; its operands were looked at before.
    pub(super) fn note(&mut self, value: Value, inst: &Inst) {
        let small = match inst {
            Inst::I32(x) => x.cast_unsigned() & 0x8080_8080 == 0,
            Inst::Splat(x) => self.contains(*x),
            Inst::Binary(BinaryOp::And, x, y) => self.contains(*x) || self.contains(*y),
            Inst::Binary(BinaryOp::Or | BinaryOp::Xor, x, y) => {
                self.contains(*x) && self.contains(*y)
            }
            Inst::Vector(inst) => inst.op == VectorOp::Base3(Base3Part::Fifth),
            _ => false,
        };
        if small {
            self.small.insert(value);
        }
    }

    /// Whether all bytes of `value` are at most 127.
    pub(super) fn contains(&self, value: Value) -> bool {
        self.small.contains(&value)
    }
}
