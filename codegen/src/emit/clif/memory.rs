//! Loads and stores, of parts and of a number of lanes known only at run time.

use super::address::Pointer;
use super::emitter::{Emitter, PART_BYTES, PART_LANES, PARTS, part_type, scalar_type};
use crate::ir::{Elem, Lanes, Size};
use cranelift_codegen::cursor::Cursor;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self as clif, BlockArg, Endianness, InstBuilder, MemFlagsData, types};

/// Accesses to buffers: inside them by the verifier's word, at any alignment.
const BUFFER: MemFlagsData = MemFlagsData::new()
    .with_notrap()
    .with_endianness(Endianness::Little);

/// How the lanes of an access are known.
pub(super) enum Reach<'a> {
    /// The first so many, at most 16.
    Const(usize),
    /// The first so many, known at run time.
    Dynamic(&'a Size),
}

/// How many lanes an access touches.
pub(super) fn reach(lanes: &Lanes) -> Reach<'_> {
    let all = PARTS * PART_LANES;
    match lanes {
        Lanes::All => Reach::Const(all),
        Lanes::First(size) => match size.as_const() {
            Some(n) => Reach::Const(usize::try_from(n).map_or(all, |n| n.min(all))),
            None => Reach::Dynamic(size),
        },
    }
}

impl Emitter<'_> {
    /// The same bits as another type of the same width.
    pub(super) fn cast(&mut self, ty: clif::Type, x: clif::Value) -> clif::Value {
        if self.cur.func.dfg.value_type(x) == ty {
            return x;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.cur.ins().bitcast(ty, flags, x)
    }

    pub(super) fn load_scalar(&mut self, elem: Elem, at: Pointer) -> clif::Value {
        self.cur
            .ins()
            .load(scalar_type(elem), BUFFER, at.base, at.offset)
    }

    pub(super) fn store_scalar(&mut self, x: clif::Value, at: Pointer) {
        self.cur.ins().store(BUFFER, x, at.base, at.offset);
    }

    /// Part `part` of a vector of which the first `lanes` lanes are in memory; the others
    /// become zero.
    pub(super) fn load_part(
        &mut self,
        elem: Elem,
        at: Pointer,
        part: usize,
        lanes: usize,
    ) -> clif::Value {
        let (ty, offset) = (part_type(elem), at.offset + part as i32 * PART_BYTES);
        match lanes.saturating_sub(part * PART_LANES) {
            0 => self.splat_const(elem, 0),
            1 => {
                let x = self
                    .cur
                    .ins()
                    .load(scalar_type(elem), BUFFER, at.base, offset);
                self.cur.ins().scalar_to_vector(ty, x)
            }
            n @ (2 | 3) => {
                let pair = self.cur.ins().load(types::F64, BUFFER, at.base, offset);
                let pair = self.cur.ins().scalar_to_vector(types::F64X2, pair);
                let pair = self.cast(ty, pair);
                if n == 2 {
                    return pair;
                }
                let x = self
                    .cur
                    .ins()
                    .load(scalar_type(elem), BUFFER, at.base, offset + 8);
                self.cur.ins().insertlane(pair, x, 2)
            }
            _ => self.cur.ins().load(ty, BUFFER, at.base, offset),
        }
    }

    /// Stores what of part `part` is among the first `lanes` lanes of its vector.
    pub(super) fn store_part(&mut self, x: clif::Value, at: Pointer, part: usize, lanes: usize) {
        let offset = at.offset + part as i32 * PART_BYTES;
        match lanes.saturating_sub(part * PART_LANES) {
            0 => {}
            1 => {
                let low = self.cur.ins().extractlane(x, 0);
                self.cur.ins().store(BUFFER, low, at.base, offset);
            }
            n @ (2 | 3) => {
                let pair = self.cast(types::F64X2, x);
                let pair = self.cur.ins().extractlane(pair, 0);
                self.cur.ins().store(BUFFER, pair, at.base, offset);
                if n == 3 {
                    let third = self.cur.ins().extractlane(x, 2);
                    self.cur.ins().store(BUFFER, third, at.base, offset + 8);
                }
            }
            _ => {
                self.cur.ins().store(BUFFER, x, at.base, offset);
            }
        }
    }

    /// A vector of which the first `n` lanes are in memory, by way of the stack.
    pub(super) fn load_dynamic(
        &mut self,
        elem: Elem,
        at: Pointer,
        n: &Size,
    ) -> [clif::Value; PARTS] {
        let zero = self.splat_const(elem, 0);
        let slot = self.lane_slot_pointer();
        for part in 0..PARTS {
            self.store_part(zero, slot, part, PARTS * PART_LANES);
        }
        self.copy_elements(at, slot, n);
        std::array::from_fn(|part| self.load_part(elem, slot, part, PARTS * PART_LANES))
    }

    /// Stores the first `n` lanes of a vector, by way of the stack.
    pub(super) fn store_dynamic(&mut self, parts: [clif::Value; PARTS], at: Pointer, n: &Size) {
        let slot = self.lane_slot_pointer();
        for (part, x) in parts.into_iter().enumerate() {
            self.store_part(x, slot, part, PARTS * PART_LANES);
        }
        self.copy_elements(slot, at, n);
    }

    fn lane_slot_pointer(&mut self) -> Pointer {
        let slot = self.lane_slot();
        Pointer {
            base: self.cur.ins().stack_addr(types::I64, slot, 0),
            offset: 0,
        }
    }

    /// Copies `n` elements, at most sixteen, one by one.
    fn copy_elements(&mut self, from: Pointer, to: Pointer, n: &Size) {
        let n = self.at_most_lanes(n);
        let zero = self.index_const(0);
        let copy = self.new_block(&[types::I64]);
        let done = self.new_block(&[]);
        self.cur
            .ins()
            .brif(n, copy, &[BlockArg::Value(zero)], done, &[]);

        self.cur.goto_bottom(copy);
        let i = self.cur.func.dfg.block_params(copy)[0];
        let bytes = self.cur.ins().ishl_imm_u(i, 2);
        let source = self.cur.ins().iadd(from.base, bytes);
        let x = self.cur.ins().load(types::I32, BUFFER, source, from.offset);
        let target = self.cur.ins().iadd(to.base, bytes);
        self.cur.ins().store(BUFFER, x, target, to.offset);
        let next = self.cur.ins().iadd_imm_u(i, 1);
        let more = self.cur.ins().icmp(IntCC::UnsignedLessThan, next, n);
        self.cur
            .ins()
            .brif(more, copy, &[BlockArg::Value(next)], done, &[]);

        self.cur.goto_bottom(done);
    }
}
