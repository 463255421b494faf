//! Bytes of instructions whose registers are those of the machine.

use super::inst::{Alu, If, Inst, Label, Mem, Operand, Reg, Rm};

/// The frame pointer.
pub(super) const RBP: u8 = 5;
pub(super) const RSP: u8 = 4;
/// Loops begin at a multiple of so many bytes.
const LOOP_ALIGN: usize = 32;

/// Code as it is written.
#[derive(Default)]
pub(super) struct Code {
    pub(super) bytes: Vec<u8>,
    /// Where labels are.
    labels: Vec<Option<usize>>,
    /// Offsets of 32 bits to labels, from their end.
    jumps: Vec<(usize, Label)>,
    /// Offsets of 32 bits to constants: where, the end of the instruction, the constant's place.
    constants: Vec<(usize, usize, i32)>,
    /// From the frame pointer down to the frame.
    pub(super) frame: i32,
}

/// A register or memory by number.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Reg(u8),
    At {
        base: u8,
        index: Option<(u8, u8)>,
        offset: i32,
    },
    Constant(i32),
}

pub(super) const fn number(reg: Reg) -> u8 {
    reg.0 as u8
}

impl Code {
    pub(super) fn with_frame(frame: i32) -> Code {
        Code {
            frame,
            ..Code::default()
        }
    }

    pub(super) fn place(&self, mem: Mem) -> Place {
        match mem {
            Mem::At {
                base,
                index,
                offset,
            } => Place::At {
                base: number(base),
                index: index.map(|(reg, scale)| (number(reg), scale)),
                offset,
            },
            Mem::Constant(at) => Place::Constant(at),
            // The frame lies at the stack pointer, whose alignment is its own.
            Mem::Frame(at) => Place::At {
                base: RSP,
                index: None,
                offset: at,
            },
            Mem::Argument(at) => Place::At {
                base: RBP,
                index: None,
                offset: at,
            },
        }
    }

    pub(super) fn rm(&self, rm: Rm) -> Place {
        match rm {
            Rm::Reg(reg) => Place::Reg(number(reg)),
            Rm::Mem(mem) => self.place(mem),
        }
    }

    /// `ModRM` and what follows it; `unit` scales short offsets, `after` bytes follow it.
    pub(super) fn operand(&mut self, reg: u8, place: Place, unit: i32, after: usize) {
        let reg = (reg & 7) << 3;
        match place {
            Place::Reg(rm) => self.bytes.push(0xc0 | reg | (rm & 7)),
            Place::Constant(at) => {
                self.bytes.push(reg | 5);
                let here = self.bytes.len();
                self.constants.push((here, here + 4 + after, at));
                self.bytes.extend([0; 4]);
            }
            Place::At {
                base,
                index,
                offset,
            } => {
                let short = offset % unit == 0 && i8::try_from(offset / unit).is_ok();
                let mode = match offset {
                    0 if base & 7 != RBP => 0x00,
                    _ if short => 0x40,
                    _ => 0x80,
                };
                match index {
                    None if base & 7 != RSP => self.bytes.push(mode | reg | (base & 7)),
                    None => self.bytes.extend([mode | reg | 4, 0x20 | (base & 7)]),
                    Some((index, scale)) => {
                        let scale = scale.trailing_zeros() as u8;
                        let sib = (scale << 6) | ((index & 7) << 3) | (base & 7);
                        self.bytes.extend([mode | reg | 4, sib]);
                    }
                }
                match mode {
                    0x40 => self.bytes.push((offset / unit) as i8 as u8),
                    0x80 => self.bytes.extend(offset.to_le_bytes()),
                    _ => {}
                }
            }
        }
    }

    /// An instruction on integers: prefix of 64 bits if `wide`, opcode, operands.
    pub(super) fn integer(&mut self, wide: bool, opcode: &[u8], reg: u8, rm: Place, after: usize) {
        let (x, b) = extensions(rm);
        let rex = 0x40 | u8::from(wide) << 3 | (reg >> 3) << 2 | (x & 1) << 1 | (b & 1);
        if rex != 0x40 {
            self.bytes.push(rex);
        }
        self.bytes.extend(opcode);
        self.operand(reg, rm, 1, after);
    }

