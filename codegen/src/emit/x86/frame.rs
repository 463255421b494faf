//! The way in and out: registers that are the caller's, and memory on the stack.

use super::encode::{Code, Place, RBP, RSP};
use super::inst::{Alu, Operand};

impl Code {
    /// Puts the function's own registers by and makes room for its frame, which is aligned to 64 bytes
    /// and touched page by page.
    pub(super) fn enter(&mut self, saved: &[u8]) {
        const PAGE: i32 = 4096;
        self.bytes.extend([0x55, 0x48, 0x89, 0xe5]);
        for reg in saved {
            self.push_or_pop(0x50, *reg);
        }
        if self.frame == 0 {
            return;
        }
        let mut missing = self.frame;
        while missing > PAGE {
            self.alu(Alu::Sub, RSP, Operand::Imm(PAGE));
            // or qword [rsp], 0
            self.bytes.extend([0x48, 0x83, 0x0c, 0x24, 0x00]);
            missing -= PAGE;
        }
        self.alu(Alu::Sub, RSP, Operand::Imm(missing));
        self.alu(Alu::And, RSP, Operand::Imm(-64));
    }

    /// The way back to the caller.
    pub(super) fn leave(&mut self, saved: &[u8]) {
        self.bytes.extend([0xc5, 0xf8, 0x77]);
        if self.frame != 0 {
            let place = Place::At {
                base: RBP,
                index: None,
                offset: -8 * saved.len() as i32,
            };
            self.integer(true, &[0x8d], RSP, place, 0);
        }
        for reg in saved.iter().rev() {
            self.push_or_pop(0x58, *reg);
        }
        self.bytes.extend([0x5d, 0xc3]);
    }

    fn push_or_pop(&mut self, opcode: u8, reg: u8) {
        if reg > 7 {
            self.bytes.push(0x41);
        }
        self.bytes.push(opcode | (reg & 7));
    }
}
