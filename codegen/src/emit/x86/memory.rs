//! Loads and stores.

use super::address::At;
use super::emitter::{ELEM_BYTES, Emitter, Key};
use super::inst::{Inst, Kind, Masked, Reg, Rm, Vector};
use super::op;
use crate::ir::{Lanes, Size};
use atome_spec::LANES;

/// How the lanes of an access are known.
enum Reach<'a> {
    /// The first so many, at most 16.
    Const(usize),
    /// The first so many, known at run time.
    Dynamic(&'a Size),
}

fn reach(lanes: &Lanes) -> Reach<'_> {
    match lanes {
        Lanes::All => Reach::Const(LANES),
        Lanes::First(size) => match size.as_const() {
            Some(n) => Reach::Const(usize::try_from(n).map_or(LANES, |n| n.min(LANES))),
            None => Reach::Dynamic(size),
        },
    }
}

impl Emitter<'_> {
    pub(super) fn load_scalar(&mut self, at: At) -> Reg {
        self.rm(&op::LOAD_SCALAR, Kind::Quarter, at.mem())
    }

    pub(super) fn store_scalar(&mut self, x: Reg, at: At) {
        self.vector(Vector {
            a: Some(x),
            b: Some(Rm::Mem(at.mem())),
            ..Vector::new(&op::STORE_SCALAR, Kind::Quarter)
        });
    }

    /// Part `part` of a vector in memory; lanes that are not asked for are zero.
    pub(super) fn load_part(&mut self, at: At, part: usize, lanes: &Lanes) -> Reg {
        let (kind, part_lanes) = (self.kind(), self.part_lanes());
        let at = at.moved(part as i32 * kind.bytes()).mem();
        match reach(lanes) {
            Reach::Const(n) => match n.saturating_sub(part * part_lanes) {
                0 => self.lanes(kind, &[0]),
                n if n >= part_lanes => self.rm(&op::LOAD, kind, at),
                // What is not loaded of a register becomes zero.
                1 => self.rm(&op::LOAD_SCALAR, kind, at),
                4 => self.rm_as(&op::LOAD, Kind::Quarter, kind, at),
                8 => self.rm_as(&op::LOAD, Kind::Half, kind, at),
                n => self.load_masked(kind, at, &Lanes::First(Size::Const(n as u64)), 0),
            },
            Reach::Dynamic(_) => self.load_masked(kind, at, lanes, part),
        }
    }

    /// An instruction on fewer lanes than the register has that it fills.
    fn rm_as(&mut self, op: &'static op::Op, kind: Kind, to: Kind, at: super::inst::Mem) -> Reg {
        let dst = self.registers.add(to);
        self.vector(Vector {
            dst: Some(dst),
            b: Some(Rm::Mem(at)),
            ..Vector::new(op, kind)
        });
        dst
    }

    fn load_masked(&mut self, kind: Kind, at: super::inst::Mem, lanes: &Lanes, part: usize) -> Reg {
        let Lanes::First(n) = lanes else {
            return self.rm(&op::LOAD, kind, at);
        };
        let dst = self.registers.add(kind);
        if self.masks() {
            let bits = self.bits(n);
            self.push(Inst::SetMask(bits));
            self.vector(Vector {
                dst: Some(dst),
                b: Some(Rm::Mem(at)),
                masked: Masked::Zeroed,
                ..Vector::new(&op::LOAD, kind)
            });
        } else {
            let before = self.before(n, part);
            self.vector(Vector {
                dst: Some(dst),
                a: Some(before),
                b: Some(Rm::Mem(at)),
                ..Vector::new(&op::MASK_LOAD, kind)
            });
        }
        dst
    }

    /// Stores what of part `part` is among the lanes that are asked for.
    pub(super) fn store_part(&mut self, x: Reg, at: At, part: usize, lanes: &Lanes) {
        let (kind, part_lanes) = (self.kind(), self.part_lanes());
        let at = at.moved(part as i32 * kind.bytes());
        let whole = |kind: Kind| Vector {
            a: Some(x),
            b: Some(Rm::Mem(at.mem())),
            ..Vector::new(&op::STORE, kind)
        };
        match reach(lanes) {
            Reach::Const(n) => match n.saturating_sub(part * part_lanes) {
                0 => {}
                n if n >= part_lanes => self.vector(whole(kind)),
                1 => self.store_scalar(x, at),
                4 => self.vector(whole(Kind::Quarter)),
                8 => self.vector(whole(Kind::Half)),
                n => self.store_masked(x, at, &Size::Const(n as u64), 0),
            },
            Reach::Dynamic(n) => self.store_masked(x, at, n, part),
        }
    }

    fn store_masked(&mut self, x: Reg, at: At, n: &Size, part: usize) {
        let kind = self.kind();
        if self.masks() {
            let bits = self.bits(n);
            self.push(Inst::SetMask(bits));
            self.vector(Vector {
                a: Some(x),
                b: Some(Rm::Mem(at.mem())),
                masked: Masked::Kept,
                ..Vector::new(&op::STORE, kind)
            });
        } else {
            let before = self.before(n, part);
            self.vector(Vector {
                a: Some(x),
                b: Some(Rm::Mem(at.mem())),
                c: Some(before),
                ..Vector::new(&op::MASK_STORE, kind)
            });
        }
    }

    /// The mask of the first `n` lanes, as an integer.
    pub(super) fn bits(&mut self, n: &Size) -> Reg {
        if let Some(n) = n.as_const() {
            let n = n.min(LANES as u64);
            return self.int((1 << n) - 1);
        }
        self.once_sizes(Key::Bits(n.clone()), |e| {
            let count = e.at_most_lanes(n);
            let ones = e.imm(i64::from(u32::MAX));
            let dst = e.registers.add(Kind::Int);
            e.push(Inst::LowBits(dst, ones, count));
            dst
        })
    }

    /// The lanes of a part before `n`, as a vector.
    pub(super) fn before(&mut self, n: &Size, part: usize) -> Reg {
        let (kind, part_lanes) = (self.kind(), self.part_lanes());
        let first = (part * part_lanes) as u32;
        if let Some(n) = n.as_const() {
            let lanes: Vec<u32> = (first..first + part_lanes as u32)
                .map(|lane| if u64::from(lane) < n { u32::MAX } else { 0 })
                .collect();
            return self.lanes(kind, &lanes);
        }
        self.once_sizes(Key::Before(n.clone(), part), |e| {
            let count = e.at_most_lanes(n);
            let scalar = e.registers.add(Kind::Quarter);
            e.push(Inst::LaneOfInt(scalar, count));
            let count = e.rm(&op::BROADCAST, kind, scalar);
            let lanes: Vec<u32> = (first..first + part_lanes as u32).collect();
            let lanes = e.lanes(kind, &lanes);
            e.rvm(&op::GREATER_D, kind, count, lanes)
        })
    }
}

/// Bytes of an element.
pub(super) const fn bytes(elements: u64) -> u64 {
    elements.wrapping_mul(ELEM_BYTES as u64)
}
