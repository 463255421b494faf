//! What several passes do with statements.

use crate::hash::Map;
use crate::ir::{Address, Block, Inst, Stmt, Value};

/// Values that other values stand for from now on.
#[derive(Default)]
pub(super) struct Aliases(Map<Value, Value>);

impl Aliases {
    /// Lets `new` stand for `old`. `new` itself stays.
    pub(super) fn insert(&mut self, old: Value, new: Value) {
        let new = self.get(new);
        self.0.insert(old, new);
    }

    /// The value that stands for `value`.
    pub(super) fn get(&self, value: Value) -> Value {
        self.0.get(&value).copied().unwrap_or(value)
    }

    /// The instruction with its operands replaced.
    pub(super) fn in_inst(&self, inst: Inst) -> Inst {
        inst.map_values(|v| self.get(v))
    }

    /// Replaces the values of an address.
    pub(super) fn in_address(&self, address: &mut Address) {
        address.map_values(|v| self.get(v));
    }

    /// Replaces the operands of a statement other than a loop.
    pub(super) fn in_simple(&self, stmt: Stmt) -> Stmt {
        match stmt {
            Stmt::Let(v, inst) => Stmt::Let(v, self.in_inst(inst)),
            Stmt::Store {
                buffer,
                mut address,
                value,
                lanes,
            } => {
                self.in_address(&mut address);
                Stmt::Store {
                    buffer,
                    address,
                    value: self.get(value),
                    lanes,
                }
            }
            Stmt::Prefetch(buffer, mut address) => {
                self.in_address(&mut address);
                Stmt::Prefetch(buffer, address)
            }
            Stmt::For(_) => unreachable!("passes handle loops themselves"),
        }
    }
}

/// The number of statements in a block, nested ones included; a loop counts as one more.
pub(super) fn statements(block: &Block) -> u64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::For(l) => 1 + statements(&l.body),
        Stmt::Let(..) | Stmt::Store { .. } | Stmt::Prefetch(..) => 1,
    };
    block.iter().map(of).sum()
}
