//! Codes of base-3 bytes by tables of sixteen bytes, which a vector holds: see `emit::ninths`.

use super::emitter::{Emitter, PART_LANES};
use crate::emit::ninths;
use crate::ir::{Base3Part, Elem};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

/// What one part's bytes were split into.
#[derive(Clone, Copy)]
pub(super) struct Split {
    packed: clif::Value,
    /// -1 where a byte is negative.
    negative: clif::Value,
    a: clif::Value,
    b: clif::Value,
}

impl Emitter<'_> {
    /// The codes of a part.
    pub(super) fn base3(&mut self, part: Base3Part, packed: clif::Value) -> clif::Value {
        let Split { negative, a, b, .. } = self.split(packed);
        let (trits, zeros) = match part {
            Base3Part::Fields => {
                let first = self.look_up(ninths::of_a, a);
                let fourth = self.look_up(ninths::of_b, b);
                (self.cur.ins().iadd(first, fourth), ninths::FIELDS)
            }
            Base3Part::Fifth => (self.look_up(ninths::fifth, b), ninths::FIFTH),
        };
        // -x is !x + 1, and a mask is -1.
        let signed = self.cur.ins().bxor(trits, negative);
        let zeros = self.bytes(zeros);
        let zeros = self.cur.ins().isub(zeros, negative);
        let codes = self.cur.ins().iadd(signed, zeros);
        self.cast(types::I32X4, codes)
    }

    /// The split of a part, which the instructions of both kinds begin with.
    fn split(&mut self, packed: clif::Value) -> Split {
        if let Some(split) = self.last_split.filter(|split| split.packed == packed) {
            return split;
        }
        let [zero, magnitudes, nibble] = [0, 0x7f, 0x0f].map(|byte| self.bytes(byte));
        let bytes = self.cast(types::I8X16, packed);
        let negative = self.cur.ins().icmp(IntCC::SignedLessThan, bytes, zero);
        let magnitude = self.cur.ins().band(bytes, magnitudes);
        let bits = self.scalar_const(Elem::I32, 3);
        let high = self.cur.ins().ushr(bytes, bits);
        let high = self.cur.ins().band(high, nibble);
        let first = self.look_up(ninths::first, high);
        let last = self.look_up(ninths::last, high);
        let beyond = IntCC::SignedGreaterThan;
        let beyond = self.cur.ins().icmp(beyond, magnitude, last);
        let a = self.cur.ins().isub(first, beyond);
        let below = self.look_up(ninths::below, a);
        let b = self.cur.ins().isub(magnitude, below);
        let split = Split {
            packed,
            negative,
            a,
            b,
        };
        *self.last_split.insert(split)
    }

    fn look_up(&mut self, entry: impl Fn(u8) -> u8, index: clif::Value) -> clif::Value {
        let table = self.table(entry);
        self.cur.ins().swizzle(table, index)
    }

    fn table(&mut self, entry: impl Fn(u8) -> u8) -> clif::Value {
        let lanes: [u32; PART_LANES] = ninths::words(entry);
        let table = self.lanes_const(Elem::I32, lanes);
        self.cast(types::I8X16, table)
    }

    fn bytes(&mut self, byte: u8) -> clif::Value {
        self.table(|_| byte)
    }
}
