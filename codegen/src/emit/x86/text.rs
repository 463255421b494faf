//! Machine code as text, in the notation of Intel's manuals.

use super::inst::{Alu, If, Inst, Kind, Masked, Mem, Operand, Reg, Rm, Signed, Vector};
use super::op::{self, Form};
use std::fmt::Write as _;

const INTEGERS: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

/// One line an instruction.
pub(super) fn text(insts: &[Inst]) -> String {
    let mut text = String::new();
    for inst in insts {
        let line = line(inst);
        let indent = if matches!(inst, Inst::At(..)) {
            ""
        } else {
            "    "
        };
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

fn integer(reg: Reg) -> &'static str {
    INTEGERS[reg.0 as usize & 15]
}

fn vector(reg: Reg, kind: Kind) -> String {
    let letter = match kind {
        Kind::Int | Kind::Quarter => 'x',
        Kind::Half => 'y',
        Kind::Full => 'z',
    };
    format!("{letter}mm{}", reg.0)
}

fn mem(mem: Mem) -> String {
    match mem {
        Mem::At {
            base,
            index,
            offset,
        } => {
            let mut text = integer(base).to_owned();
            if let Some((index, scale)) = index {
                let _ = write!(text, "+{}", integer(index));
                if scale > 1 {
                    let _ = write!(text, "*{scale}");
                }
            }
            if offset != 0 {
                let _ = write!(text, "{offset:+}");
            }
            format!("[{text}]")
        }
        Mem::Constant(at) => format!("[constants{at:+}]"),
        Mem::Frame(at) => format!("[rsp{at:+}]"),
        Mem::Argument(at) => format!("[rbp{at:+}]"),
    }
}

fn rm(x: Rm, of: impl Fn(Reg) -> String) -> String {
    match x {
        Rm::Reg(reg) => of(reg),
        Rm::Mem(place) => mem(place),
    }
}

/// The kind of the registers that are not of the instruction's own.
fn kinds(v: &Vector) -> (Kind, Kind) {
    let scalar = v.op == &op::BROADCAST;
    let narrow = match v.op.form {
        Form::Mr if v.op == &op::HALF => Kind::Half,
        Form::Mr if v.op == &op::QUARTER => Kind::Quarter,
        _ if scalar => Kind::Quarter,
        _ => v.kind,
    };
    (v.kind, narrow)
}

fn vector_line(v: &Vector) -> String {
    let (kind, narrow) = kinds(v);
    let mut operands = Vec::new();
    let b = match v.b {
        Some(b) if v.broadcast => format!("{}{{1to16}}", rm(b, |reg| vector(reg, narrow))),
        Some(b) => rm(b, |reg| vector(reg, narrow)),
        None => "k1".to_owned(),
    };
    let mask = match v.masked {
        Masked::No => "",
        Masked::Kept | Masked::Chosen => "{k1}",
        Masked::Zeroed => "{k1}{z}",
    };
    if v.writes_b() {
        operands.push(format!("{b}{mask}"));
        operands.extend(v.c.map(|reg| vector(reg, kind)));
        operands.extend(v.a.map(|reg| vector(reg, kind)));
    } else {
        operands.push(match v.dst {
            Some(dst) => format!("{}{mask}", vector(dst, kind)),
            None => format!("k1{mask}"),
        });
        operands.extend(v.a.map(|reg| vector(reg, kind)));
        operands.push(b);
        operands.extend(v.c.map(|reg| vector(reg, kind)));
    }
    operands.extend(v.imm.map(|imm| format!("{imm:#x}")));
    format!("{} {}", v.op.name, operands.join(", "))
}

fn line(inst: &Inst) -> String {
    let of = |reg| integer(reg).to_owned();
    match inst {
        Inst::Vector(v) => vector_line(v),
        Inst::SetMask(x) => format!("kmovw k1, {}", integer(*x)),
        Inst::IntOfLane(dst, Rm::Reg(x)) => {
            format!("vmovd {}, {}", integer(*dst), vector(*x, Kind::Quarter))
        }
        Inst::IntOfLane(dst, Rm::Mem(place)) => {
            format!("mov {}, dword {}", integer(*dst), mem(*place))
        }
        Inst::LaneOfInt(dst, x) => {
            format!("vmovd {}, {}", vector(*dst, Kind::Quarter), integer(*x))
        }
        Inst::FloatOfInt(dst, x, signed) => {
            let dst = vector(*dst, Kind::Quarter);
            let letter = if *signed == Signed::Yes { "" } else { "u" };
            let clear = format!("vxorps {dst}, {dst}, {dst}");
            format!(
                "{clear}\n    vcvt{letter}si2ss {dst}, {dst}, {}",
                integer(*x)
            )
        }
        Inst::Imm(dst, n) => format!("mov {}, {n}", integer(*dst)),
        Inst::Load(dst, place) => format!("mov {}, {}", integer(*dst), mem(*place)),
        Inst::Store(place, x) => format!("mov {}, {}", mem(*place), integer(*x)),
        Inst::Move(dst, x) => format!("mov {}, {}", integer(*dst), integer(*x)),
        Inst::Address(dst, place) => format!("lea {}, {}", integer(*dst), mem(*place)),
        Inst::Alu(alu, dst, operand) => {
            let name = match alu {
                Alu::Add => "add",
                Alu::Or => "or",
                Alu::And => "and",
                Alu::Sub => "sub",
                Alu::Cmp => "cmp",
            };
            let operand = match operand {
                Operand::Rm(x) => rm(*x, of),
                Operand::Imm(n) => n.to_string(),
            };
            format!("{name} {}, {operand}", integer(*dst))
        }
        Inst::Mul(dst, x) => format!("imul {}, {}", integer(*dst), rm(*x, of)),
        Inst::MulImm(dst, x, n) => format!("imul {}, {}, {n}", integer(*dst), rm(*x, of)),
        Inst::ShiftLeft(dst, by) => format!("shl {}, {by}", integer(*dst)),
        Inst::ShiftRight(dst, by) => format!("shr {}, {by}", integer(*dst)),
        Inst::LowBits(dst, x, count) => {
            format!(
                "bzhi {}, {}, {}",
                integer(*dst),
                integer(*x),
                integer(*count)
            )
        }
        Inst::MoveIf(when, dst, x) => {
            format!(
                "cmov{} {}, {}",
                condition(*when),
                integer(*dst),
                integer(*x)
            )
        }
        Inst::Divide {
            dst,
            x,
            by,
            remainder,
            ..
        } => {
            let name = if *remainder { "rem" } else { "div" };
            format!("{name} {}, {}, {}", integer(*dst), integer(*x), mem(*by))
        }
        Inst::Prefetch(place) => format!("prefetcht0 {}", mem(*place)),
        Inst::Jump(when, label) => format!("j{} .{}", condition(*when), label.0),
        Inst::At(label, _) => format!(".{}:", label.0),
    }
}

const fn condition(when: If) -> &'static str {
    match when {
        If::Below => "b",
        If::Above => "a",
        If::Zero => "z",
    }
}
