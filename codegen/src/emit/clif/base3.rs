//! Codes of base-3 bytes by tables of sixteen bytes, which a vector holds.
//!
//! `V`, the value of a byte with 121 added, is `27 q + r`. Among sixteen values that share their
//! high four bits `q` steps at most once, so these bits find the first `q` and where it steps. A
//! table of `q` gives two trits, two tables of `r` the other three.

use super::emitter::{Emitter, PART_LANES};
use crate::ir::{Base3Part, Elem};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

/// Values of `r`.
const REST: u8 = 27;
/// Entries of a table.
const ENTRIES: u8 = 16;
/// Greatest magnitude of a byte.
const MOST: u8 = 121;

/// What one part's bytes were split into.
#[derive(Clone, Copy)]
pub(super) struct Split {
    packed: clif::Value,
    q: clif::Value,
    r: clif::Value,
}

impl Emitter<'_> {
    /// The codes of a part.
    pub(super) fn base3(&mut self, part: Base3Part, packed: clif::Value) -> clif::Value {
        let Split { q, r, .. } = self.split(packed);
        let codes = match part {
            Base3Part::Fields => {
                let high = self.table(|q| (q / 3) | ((q % 3) << 2));
                let high = self.cur.ins().swizzle(high, q);
                let low = self.look_up_rest(r, |r| ((r / 9) << 4) | ((r / 3 % 3) << 6));
                self.cur.ins().bor(high, low)
            }
            Base3Part::Fifth => self.look_up_rest(r, |r| r % 3),
        };
        self.cast(types::I32X4, codes)
    }

    /// The split of a part, which the instructions of both kinds begin with.
    fn split(&mut self, packed: clif::Value) -> Split {
        if let Some(split) = self.last_split.filter(|split| split.packed == packed) {
            return split;
        }
        let [zero, magnitudes, most] = [0, 0x7f, MOST].map(|byte| self.bytes(byte));
        let bytes = self.cast(types::I8X16, packed);
        let negative = self.cur.ins().icmp(IntCC::SignedLessThan, bytes, zero);
        let magnitude = self.cur.ins().band(bytes, magnitudes);
        let within = IntCC::UnsignedLessThanOrEqual;
        let within = self.cur.ins().icmp(within, magnitude, most);
        let magnitude = self.cur.ins().band(magnitude, within);
        // -m is !m + 1, and a mask is -1.
        let signed = self.cur.ins().bxor(magnitude, negative);
        let origin = self.cur.ins().isub(most, negative);
        let v = self.cur.ins().iadd(signed, origin);

        let bits = self.scalar_const(Elem::I32, 4);
        let high = self.cur.ins().ushr(v, bits);
        let first = self.table(|high| ENTRIES * high / REST);
        let first = self.cur.ins().swizzle(first, high);
        let step = self.table(|high| REST * (ENTRIES * high / REST + 1));
        let step = self.cur.ins().swizzle(step, high);
        let stepped = self
            .cur
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, v, step);
        let q = self.cur.ins().isub(first, stepped);
        let below = self.table(|q| if q < 9 { REST * q } else { 0 });
        let below = self.cur.ins().swizzle(below, q);
        let r = self.cur.ins().isub(v, below);
        *self.last_split.insert(Split { packed, q, r })
    }

    /// `entry` of each `r`: a table gives 0 for what is beyond it.
    fn look_up_rest(&mut self, r: clif::Value, entry: impl Fn(u8) -> u8) -> clif::Value {
        let low = self.table(&entry);
        let low = self.cur.ins().swizzle(low, r);
        let entries = self.bytes(ENTRIES);
        let beyond = self.cur.ins().isub(r, entries);
        let high = self.table(|i| entry(ENTRIES + i));
        let high = self.cur.ins().swizzle(high, beyond);
        self.cur.ins().bor(low, high)
    }

    fn table(&mut self, entry: impl Fn(u8) -> u8) -> clif::Value {
        let lanes: [u32; PART_LANES] = std::array::from_fn(|lane| {
            let first = 4 * lane as u8;
            u32::from_le_bytes(std::array::from_fn(|i| entry(first + i as u8)))
        });
        let table = self.lanes_const(Elem::I32, lanes);
        self.cast(types::I8X16, table)
    }

    fn bytes(&mut self, byte: u8) -> clif::Value {
        self.table(|_| byte)
    }
}