    pub(super) fn alu(&mut self, alu: Alu, dst: u8, operand: Operand) {
        let digit = match alu {
            Alu::Add => 0,
            Alu::Or => 1,
            Alu::And => 4,
            Alu::Sub => 5,
            Alu::Cmp => 7,
        };
        match operand {
            Operand::Rm(rm) => {
                let rm = self.rm(rm);
                self.integer(true, &[digit << 3 | 3], dst, rm, 0);
            }
            Operand::Imm(imm) => match i8::try_from(imm) {
                Ok(imm) => {
                    self.integer(true, &[0x83], digit, Place::Reg(dst), 0);
                    self.bytes.push(imm as u8);
                }
                Err(_) => {
                    self.integer(true, &[0x81], digit, Place::Reg(dst), 0);
                    self.bytes.extend(imm.to_le_bytes());
                }
            },
        }
    }

    pub(super) fn inst(&mut self, inst: &Inst) {
        match inst {
            Inst::Vector(v) => self.vector(v),
            Inst::SetMask(x) => {
                // kmovw k1, r32
                let b = u8::from(number(*x) < 8) << 5;
                self.bytes.extend([0xc4, 0xc1 | b, 0x78, 0x92]);
                self.operand(1, Place::Reg(number(*x)), 1, 0);
            }
            Inst::IntOfLane(dst, Rm::Reg(x)) => self.lane(0x7e, number(*x), number(*dst)),
            Inst::IntOfLane(dst, Rm::Mem(mem)) => {
                let place = self.place(*mem);
                self.integer(false, &[0x8b], number(*dst), place, 0);
            }
            Inst::LaneOfInt(dst, x) => self.lane(0x6e, number(*dst), number(*x)),
            Inst::FloatOfInt(dst, x, signed) => {
                self.float_of_int(number(*dst), number(*x), *signed);
            }
            Inst::Imm(dst, n) => self.imm(number(*dst), *n),
            Inst::Load(dst, mem) => {
                let place = self.place(*mem);
                self.integer(true, &[0x8b], number(*dst), place, 0);
            }
            Inst::Store(mem, x) => {
                let place = self.place(*mem);
                self.integer(true, &[0x89], number(*x), place, 0);
            }
            Inst::Move(dst, x) => {
                self.integer(true, &[0x8b], number(*dst), Place::Reg(number(*x)), 0);
            }
            Inst::Address(dst, mem) => {
                let place = self.place(*mem);
                self.integer(true, &[0x8d], number(*dst), place, 0);
            }
            Inst::Alu(alu, dst, operand) => self.alu(*alu, number(*dst), *operand),
            Inst::Mul(dst, rm) => {
                let rm = self.rm(*rm);
                self.integer(true, &[0x0f, 0xaf], number(*dst), rm, 0);
            }
            Inst::MulImm(dst, rm, n) => {
                let rm = self.rm(*rm);
                self.integer(true, &[0x69], number(*dst), rm, 4);
                self.bytes.extend(n.to_le_bytes());
            }
            Inst::ShiftLeft(dst, by) => {
                self.integer(true, &[0xc1], 4, Place::Reg(number(*dst)), 0);
                self.bytes.push(*by);
            }
            Inst::ShiftRight(dst, by) => {
                self.integer(true, &[0xc1], 5, Place::Reg(number(*dst)), 0);
                self.bytes.push(*by);
            }
            Inst::LowBits(dst, x, count) => self.low_bits(number(*dst), number(*x), number(*count)),
            Inst::MoveIf(when, dst, x) => {
                let code = [0x0f, 0x40 | condition(*when)];
                self.integer(true, &code, number(*dst), Place::Reg(number(*x)), 0);
            }
            Inst::Divide {
                dst,
                x,
                by,
                remainder,
                aside,
            } => self.divide(number(*dst), number(*x), *by, *remainder, *aside),
            Inst::Prefetch(mem) => {
                let place = self.place(*mem);
                self.integer(false, &[0x0f, 0x18], 1, place, 0);
            }
            Inst::Jump(when, label) => self.jump(*when, *label),
            Inst::At(label, aligned) => {
                if *aligned {
                    self.align(LOOP_ALIGN);
                }
                let here = self.bytes.len();
                *self.label(*label) = Some(here);
            }
        }
    }

    /// `bzhi`
    fn low_bits(&mut self, dst: u8, x: u8, count: u8) {
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        self.bytes.extend([
            0xc4,
            flag(dst < 8, 7) | 0x40 | flag(x < 8, 5) | 2,
            0x80 | ((!count & 15) << 3),
            0xf5,
        ]);
        self.operand(dst, Place::Reg(x), 1, 0);
    }

