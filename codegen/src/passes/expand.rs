//! Trits of base-3 bytes by arithmetic, for machines without a table of 128 bytes.
//!
//! Preconditions: the function is verified. Emitters run it for the machines that need it.
//!
//! The value of a byte, 0 to 242 with 121 added, becomes a fraction of 256: V / 243 rounded up.
//! Times 3, its first digit stands above the point and the fraction of the rest below. A half of
//! 16 bits holds a byte, so even and odd bytes are taken apart; nothing carries from one half
//! into the next.

use super::cse;
use crate::ir::{Base3Part, BinaryOp, Block, Function, Inst, ShiftOp, Stmt, Type, Value, VectorOp};

/// Bit 0 of every byte.
const ONES: u32 = 0x0101_0101;
/// The even bytes.
const HALVES: u32 = 0x00ff_00ff;

/// Runs the pass.
pub fn run(function: &mut Function) {
    let body = std::mem::take(&mut function.body);
    let mut pass = Expand {
        function,
        found: false,
    };
    let body = pass.block(body);
    let found = pass.found;
    function.body = body;
    if found {
        cse::run(function);
    }
}

/// Whether a function has what the pass replaces.
pub fn applies(function: &Function) -> bool {
    fn holds(block: &Block) -> bool {
        block.iter().any(|stmt| match stmt {
            Stmt::Let(_, inst) => base3_of(inst).is_some(),
            Stmt::For(l) => holds(&l.body),
            Stmt::Store { .. } | Stmt::Prefetch(..) => false,
        })
    }
    holds(&function.body)
}

/// The part and the operand of an instruction that the pass replaces.
fn base3_of(inst: &Inst) -> Option<(Base3Part, Value)> {
    match inst {
        Inst::Vector(inst) => match inst.op {
            VectorOp::Base3(part) => Some((part, inst.operands()[0])),
            VectorOp::Dot4
            | VectorOp::Narrow
            | VectorOp::Lookup
            | VectorOp::Spread
            | VectorOp::Shuffle16
            | VectorOp::Packed(_) => None,
        },
        _ => None,
    }
}

struct Expand<'a> {
    function: &'a mut Function,
    found: bool,
}

impl Expand<'_> {
    fn block(&mut self, block: Block) -> Block {
        let mut out = Block::with_capacity(block.len());
        for stmt in block {
            match stmt {
                Stmt::Let(value, ref inst) if let Some((part, x)) = base3_of(inst) => {
                    self.found = true;
                    let mut code = Code {
                        function: &mut *self.function,
                        out: &mut out,
                    };
                    code.base3(value, part, x);
                }
                Stmt::For(mut l) => {
                    l.body = self.block(l.body);
                    out.push(Stmt::For(l));
                }
                stmt => out.push(stmt),
            }
        }
        out
    }
}

/// Where instructions on i32 vectors go.
struct Code<'a> {
    function: &'a mut Function,
    out: &'a mut Block,
}

