//! Machine instructions over registers that are numbered without end, and later over those there are.

use super::op::{Form, Op};

/// A register of a function: a number without meaning until it is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Reg(pub(super) u32);

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// 64 bits, for addresses and counts.
    Int,
    /// A scalar in the lowest lane, or 128 bits.
    Quarter,
    /// 256 bits.
    Half,
    /// 512 bits.
    Full,
}

impl Kind {
    /// Bytes of it in memory.
    pub(super) const fn bytes(self) -> i32 {
        match self {
            Kind::Int => 8,
            Kind::Quarter => 16,
            Kind::Half => 32,
            Kind::Full => 64,
        }
    }

    pub(super) const fn is_vector(self) -> bool {
        !matches!(self, Kind::Int)
    }
}

/// A place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mem {
    /// `base + index * scale + offset`
    At {
        base: Reg,
        index: Option<(Reg, u8)>,
        offset: i32,
    },
    /// Bytes of the constants that follow the code.
    Constant(i32),
    /// Bytes of the function's frame.
    Frame(i32),
    /// An argument that the caller has put on the stack.
    Argument(i32),
}

/// A register or memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rm {
    Reg(Reg),
    Mem(Mem),
}

/// What happens to lanes that the mask register does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Masked {
    /// All lanes are written.
    No,
    /// They are left as they were.
    Kept,
    /// They become zero.
    Zeroed,
    /// The mask chooses between operands.
    Chosen,
}

/// A vector instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vector {
    pub(super) op: &'static Op,
    /// Of the registers that it works on.
    pub(super) kind: Kind,
    /// What is written: nothing where it is the mask register, or memory.
    pub(super) dst: Option<Reg>,
    pub(super) a: Option<Reg>,
    /// Nothing where it is the mask register.
    pub(super) b: Option<Rm>,
    /// The register that chooses, of those that blend by sign.
    pub(super) c: Option<Reg>,
    pub(super) imm: Option<u8>,
    pub(super) masked: Masked,
    /// The memory is one number for all lanes.
    pub(super) broadcast: bool,
}

impl Vector {
    pub(super) const fn new(op: &'static Op, kind: Kind) -> Vector {
        Vector {
            op,
            kind,
            dst: None,
            a: None,
            b: None,
            c: None,
            imm: None,
            masked: Masked::No,
            broadcast: false,
        }
    }

    /// Whether the register that is written is read before.
    pub(super) const fn reads_dst(&self) -> bool {
        self.op.reads_dst || matches!(self.masked, Masked::Kept)
    }

    /// Whether what is written is its register or memory.
    pub(super) fn writes_b(&self) -> bool {
        matches!(self.op.form, Form::Mr | Form::Mvr)
    }

    /// Whether memory may stand where a register does that is read alone.
    pub(super) fn takes_memory(&self) -> bool {
        matches!(self.op.form, Form::Rvm | Form::Rm)
            && !self.op.reads_mask
            && matches!(self.masked, Masked::No)
            && matches!(self.b, Some(Rm::Reg(_)))
    }
}

/// Arithmetic on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alu {
    Add,
    Or,
    And,
    Sub,
    Cmp,
}

/// Whether the highest bit of an integer is a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    Yes,
    No,
}

/// Conditions of jumps and moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum If {
    Below,
    Above,
    Zero,
}

/// What an integer is compared, added or moved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Rm(Rm),
    Imm(i32),
}

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label(pub(super) usize);

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inst {
    Vector(Vector),
    /// The mask register from an integer.
    SetMask(Reg),
    /// The low 32 bits of an integer register from the lowest lane, zero-extended.
    IntOfLane(Reg, Rm),
    /// The lowest lane from the low 32 bits of an integer register.
    LaneOfInt(Reg, Reg),
    /// The nearest f32 of an integer below 2^63, or of any; the other lanes are zero. The latter takes AVX-512.
    FloatOfInt(Reg, Reg, Signed),
    Imm(Reg, i64),
    Load(Reg, Mem),
    Store(Mem, Reg),
    Move(Reg, Reg),
    /// The address itself.
    Address(Reg, Mem),
    Alu(Alu, Reg, Operand),
    Mul(Reg, Rm),
    MulImm(Reg, Rm, i32),
    ShiftLeft(Reg, u8),
    ShiftRight(Reg, u8),
    /// The low bits, as many as the second register says.
    LowBits(Reg, Reg, Reg),
    MoveIf(If, Reg, Reg),
    /// Quotient or remainder of the division by a constant in memory.
    Divide {
        dst: Reg,
        x: Reg,
        by: Mem,
        remainder: bool,
        /// Frame of three words, to put other registers by.
        aside: i32,
    },
    Prefetch(Mem),
    Jump(If, Label),
    /// A label; the beginning of a loop that holds no other is aligned.
    At(Label, bool),
}

