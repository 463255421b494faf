//! Bytes of vector instructions, by VEX or EVEX.

use super::encode::{Code, Place, extensions, number};
use super::inst::{Kind, Masked, Signed, Vector};
use super::op::{Form, Tuple};

impl Code {
    pub(super) fn vector(&mut self, v: &Vector) {
        // Which operand lies in which field.
        let written = v.dst.map_or(1, number);
        let source = v.a.map_or(0, number);
        let other = v.b.map_or(Place::Reg(1), |b| self.rm(b));
        let (reg, vvvv, rm) = match v.op.form {
            Form::Rvm => (written, v.a.map_or(0, number), other),
            Form::Rm => (written, 0, other),
            Form::Mr => (source, 0, other),
            Form::Mvr => (source, v.c.map_or(0, number), other),
            Form::Vmi(digit) => (digit, written, other),
        };
        let after = usize::from(v.imm.is_some() || (v.c.is_some() && v.op.form == Form::Rvm));
        let high = |place| match place {
            Place::Reg(rm) => rm > 15,
            _ => false,
        };
        let masked = v.masked != Masked::No;
        let evex = v.op.evex || v.kind == Kind::Full || masked || v.broadcast;
        if evex || reg > 15 || vvvv > 15 || high(rm) {
            self.evex(v, reg, vvvv, rm);
            let bytes = v.kind.bytes();
            let unit = match v.op.tuple {
                _ if v.broadcast => 4,
                Tuple::Full => bytes,
                Tuple::Scalar => 4,
                Tuple::Quarter => 16,
            };
            self.bytes.push(v.op.byte);
            self.operand(reg, rm, unit, after);
        } else {
            self.vex(v, reg, vvvv, rm);
            self.bytes.push(v.op.byte);
            self.operand(reg, rm, 1, after);
        }
        match (v.imm, v.c, v.op.form) {
            (Some(imm), _, _) => self.bytes.push(imm),
            (None, Some(c), Form::Rvm) => self.bytes.push(number(c) << 4),
            _ => {}
        }
    }

    fn vex(&mut self, v: &Vector, reg: u8, vvvv: u8, rm: Place) {
        let (x, b) = extensions(rm);
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        let last = ((!vvvv & 15) << 3) | flag(v.kind == Kind::Half, 2) | v.op.prefix;
        if x & 1 == 0 && b & 1 == 0 && v.op.map == 1 && !v.op.wide {
            self.bytes.extend([0xc5, flag(reg < 8, 7) | last]);
            return;
        }
        self.bytes.extend([
            0xc4,
            flag(reg < 8, 7) | flag(x & 1 == 0, 6) | flag(b & 1 == 0, 5) | v.op.map,
            flag(v.op.wide, 7) | last,
        ]);
    }

    fn evex(&mut self, v: &Vector, reg: u8, vvvv: u8, rm: Place) {
        let (x, b) = extensions(rm);
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        let length = match v.kind {
            Kind::Full => 2,
            Kind::Half => 1,
            Kind::Int | Kind::Quarter => 0,
        };
        let zeroed = v.masked == Masked::Zeroed;
        self.bytes.extend([
            0x62,
            flag(reg & 8 == 0, 7)
                | flag(x & 1 == 0, 6)
                | flag(b & 1 == 0, 5)
                | flag(reg & 16 == 0, 4)
                | v.op.map,
            flag(v.op.wide, 7) | ((!vvvv & 15) << 3) | 4 | v.op.prefix,
            flag(zeroed, 7)
                | (length << 5)
                | flag(v.broadcast, 4)
                | flag(vvvv & 16 == 0, 3)
                | u8::from(v.masked != Masked::No),
        ]);
    }

    /// A move between the lowest lane and an integer register, of 32 bits.
    pub(super) fn lane(&mut self, opcode: u8, vector: u8, integer: u8) {
        if vector < 16 {
            let flag = |set: bool, bit: u8| u8::from(set) << bit;
            self.bytes.extend([
                0xc4,
                flag(vector < 8, 7) | 0x40 | flag(integer < 8, 5) | 1,
                0x79,
                opcode,
            ]);
        } else {
            let flag = |set: bool, bit: u8| u8::from(set) << bit;
            self.bytes.extend([
                0x62,
                flag(vector & 8 == 0, 7) | 0x40 | flag(integer < 8, 5) | 1,
                0x7d,
                0x08,
                opcode,
            ]);
        }
        self.operand(vector, Place::Reg(integer), 1, 0);
    }

    /// Lanes of the register itself stay as they are, so it is cleared.
    pub(super) fn float_of_int(&mut self, dst: u8, x: u8, signed: Signed) {
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        let vvvv = (!dst & 15) << 3;
        if signed == Signed::Yes && dst < 16 {
            let clear = flag(dst < 8, 7) | 0x40 | flag(dst < 8, 5) | 1;
            self.bytes.extend([0xc4, clear, vvvv, 0x57]);
            self.operand(dst, Place::Reg(dst), 1, 0);
            let convert = flag(dst < 8, 7) | 0x40 | flag(x < 8, 5) | 1;
            self.bytes.extend([0xc4, convert, 0x82 | vvvv, 0x2a]);
        } else {
            let low = dst & 8 == 0;
            let high = dst < 16;
            let clear = flag(low, 7) | flag(high, 6) | flag(low, 5) | flag(high, 4) | 1;
            let last = flag(high, 3);
            self.bytes.extend([0x62, clear, 0x04 | vvvv, last, 0x57]);
            self.operand(dst, Place::Reg(dst), 1, 0);
            let convert = flag(low, 7) | 0x40 | flag(x < 8, 5) | flag(high, 4) | 1;
            let opcode = if signed == Signed::Yes { 0x2a } else { 0x7b };
            self.bytes
                .extend([0x62, convert, 0x86 | vvvv, last, opcode]);
        }
        self.operand(dst, Place::Reg(x), 1, 0);
    }
}
