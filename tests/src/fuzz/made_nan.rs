//! The bits of a NaN that arithmetic makes are the machine's. Before an instruction that shows them, the canonical NaN
//! takes their place, so that everything that runs the function must give the same.

use atome_codegen::ir::{Block, Compare, Function, Inst, Stmt, Type, UnaryOp, Value};

/// Hides the bits of NaNs from `to_bits` and from selections of f32, whose masks may be of any bits.
pub(super) fn hide(function: &mut Function) {
    let body = std::mem::take(&mut function.body);
    function.body = Hide { function }.block(body);
}

struct Hide<'f> {
    function: &'f mut Function,
}

impl Hide<'_> {
    fn block(&mut self, block: Block) -> Block {
        let mut out = Block::with_capacity(block.len());
        for stmt in block {
            let stmt = match stmt {
                Stmt::For(mut l) => {
                    l.body = self.block(l.body);
                    Stmt::For(l)
                }
                Stmt::Let(value, Inst::Unary(UnaryOp::ToBits, x)) => {
                    let x = self.canonical(x, &mut out);
                    Stmt::Let(value, Inst::Unary(UnaryOp::ToBits, x))
                }
                Stmt::Let(value, Inst::Select { mask, on, off }) => {
                    let on = self.canonical(on, &mut out);
                    let off = self.canonical(off, &mut out);
                    Stmt::Let(value, Inst::Select { mask, on, off })
                }
                other => other,
            };
            out.push(stmt);
        }
        out
    }

    /// `x`, or the canonical NaN where it is one.
    fn canonical(&mut self, x: Value, out: &mut Block) -> Value {
        let ty = self.function.types[x.0 as usize];
        let mask = match ty {
            Type::F32 => Type::I32,
            Type::F32X16 => Type::I32X16,
            _ => return x,
        };
        let mut nan = self.define(Type::F32, Inst::F32(0x7fc0_0000), out);
        if ty.is_vector() {
            nan = self.define(ty, Inst::Splat(nan), out);
        }
        let mask = self.define(mask, Inst::Compare(Compare::Eq, x, x), out);
        self.define(
            ty,
            Inst::Select {
                mask,
                on: x,
                off: nan,
            },
            out,
        )
    }

    fn define(&mut self, ty: Type, inst: Inst, out: &mut Block) -> Value {
        let value = Value(u32::try_from(self.function.types.len()).expect("few values"));
        self.function.types.push(ty);
        out.push(Stmt::Let(value, inst));
        value
    }
}