/// What an instruction does with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Read,
    Written,
    Both,
}

impl Mem {
    fn visit(&mut self, f: &mut impl FnMut(&mut Reg, Role)) {
        if let Mem::At { base, index, .. } = self {
            f(base, Role::Read);
            if let Some((index, _)) = index {
                f(index, Role::Read);
            }
        }
    }
}

impl Rm {
    fn visit(&mut self, f: &mut impl FnMut(&mut Reg, Role)) {
        match self {
            Rm::Reg(reg) => f(reg, Role::Read),
            Rm::Mem(mem) => mem.visit(f),
        }
    }
}

impl Inst {
    /// Calls `f` with every register, those that are read first.
    pub(super) fn visit(&mut self, f: &mut impl FnMut(&mut Reg, Role)) {
        use Role::{Both, Read, Written};
        match self {
            Inst::Vector(v) => {
                let reads_dst = v.reads_dst();
                let written = v.writes_b();
                for reg in [&mut v.a, &mut v.c].into_iter().flatten() {
                    f(reg, Read);
                }
                match &mut v.b {
                    Some(Rm::Reg(reg)) if written => f(reg, Written),
                    Some(b) => b.visit(f),
                    None => {}
                }
                if let Some(dst) = &mut v.dst {
                    f(dst, if reads_dst { Both } else { Written });
                }
            }
            Inst::SetMask(x) => f(x, Read),
            Inst::IntOfLane(dst, x) => {
                x.visit(f);
                f(dst, Written);
            }
            Inst::LaneOfInt(dst, x) | Inst::FloatOfInt(dst, x, _) | Inst::Move(dst, x) => {
                f(x, Read);
                f(dst, Written);
            }
            Inst::Imm(dst, _) => f(dst, Written),
            Inst::Load(dst, mem) | Inst::Address(dst, mem) => {
                mem.visit(f);
                f(dst, Written);
            }
            Inst::Store(mem, x) => {
                mem.visit(f);
                f(x, Read);
            }
            Inst::Alu(alu, dst, operand) => {
                if let Operand::Rm(rm) = operand {
                    rm.visit(f);
                }
                f(dst, if *alu == Alu::Cmp { Read } else { Both });
            }
            Inst::Mul(dst, rm) => {
                rm.visit(f);
                f(dst, Both);
            }
            Inst::MulImm(dst, rm, _) => {
                rm.visit(f);
                f(dst, Written);
            }
            Inst::ShiftLeft(dst, _) | Inst::ShiftRight(dst, _) => f(dst, Both),
            Inst::LowBits(dst, x, count) => {
                f(x, Read);
                f(count, Read);
                f(dst, Written);
            }
            Inst::MoveIf(_, dst, x) => {
                f(x, Read);
                f(dst, Both);
            }
            Inst::Divide { dst, x, .. } => {
                f(x, Read);
                f(dst, Written);
            }
            Inst::Prefetch(mem) => mem.visit(f),
            Inst::Jump(..) | Inst::At(..) => {}
        }
    }

    /// Whether what it writes, if it writes a register, is a vector.
    pub(super) const fn writes_vector(&self) -> bool {
        matches!(
            self,
            Inst::Vector(_) | Inst::LaneOfInt(..) | Inst::FloatOfInt(..)
        )
    }

    /// Whether it is of no use where nothing reads what it writes.
    pub(super) const fn is_pure(&self) -> bool {
        match self {
            Inst::Vector(v) => {
                let register = matches!(v.b, Some(Rm::Reg(_)));
                !v.op.writes_mask && (v.dst.is_some() || register)
            }
            Inst::SetMask(_)
            | Inst::Store(..)
            | Inst::Alu(Alu::Cmp, ..)
            | Inst::MoveIf(..)
            | Inst::Prefetch(_)
            | Inst::Jump(..)
            | Inst::At(..) => false,
            _ => true,
        }
    }
}
