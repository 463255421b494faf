//! Counted loops: the counter and every part of every carried value are block parameters.

use super::emitter::{Emitter, Repr};
use crate::emit::order::InOrder;
use crate::ir::{Carried, Loop, Value};
use cranelift_codegen::cursor::Cursor;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self as clif, BlockArg, InstBuilder, types};

impl Emitter<'_> {
    /// A loop tested at its end; one of which only a run tells whether it is entered is also
    /// tested before it, and its results then come by way of the block after it.
    pub(super) fn repeat(&mut self, l: &Loop) {
        let trip = self.size(&l.trip);
        let zero = self.index_const(0);
        let enters = match l.when {
            None => trip,
            Some(when) => {
                let when = self.part(when, 0);
                self.cur.ins().select(when, trip, zero)
            }
        };
        let inits = self.args(&l.carried, |c| c.init);
        let carried: Vec<clif::Type> = inits
            .iter()
            .map(|x| self.cur.func.dfg.value_type(*x))
            .collect();
        let body = self.new_block(&[&[types::I64], &carried[..]].concat());
        let entering = block_args(std::iter::once(zero).chain(inits.iter().copied()));
        let known = l.known_trip().is_some();
        let after = self.cur.func.dfg.make_block();
        let entered_by = if known {
            self.cur.ins().jump(body, &entering)
        } else {
            for ty in &carried {
                self.cur.func.dfg.append_block_param(after, *ty);
            }
            let skipping = block_args(inits.iter().copied());
            self.cur
                .ins()
                .brif(enters, body, &entering, after, &skipping)
        };

        self.open_scope(entered_by);
        self.cur.goto_bottom(body);
        let params = self.cur.func.dfg.block_params(body).to_vec();
        self.define(l.counter, Repr::Scalar(params[0]));
        self.define_all(&l.carried, |c| c.param, &params[1..]);
        self.block(&l.body);
        let nexts = self.args(&l.carried, |c| c.next);
        let counter = self.cur.ins().iadd_imm_u(params[0], 1);
        let more = self.cur.ins().icmp(IntCC::UnsignedLessThan, counter, trip);
        let again = block_args(std::iter::once(counter).chain(nexts.iter().copied()));
        let leaving = if known {
            Vec::new()
        } else {
            block_args(nexts.iter().copied())
        };
        self.cur.ins().brif(more, body, &again, after, &leaving);
        self.close_scope();

        self.cur.func.layout.append_block(after);
        self.cur.goto_bottom(after);
        let results = if known {
            nexts
        } else {
            self.cur.func.dfg.block_params(after).to_vec()
        };
        self.define_all(&l.carried, |c| c.result, &results);
    }

    /// The parts of one value of every carried triple, one after the other.
    fn args(&mut self, carried: &[Carried], of: impl Fn(&Carried) -> Value) -> Vec<clif::Value> {
        carried.iter().flat_map(|c| self.parts(of(c))).collect()
    }

    /// The inverse of [`Emitter::args`].
    fn define_all(
        &mut self,
        carried: &[Carried],
        of: impl Fn(&Carried) -> Value,
        mut parts: &[clif::Value],
    ) {
        for value in carried.iter().map(of) {
            let repr = match (self.is_vector(value), parts) {
                (true, &[a, b, c, d, ref rest @ ..]) => {
                    parts = rest;
                    Repr::Vector([a, b, c, d])
                }
                (false, &[x, ref rest @ ..]) => {
                    parts = rest;
                    Repr::Scalar(x)
                }
                _ => unreachable!("`args` made as many parts"),
            };
            self.define(value, repr);
        }
    }
}

fn block_args(values: impl Iterator<Item = clif::Value>) -> Vec<BlockArg> {
    values.map(BlockArg::Value).collect()
}
