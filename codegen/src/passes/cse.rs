//! One computation of equal expressions.
//!
//! Preconditions: the function is verified. Two instructions are equal if they are the same
//! operation on the same values; i32 operations that commute are equal either way round, f32
//! operations are not, since which of two NaNs they keep may depend on the order. A load is
//! equal to one before it if its buffer is only read (buffers of one call do not overlap).
//! What a loop computes is not available after it, for the loop may not run.

use super::walk::Aliases;
use crate::hash::Map;
use crate::ir::{BinaryOp, Block, Compare, Function, Inst, Stmt, Type};

/// Runs the pass.
pub fn run(function: &mut Function) {
    let body = std::mem::take(&mut function.body);
    let mut pass = Cse {
        function,
        aliases: Aliases::default(),
        available: Map::default(),
    };
    let body = pass.block(body);
    function.body = body;
}

/// An instruction and its type: a scalar load and a vector load differ in nothing else.
type Key = (Type, Inst);

struct Cse<'a> {
    function: &'a Function,
    aliases: Aliases,
    available: Map<Key, crate::ir::Value>,
}

impl Cse<'_> {
    fn block(&mut self, block: Block) -> Block {
        let mut out = Block::with_capacity(block.len());
        let mut scope = Vec::new();
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => {
                    let inst = self.aliases.in_inst(inst);
                    let Some(key) = self.key(self.function.type_of(value), &inst) else {
                        out.push(Stmt::Let(value, inst));
                        continue;
                    };
                    if let Some(same) = self.available.get(&key) {
                        self.aliases.insert(value, *same);
                    } else {
                        self.available.insert(key.clone(), value);
                        scope.push(key);
                        out.push(Stmt::Let(value, inst));
                    }
                }
                Stmt::For(mut l) => {
                    l.map_entering(|v| self.aliases.get(v));
                    l.body = self.block(l.body);
                    l.carried
                        .iter_mut()
                        .for_each(|c| c.next = self.aliases.get(c.next));
                    out.push(Stmt::For(l));
                }
                stmt => out.push(self.aliases.in_simple(stmt)),
            }
        }
        for key in scope {
            self.available.remove(&key);
        }
        out
    }

    /// What equal instructions have in common; `None` for those that never are equal.
    fn key(&self, ty: Type, inst: &Inst) -> Option<Key> {
        let mut inst = inst.clone();
        let elem = |v| self.function.type_of(v).elem();
        match &mut inst {
            Inst::Load(buffer, ..) if !self.function.is_only_read(*buffer) => return None,
            Inst::Binary(op, x, y)
                if *op != BinaryOp::Sub && elem(*x) == Some(crate::ir::Elem::I32) && *x > *y =>
            {
                std::mem::swap(x, y);
            }
            Inst::Compare(Compare::Eq, x, y) if *x > *y => std::mem::swap(x, y),
            _ => {}
        }
        Some((ty, inst))
    }
}
