//! Dot products of bytes, and what makes bytes of wider numbers.

use super::emitter::{Dot, Emitter, PARTS};
use crate::ir::Value;
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

    /// The tree that Cranelift folds to one `vpdpbusd` or, with signed codes, to one `sdot`.
    ///
    /// It looks for exactly this: the signed operand first, `acc` second in the last sum.
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
        let low = self.cur.ins().imul(x_low, code_low);
        let code_high = match bytes {
            Bytes::Signed => self.cur.ins().swiden_high(codes),
            Bytes::Unsigned => self.cur.ins().uwiden_high(codes),
        };
        let x_high = self.cur.ins().swiden_high(x);
        let high = self.cur.ins().imul(x_high, code_high);
        let [p, q] = [low, high].map(|products| self.sums_of_pairs(products));
        let sums = self.cur.ins().iadd_pairwise(p, q);
        self.cur.ins().iadd(sums, acc)
    }

    /// `pmaddubsw` and `pmaddwd`.
    fn dot_pairs(&mut self, acc: clif::Value, codes: clif::Value, x: clif::Value) -> clif::Value {
        let pairs = self.cur.ins().x86_pmaddubsw(x, codes);
        let sums = self.sums_of_pairs(pairs);
        self.cur.ins().iadd(sums, acc)
    }

    /// Eight numbers of 16 bits as the four sums of neighbours.
    fn sums_of_pairs(&mut self, x: clif::Value) -> clif::Value {
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
}
