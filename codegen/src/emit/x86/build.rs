//! Instructions as they are added, and constants.

use super::emitter::{Emitter, Key};
use super::inst::{Inst, Kind, Masked, Mem, Operand, Reg, Rm, Vector};
use super::op::{self, Op};

impl Emitter<'_> {
    pub(super) fn vector(&mut self, vector: Vector) {
        self.push(Inst::Vector(vector));
    }

    /// A new register of an instruction on two.
    pub(super) fn rvm(&mut self, op: &'static Op, kind: Kind, a: Reg, b: Reg) -> Reg {
        self.rvm_to(op, kind, kind, a, Rm::Reg(b), None)
    }

    /// The same, with a number.
    pub(super) fn rvm_imm(&mut self, op: &'static Op, kind: Kind, a: Reg, b: Reg, imm: u8) -> Reg {
        self.rvm_to(op, kind, kind, a, Rm::Reg(b), Some(imm))
    }

    pub(super) fn rvm_to(
        &mut self,
        op: &'static Op,
        kind: Kind,
        to: Kind,
        a: Reg,
        b: Rm,
        imm: Option<u8>,
    ) -> Reg {
        let dst = self.registers.add(to);
        self.vector(Vector {
            dst: Some(dst),
            a: Some(a),
            b: Some(b),
            imm,
            ..Vector::new(op, kind)
        });
        dst
    }

    /// A new register of an instruction on one.
    pub(super) fn rm(&mut self, op: &'static Op, kind: Kind, b: impl Into<Rm>) -> Reg {
        self.rm_imm(op, kind, b, None)
    }

    pub(super) fn rm_imm(
        &mut self,
        op: &'static Op,
        kind: Kind,
        b: impl Into<Rm>,
        imm: impl Into<Option<u8>>,
    ) -> Reg {
        let dst = self.registers.add(kind);
        self.vector(Vector {
            dst: Some(dst),
            b: Some(b.into()),
            imm: imm.into(),
            ..Vector::new(op, kind)
        });
        dst
    }

    /// A register that a vector is stored in, part of another.
    pub(super) fn mr(&mut self, op: &'static Op, kind: Kind, to: Kind, a: Reg, imm: u8) -> Reg {
        let dst = self.registers.add(to);
        self.vector(Vector {
            a: Some(a),
            b: Some(Rm::Reg(dst)),
            imm: Some(imm),
            ..Vector::new(op, kind)
        });
        dst
    }

    /// An instruction that reads what it writes: `first` is left as it was.
    pub(super) fn onto(&mut self, first: Reg, kind: Kind, vector: Vector) -> Reg {
        let dst = self.copy(first, kind);
        // What is read from the copy too needs no register beside it.
        let b = match vector.b {
            Some(Rm::Reg(b)) if b == first => Some(Rm::Reg(dst)),
            b => b,
        };
        self.vector(Vector {
            dst: Some(dst),
            b,
            ..vector
        });
        dst
    }

    pub(super) fn copy(&mut self, x: Reg, kind: Kind) -> Reg {
        let dst = self.registers.add(kind);
        self.push(moved(dst, x, kind));
        dst
    }

    /// An instruction that writes the mask register.
    pub(super) fn writes_mask(
        &mut self,
        op: &'static Op,
        kind: Kind,
        a: Option<Reg>,
        b: Reg,
        imm: impl Into<Option<u8>>,
    ) {
        self.vector(Vector {
            a,
            b: Some(Rm::Reg(b)),
            imm: imm.into(),
            ..Vector::new(op, kind)
        });
    }

    /// A register of an instruction that reads the mask register alone.
    pub(super) fn of_mask(&mut self, op: &'static Op, kind: Kind) -> Reg {
        let dst = self.registers.add(kind);
        self.vector(Vector {
            dst: Some(dst),
            ..Vector::new(op, kind)
        });
        dst
    }

    /// Lanes of `on` that the mask register names, of `off` the others.
    pub(super) fn blend(&mut self, kind: Kind, off: Reg, on: Reg) -> Reg {
        let dst = self.registers.add(kind);
        self.vector(Vector {
            dst: Some(dst),
            a: Some(off),
            b: Some(Rm::Reg(on)),
            masked: Masked::Chosen,
            ..Vector::new(&op::BLEND, kind)
        });
        dst
    }

    /// A constant vector of a kind, given by its lanes again and again.
    pub(super) fn lanes(&mut self, kind: Kind, lanes: &[u32]) -> Reg {
        let all: Vec<u32> = (0..kind.bytes() as usize / 4)
            .map(|l| lanes[l % lanes.len()])
            .collect();
        self.once(0, Key::Lanes(kind, all.clone()), |e| {
            let at = e.constant(all);
            let reg = e.rm(&op::LOAD, kind, Mem::Constant(at));
            e.registers.homes.insert(reg, Mem::Constant(at));
            reg
        })
    }

    pub(super) fn int(&mut self, n: i64) -> Reg {
        self.once(0, Key::Int(n), |e| e.imm(n))
    }

    /// A constant in a register of its own.
    pub(super) fn imm(&mut self, n: i64) -> Reg {
        let reg = self.registers.add(Kind::Int);
        self.push(Inst::Imm(reg, n));
        reg
    }

    /// A constant as an operand, in a register if it takes more than 32 bits.
    pub(super) fn operand(&mut self, n: i64) -> Operand {
        match i32::try_from(n) {
            Ok(n) => Operand::Imm(n),
            Err(_) => Operand::Rm(Rm::Reg(self.int(n))),
        }
    }
}

/// A move between registers of one kind.
pub(super) fn moved(dst: Reg, x: Reg, kind: Kind) -> Inst {
    if kind == Kind::Int {
        return Inst::Move(dst, x);
    }
    Inst::Vector(Vector {
        dst: Some(dst),
        b: Some(Rm::Reg(x)),
        ..Vector::new(&op::MOV, kind)
    })
}