impl Code<'_> {
    fn push(&mut self, ty: Type, inst: Inst) -> Value {
        let value = self.function.new_value(ty);
        self.out.push(Stmt::Let(value, inst));
        value
    }

    fn constant(&mut self, bits: u32) -> Value {
        let scalar = self.push(Type::I32, Inst::I32(bits.cast_signed()));
        self.push(Type::I32X16, Inst::Splat(scalar))
    }

    fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Value {
        self.push(Type::I32X16, Inst::Binary(op, x, y))
    }

    fn with(&mut self, op: BinaryOp, x: Value, bits: u32) -> Value {
        let constant = self.constant(bits);
        self.binary(op, x, constant)
    }

    fn and(&mut self, x: Value, bits: u32) -> Value {
        self.with(BinaryOp::And, x, bits)
    }

    fn left(&mut self, x: Value, bits: u8) -> Value {
        self.push(Type::I32X16, Inst::Shift(ShiftOp::Left, x, bits))
    }

    fn right(&mut self, x: Value, bits: u8) -> Value {
        self.push(Type::I32X16, Inst::Shift(ShiftOp::Right, x, bits))
    }

    /// 255 in every byte whose bit 7 is set, 0 in the others.
    fn signs(&mut self, x: Value) -> Value {
        let low = self.right(x, 7);
        let low = self.and(low, ONES);
        let up = self.left(low, 8);
        self.binary(BinaryOp::Sub, up, low)
    }

    /// Defines `value` as the codes of the bytes of `x`.
    fn base3(&mut self, value: Value, part: Base3Part, x: Value) {
        let negative = self.signs(x);
        let magnitude = self.and(x, 0x7f * ONES);
        // Beyond 121 a byte of this sum has bit 7.
        let beyond = self.with(BinaryOp::Add, magnitude, 6 * ONES);
        let beyond = self.signs(beyond);
        let within = self.with(BinaryOp::Xor, beyond, u32::MAX);
        let magnitude = self.binary(BinaryOp::And, magnitude, within);
        let v = self.with(BinaryOp::Add, magnitude, 121 * ONES);
        let odd = self.right(v, 8);
        let [even, odd] = [v, odd].map(|half| self.digits(half, part));
        let odd = self.left(odd, 8);
        let codes = self.binary(BinaryOp::Or, even, odd);
        // Of the negative value: 2 in place of 0, and 0 in place of 2.
        let twos = match part {
            Base3Part::Fields => 0xaa * ONES,
            Base3Part::Fifth => 2 * ONES,
        };
        let twos = self.constant(twos);
        let mirrored = self.binary(BinaryOp::Sub, twos, codes);
        let chosen = Inst::Select {
            mask: negative,
            on: mirrored,
            off: codes,
        };
        self.out.push(Stmt::Let(value, chosen));
    }

    /// The codes of the even bytes of `v`, in the same bytes.
    fn digits(&mut self, v: Value, part: Base3Part) -> Value {
        let v = self.and(v, HALVES);
        // The fraction is V + floor((55 V + 1012) / 1024).
        let v64 = self.left(v, 6);
        let v8 = self.left(v, 3);
        let v56 = self.binary(BinaryOp::Sub, v64, v8);
        let v55 = self.binary(BinaryOp::Sub, v56, v);
        let more = self.with(BinaryOp::Add, v55, 1012 * 0x0001_0001);
        let more = self.right(more, 10);
        // At most 13; above it there are bits of the next half.
        let more = self.and(more, 0x000f_000f);
        let mut fraction = self.binary(BinaryOp::Add, v, more);
        let mut fields = None;
        for place in 0..5 {
            let doubled = self.left(fraction, 1);
            let tripled = self.binary(BinaryOp::Add, doubled, fraction);
            fraction = self.and(tripled, HALVES);
            let digit = self.right(tripled, 8);
            let digit = self.and(digit, 0x0003_0003);
            match (part, place) {
                (Base3Part::Fifth, 4) => return digit,
                (Base3Part::Fifth, _) => {}
                (Base3Part::Fields, 4) => break,
                (Base3Part::Fields, _) => {
                    let moved = match place {
                        0 => digit,
                        _ => self.left(digit, 2 * place),
                    };
                    fields = Some(match fields {
                        Some(fields) => self.binary(BinaryOp::Or, fields, moved),
                        None => moved,
                    });
                }
            }
        }
        fields.unwrap_or(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Access, Address, Builder, Elem, Lanes};
    use crate::testing::Inputs;

    #[test]
    fn every_byte_beside_any_other_has_the_same_codes() {
        for part in [Base3Part::Fields, Base3Part::Fifth] {
            let mut b = Builder::new("codes");
            let x = b.buffer("x", Access::InOut, Elem::I32, 256);
            b.for_loop(16, &[], |b, i, _| {
                let at = Address::of(&[(i, 16.into())]);
                let packed = b.load_vector(x, at.clone(), Lanes::All);
                let codes = b.base3(part, packed);
                b.store(x, at, codes, Lanes::All);
                vec![]
            });
            let function = b.finish();
            let mut expanded = function.clone();
            run(&mut expanded);
            assert!(applies(&function) && !applies(&expanded));
            for others in [0, 0x79, 0x80, 0xf9, 0xff] {
                for place in 0..4 {
                    let word = |byte: u8| {
                        let mut bytes = [others; 4];
                        bytes[place] = byte;
                        bytes
                    };
                    let memory: Vec<u8> = (0..=255).flat_map(word).collect();
                    let all = 0..memory.len();
                    let inputs = Inputs {
                        buffers: vec![all],
                        memory,
                        dims: vec![],
                        scalars: vec![],
                    };
                    let found = inputs.interpret(&expanded).unwrap();
                    assert_eq!(found, inputs.interpret(&function).unwrap());
                }
            }
        }
    }
}
