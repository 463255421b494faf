//! Dot products of bytes, what makes bytes of wider numbers, and lookups.

use super::emitter::{Dot, Emitter, PARTS};
use crate::ir::{Elem, ShiftOp, Value};
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

/// How a vector of bytes is widened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bytes {
    Signed,
    Unsigned,
}

impl Emitter<'_> {
    /// `acc` plus, lane by lane, the products of four unsigned bytes of `codes` with four
    /// signed ones of `x`. `small` says that no code is above 127.
    pub(super) fn dot4(
        &mut self,
        acc: clif::Value,
        codes: clif::Value,
        x: clif::Value,
        small: bool,
    ) -> clif::Value {
        let [codes, x] = [codes, x].map(|v| self.cast(types::I8X16, v));
        match self.dot() {
            Dot::Pairs if small => self.dot_pairs(acc, codes, x),
            Dot::Signed if small => self.dot_tree(acc, codes, x, Bytes::Signed),
            _ => self.dot_tree(acc, codes, x, Bytes::Unsigned),
        }
    }

    /// The tree that Cranelift folds to one `vpdpbusd` or `usdot` or, with signed codes, to one `sdot`.
    ///
    /// It looks for exactly this: the signed operand first, but for `usdot`, and `acc` second in the last sum.
    /// Where it does not fold, the tree means the same.
    fn dot_tree(
        &mut self,
        acc: clif::Value,
        codes: clif::Value,
        x: clif::Value,
        bytes: Bytes,
    ) -> clif::Value {
        let code_low = match bytes {
            Bytes::Signed => self.cur.ins().swiden_low(codes),
            Bytes::Unsigned => self.cur.ins().uwiden_low(codes),
        };
        let x_low = self.cur.ins().swiden_low(x);
        let low = self.products(code_low, x_low);
        let code_high = match bytes {
            Bytes::Signed => self.cur.ins().swiden_high(codes),
            Bytes::Unsigned => self.cur.ins().uwiden_high(codes),
        };
        let x_high = self.cur.ins().swiden_high(x);
        let high = self.products(code_high, x_high);
        let [p, q] = [low, high].map(|products| self.sums_of_pairs(products));
        let sums = self.cur.ins().iadd_pairwise(p, q);
        self.cur.ins().iadd(sums, acc)
    }

    fn products(&mut self, codes: clif::Value, x: clif::Value) -> clif::Value {
        match self.dot() {
            Dot::Mixed => self.cur.ins().imul(codes, x),
            Dot::UnsignedBySigned | Dot::Signed | Dot::Pairs | Dot::Widened => {
                self.cur.ins().imul(x, codes)
            }
        }
    }

    /// `pmaddubsw` and `pmaddwd`.
    fn dot_pairs(&mut self, acc: clif::Value, codes: clif::Value, x: clif::Value) -> clif::Value {
        let pairs = self.cur.ins().x86_pmaddubsw(x, codes);
        let sums = self.sums_of_pairs(pairs);
        self.cur.ins().iadd(sums, acc)
    }

    /// Eight numbers of 16 bits as the four sums of neighbours.
    pub(super) fn sums_of_pairs(&mut self, x: clif::Value) -> clif::Value {
        let low = self.cur.ins().swiden_low(x);
        let high = self.cur.ins().swiden_high(x);
        self.cur.ins().iadd_pairwise(low, high)
    }

    /// Four vectors of i32 as one of bytes; part `i` of it comes from vector `i`.
    pub(super) fn narrow(&mut self, vectors: [Value; 4]) -> [clif::Value; PARTS] {
        vectors.map(|vector| {
            let [a, b, c, d] = std::array::from_fn(|part| self.part(vector, part));
            let low = self.cur.ins().snarrow(a, b);
            let high = self.cur.ins().snarrow(c, d);
            let bytes = self.cur.ins().snarrow(low, high);
            self.cast(types::I32X4, bytes)
        })
    }

    /// The lanes of a table that four bits of each lane name, quarter by quarter of the table:
    /// bytes are looked up where their number is below 16, and are 0 elsewhere.
    pub(super) fn lookup(&mut self, table: Value, index: Value, bit: u8) -> [clif::Value; PARTS] {
        let quads = self.splat_const(Elem::I32, 15 << 2);
        // The lowest byte of each lane, four times.
        let spread = self.lanes_const(Elem::I32, [0, 1, 2, 3].map(|lane| 0x0404_0404 * lane));
        let spread = self.cast(types::I8X16, spread);
        let bytes = self.splat_const(Elem::I32, 0x0302_0100);
        let bytes = self.cast(types::I8X16, bytes);
        let quarter = self.splat_const(Elem::I32, 0x1010_1010);
        let quarter = self.cast(types::I8X16, quarter);
        let table: [clif::Value; PARTS] = std::array::from_fn(|part| {
            let part = self.part(table, part);
            self.cast(types::I8X16, part)
        });
        std::array::from_fn(|part| {
            let index = self.part(index, part);
            // The number of the lane's first byte.
            let first = match bit {
                0..2 => self.shift(ShiftOp::Left, index, 2 - bit),
                _ => self.shift(ShiftOp::Right, index, bit - 2),
            };
            let first = self.cur.ins().band(first, quads);
            let first = self.cast(types::I8X16, first);
            let byte = self.cur.ins().swizzle(first, spread);
            let mut byte = self.cur.ins().iadd(byte, bytes);
            let mut found = self.cur.ins().swizzle(table[0], byte);
            for quarter_of_table in &table[1..] {
                byte = self.cur.ins().isub(byte, quarter);
                let more = self.cur.ins().swizzle(*quarter_of_table, byte);
                found = self.cur.ins().bor(found, more);
            }
            self.cast(types::I32X4, found)
        })
    }

    /// The halves of two tables that six bits of each half name: their bytes, likewise.
    pub(super) fn shuffle16(&mut self, tables: [Value; 2], index: Value) -> [clif::Value; PARTS] {
        let number = self.splat_const(Elem::I32, 0x003f_003f);
        let second = self.splat_const(Elem::I32, 0x0100_0100);
        let quarter = self.splat_const(Elem::I32, 0x1010_1010);
        let quarter = self.cast(types::I8X16, quarter);
        let parts = tables.map(|table| std::array::from_fn(|part| self.part(table, part)));
        let table: Vec<clif::Value> = parts
            .iter()
            .flat_map(|parts: &[clif::Value; PARTS]| parts)
            .map(|part| self.cast(types::I8X16, *part))
            .collect();
        std::array::from_fn(|part| {
            let index = self.part(index, part);
            let index = self.cur.ins().band(index, number);
            let low = self.shift(ShiftOp::Left, index, 1);
            let high = self.shift(ShiftOp::Left, index, 9);
            let bytes = self.cur.ins().bor(low, high);
            let bytes = self.cur.ins().bor(bytes, second);
            let mut byte = self.cast(types::I8X16, bytes);
            let mut found = self.cur.ins().swizzle(table[0], byte);
            for part_of_table in &table[1..] {
                byte = self.cur.ins().isub(byte, quarter);
                let more = self.cur.ins().swizzle(*part_of_table, byte);
                found = self.cur.ins().bor(found, more);
            }
            self.cast(types::I32X4, found)
        })
    }
}
