//! Sizes and addresses.
//!
//! A size is computed in the entry block. An address is built up term by term, each term in
//! the outermost scope that knows its index, so an inner loop adds only what changes in it;
//! the constant part stays apart for the offset field of the instruction.

use super::emitter::{Emitter, Key, Repr};
use crate::emit::order::split;
use crate::ir::{Address, Buffer, Size, Value};
use atome_spec::LANES;
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

const ELEM_BYTES: u64 = 4;
/// Offsets of one access: sixteen elements.
const SPAN_BYTES: i64 = 64;

/// A pointer and a constant offset in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointer {
    pub(super) base: clif::Value,
    pub(super) offset: i32,
}

impl Emitter<'_> {
    /// A size as an i64; sizes beyond 64 bits wrap.
    pub(super) fn size(&mut self, size: &Size) -> clif::Value {
        if let Some(n) = size.as_const() {
            return self.index_const(n as i64);
        }
        self.once(0, Key::Size(size.clone()), |e| match size {
            Size::Const(n) => e.index_const(*n as i64),
            Size::Dim(d) => e.dim(*d),
            Size::Add(a, b) => {
                let (a, b) = (e.size(a), e.size(b));
                e.cur.ins().iadd(a, b)
            }
            Size::Mul(a, b) => match (&**a, &**b) {
                (Size::Const(n), x) | (x, Size::Const(n)) => {
                    let x = e.size(x);
                    e.times(x, *n)
                }
                (a, b) => {
                    let (a, b) = (e.size(a), e.size(b));
                    e.cur.ins().imul(a, b)
                }
            },
            Size::Sub(a, n) => {
                let (a, n) = (e.size(a), e.index_const(*n as i64));
                let at_least = e.cur.ins().umax(a, n);
                e.cur.ins().isub(at_least, n)
            }
            Size::Div(a, n) => {
                let a = e.size(a);
                match n.is_power_of_two() {
                    true => e.cur.ins().ushr_imm_u(a, i64::from(n.trailing_zeros())),
                    false => e.cur.ins().udiv_imm_u(a, *n as i64),
                }
            }
            Size::Rem(a, n) => {
                let a = e.size(a);
                match n.is_power_of_two() {
                    true => e.cur.ins().band_imm_u(a, (*n - 1) as i64),
                    false => e.cur.ins().urem_imm_u(a, *n as i64),
                }
            }
        })
    }

    /// The lesser of a size and 16.
    pub(super) fn at_most_lanes(&mut self, size: &Size) -> clif::Value {
        self.once(0, Key::AtMostLanes(size.clone()), |e| {
            let n = e.size(size);
            let lanes = e.index_const(LANES as i64);
            e.cur.ins().umin(n, lanes)
        })
    }

    /// A size as the nearest f32.
    pub(super) fn size_f32(&mut self, size: &Size) -> clif::Value {
        self.once(0, Key::SizeF32(size.clone()), |e| {
            let n = e.size(size);
            e.cur.ins().fcvt_from_uint(types::F32, n)
        })
    }

    /// Where an access starts.
    pub(super) fn pointer(&mut self, buffer: Buffer, address: &Address) -> Pointer {
        let (symbolic, constant) = split(&address.base);
        let mut base = self.buffer(buffer.0);
        if symbolic != Size::ZERO {
            base = self.once(0, Key::Base(buffer.0, symbolic.clone()), |e| {
                let bytes = e.size(&(symbolic * ELEM_BYTES));
                e.cur.ins().iadd(base, bytes)
            });
        }
        let mut terms: Vec<_> = address
            .terms
            .iter()
            .filter(|(index, stride)| *stride != Size::ZERO && !self.is_zero(*index))
            .map(|term| (self.scope_of(term.0), term))
            .collect();
        terms.sort_by_key(|(scope, _)| *scope);
        for (scope, (index, stride)) in &terms {
            base = self.once(*scope, Key::Step(base, *index, stride.clone()), |e| {
                e.step(base, *index, stride)
            });
        }
        let bytes = constant.wrapping_mul(ELEM_BYTES) as i64;
        match i32::try_from(bytes.saturating_add(SPAN_BYTES)) {
            Ok(_) => Pointer {
                base,
                offset: bytes as i32,
            },
            Err(_) => {
                let scope = terms.last().map_or(0, |(scope, _)| *scope);
                let base = self.once(scope, Key::Moved(base, bytes), |e| {
                    let bytes = e.index_const(bytes);
                    e.cur.ins().iadd(base, bytes)
                });
                Pointer { base, offset: 0 }
            }
        }
    }

    fn is_zero(&self, index: Value) -> bool {
        matches!(self.repr(index), Repr::Const(0))
    }

    /// `base + index * stride`, the stride in elements.
    fn step(&mut self, base: clif::Value, index: Value, stride: &Size) -> clif::Value {
        let index = self.part(index, 0);
        let stride = stride.clone() * ELEM_BYTES;
        let bytes = match stride.as_const() {
            Some(n) => self.times(index, n),
            None => {
                let stride = self.size(&stride);
                self.cur.ins().imul(index, stride)
            }
        };
        self.cur.ins().iadd(base, bytes)
    }

    fn times(&mut self, x: clif::Value, n: u64) -> clif::Value {
        match n.is_power_of_two() {
            true => self.cur.ins().ishl_imm_u(x, i64::from(n.trailing_zeros())),
            false => self.cur.ins().imul_imm_u(x, n as i64),
        }
    }
}
