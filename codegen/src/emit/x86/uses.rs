//! How values are used: a comparison that only chooses between others is done where it chooses, since
//! there its mask needs no vector.

use crate::hash::Map;
use crate::ir::{Block, Function, Inst, Stmt, Value};

/// Uses of comparisons.
pub(super) struct Uses {
    /// By number, the values that are the masks of selects and nothing else.
    pub(super) only_masks: Vec<bool>,
    /// The comparisons.
    pub(super) compares: Map<Value, Inst>,
}

impl Uses {
    pub(super) fn of(function: &Function) -> Uses {
        let mut uses = Uses {
            only_masks: vec![true; function.types.len()],
            compares: Map::default(),
        };
        uses.block(&function.body);
        uses
    }

    fn block(&mut self, block: &Block) {
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => {
                    if let Inst::Compare(..) = inst {
                        self.compares.insert(*value, inst.clone());
                    }
                    match inst {
                        Inst::Select { on, off, .. } => {
                            [*on, *off].map(|v| self.other(v)).into_iter().collect()
                        }
                        _ => inst.for_each_value(|v| self.other(v)),
                    }
                }
                Stmt::Store { value, .. } => self.other(*value),
                Stmt::Prefetch(..) => {}
                Stmt::For(l) => {
                    l.for_each_entering(|v| self.other(v));
                    l.carried.iter().for_each(|c| self.other(c.next));
                    self.block(&l.body);
                }
            }
        }
    }

    fn other(&mut self, value: Value) {
        self.only_masks[value.0 as usize] = false;
    }
}
