//! What nothing needs goes: instructions, loads, carried values and empty loops.
//!
//! Preconditions: the function is verified. Stores and prefetches are needed, and whatever
//! they use. A carried value is needed if its result is, or if its parameter is by something
//! needed other than itself. A load or conversion that would have trapped may go.

use crate::ir::{Address, Block, Function, Inst, Stmt, Value};

/// Runs the pass.
pub fn run(function: &mut Function) {
    let mut needs = Needs {
        uses: vec![Vec::new(); function.types.len()],
        roots: Vec::new(),
    };
    needs.block(&function.body);
    let live = needs.live();
    sweep(&mut function.body, &live);
}

/// What each value needs.
struct Needs {
    uses: Vec<Vec<Value>>,
    /// What stores and prefetches need.
    roots: Vec<Value>,
}

fn indices(address: &Address) -> impl Iterator<Item = Value> {
    address.terms.iter().map(|(index, _)| *index)
}

impl Needs {
    /// Notes what a block needs; gives whether it stores or prefetches.
    fn block(&mut self, block: &Block) -> bool {
        let mut touches = false;
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => self.inst(*value, inst),
                Stmt::Store { address, value, .. } => {
                    touches = true;
                    self.roots.push(*value);
                    self.roots.extend(indices(address));
                }
                Stmt::Prefetch(_, address) => {
                    touches = true;
                    self.roots.extend(indices(address));
                }
                Stmt::For(l) => {
                    for c in &l.carried {
                        let needed = [c.init, c.next].into_iter().chain(l.when);
                        self.uses[c.param.0 as usize] = needed.collect();
                        self.uses[c.result.0 as usize] = vec![c.param];
                    }
                    let inside = self.block(&l.body);
                    self.roots.extend(l.when.filter(|_| inside));
                    touches |= inside;
                }
            }
        }
        touches
    }

    fn inst(&mut self, value: Value, inst: &Inst) {
        let uses = &mut self.uses[value.0 as usize];
        inst.for_each_value(|v| uses.push(v));
    }

    /// Whether each value is needed.
    fn live(self) -> Vec<bool> {
        let mut live = vec![false; self.uses.len()];
        let mut work = self.roots;
        while let Some(value) = work.pop() {
            if !std::mem::replace(&mut live[value.0 as usize], true) {
                work.extend(&self.uses[value.0 as usize]);
            }
        }
        live
    }
}

fn sweep(block: &mut Block, live: &[bool]) {
    let is_live = |v: Value| live[v.0 as usize];
    block.retain_mut(|stmt| match stmt {
        Stmt::Let(value, _) => is_live(*value),
        Stmt::Store { .. } | Stmt::Prefetch(..) => true,
        Stmt::For(l) => {
            l.carried.retain(|c| is_live(c.param));
            sweep(&mut l.body, live);
            !l.body.is_empty() || !l.carried.is_empty()
        }
    });
}