    fn imm(&mut self, dst: u8, n: i64) {
        if let Ok(n) = u32::try_from(n) {
            if dst > 7 {
                self.bytes.push(0x41);
            }
            self.bytes.push(0xb8 | (dst & 7));
            self.bytes.extend(n.to_le_bytes());
        } else if let Ok(n) = i32::try_from(n) {
            self.integer(true, &[0xc7], 0, Place::Reg(dst), 0);
            self.bytes.extend(n.to_le_bytes());
        } else {
            self.bytes.extend([0x48 | (dst >> 3), 0xb8 | (dst & 7)]);
            self.bytes.extend(n.to_le_bytes());
        }
    }

    /// The instruction works on `rax` and `rdx` alone, so they are put by.
    fn divide(&mut self, dst: u8, x: u8, by: Mem, remainder: bool, aside: i32) {
        const RAX: u8 = 0;
        const RDX: u8 = 2;
        let [rax, rdx, result] = [0, 8, 16].map(|at| self.place(Mem::Frame(aside + at)));
        self.integer(true, &[0x89], RAX, rax, 0);
        self.integer(true, &[0x89], RDX, rdx, 0);
        self.integer(true, &[0x8b], RAX, Place::Reg(x), 0);
        self.integer(false, &[0x31], RDX, Place::Reg(RDX), 0);
        let by = self.place(by);
        self.integer(true, &[0xf7], 6, by, 0);
        self.integer(true, &[0x89], if remainder { RDX } else { RAX }, result, 0);
        self.integer(true, &[0x8b], RAX, rax, 0);
        self.integer(true, &[0x8b], RDX, rdx, 0);
        self.integer(true, &[0x8b], dst, result, 0);
    }

    fn label(&mut self, label: Label) -> &mut Option<usize> {
        if self.labels.len() <= label.0 {
            self.labels.resize(label.0 + 1, None);
        }
        &mut self.labels[label.0]
    }

    fn jump(&mut self, when: If, label: Label) {
        let here = self.bytes.len();
        let back = *self.label(label);
        let near = back.and_then(|to| i8::try_from(to as i64 - here as i64 - 2).ok());
        if let Some(offset) = near {
            self.bytes.extend([0x70 | condition(when), offset as u8]);
            return;
        }
        self.bytes.extend([0x0f, 0x80 | condition(when)]);
        self.jumps.push((self.bytes.len(), label));
        self.bytes.extend([0; 4]);
    }

    /// The longest instructions that do nothing, up to a multiple of `bytes`.
    pub(super) fn align(&mut self, bytes: usize) {
        const NOPS: [&[u8]; 9] = [
            &[0x90],
            &[0x66, 0x90],
            &[0x0f, 0x1f, 0x00],
            &[0x0f, 0x1f, 0x40, 0x00],
            &[0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
            &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
            &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        ];
        let mut missing = self.bytes.len().next_multiple_of(bytes) - self.bytes.len();
        while missing > 0 {
            let nop = NOPS[missing.min(NOPS.len()) - 1];
            self.bytes.extend(nop);
            missing -= nop.len();
        }
    }

    /// The code, its offsets known, and the constants after it.
    pub(super) fn finish(mut self, constants: &[u8]) -> Vec<u8> {
        for (at, label) in std::mem::take(&mut self.jumps) {
            let to = self.label(label).expect("every label is put somewhere");
            self.patch(at, to as i64 - (at as i64 + 4));
        }
        let end = self.bytes.len().next_multiple_of(64);
        for (at, from, constant) in std::mem::take(&mut self.constants) {
            self.patch(at, end as i64 + i64::from(constant) - from as i64);
        }
        if !constants.is_empty() {
            // int3: nobody comes here.
            self.bytes.resize(end, 0xcc);
            self.bytes.extend(constants);
        }
        self.bytes
    }

    fn patch(&mut self, at: usize, offset: i64) {
        let offset = i32::try_from(offset).expect("a function is shorter than 2 GB");
        self.bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
    }
}

const fn condition(when: If) -> u8 {
    match when {
        If::Below => 2,
        If::Zero => 4,
        If::Above => 7,
    }
}

/// Bits 3 of the index, or 4 of the register, and 3 of the base or register.
pub(super) const fn extensions(rm: Place) -> (u8, u8) {
    match rm {
        Place::Reg(rm) => (rm >> 4, (rm >> 3) & 1),
        Place::At { base, index, .. } => {
            let index = match index {
                Some((index, _)) => index >> 3,
                None => 0,
            };
            (index, base >> 3)
        }
        Place::Constant(_) => (0, 0),
    }
}
