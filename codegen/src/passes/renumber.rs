//! Values numbered in the order of their definitions, and no others in the type table.
//!
//! Preconditions: the function is verified. The same computation gets the same numbers
//! whatever passes made it, and tables indexed by value stay small.

use crate::ir::{Block, Function, Stmt, Type, Value};

/// Runs the pass.
pub fn run(function: &mut Function) {
    let mut pass = Renumber {
        old_types: &function.types,
        numbers: vec![None; function.types.len()],
        types: Vec::new(),
    };
    pass.define_block(&function.body);
    pass.block(&mut function.body);
    function.types = pass.types;
}

struct Renumber<'a> {
    old_types: &'a [Type],
    numbers: Vec<Option<Value>>,
    types: Vec<Type>,
}

impl Renumber<'_> {
    fn define_block(&mut self, block: &Block) {
        for stmt in block {
            match stmt {
                Stmt::Let(value, _) => self.define(*value),
                Stmt::Store { .. } | Stmt::Prefetch(..) => {}
                Stmt::For(l) => {
                    self.define(l.counter);
                    l.carried.iter().for_each(|c| self.define(c.param));
                    self.define_block(&l.body);
                    l.carried.iter().for_each(|c| self.define(c.result));
                }
            }
        }
    }

    fn define(&mut self, value: Value) {
        self.numbers[value.0 as usize] = Some(Value(self.types.len() as u32));
        self.types.push(self.old_types[value.0 as usize]);
    }

    fn number(&self, value: Value) -> Value {
        self.numbers[value.0 as usize].expect("a verified function defines what it uses")
    }

    fn block(&self, block: &mut Block) {
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => {
                    *value = self.number(*value);
                    *inst = inst.clone().map_values(|v| self.number(v));
                }
                Stmt::Store { address, value, .. } => {
                    address.map_values(|v| self.number(v));
                    *value = self.number(*value);
                }
                Stmt::Prefetch(_, address) => address.map_values(|v| self.number(v)),
                Stmt::For(l) => {
                    l.counter = self.number(l.counter);
                    l.map_entering(|v| self.number(v));
                    for c in &mut l.carried {
                        for v in [&mut c.param, &mut c.next, &mut c.result] {
                            *v = self.number(*v);
                        }
                    }
                    self.block(&mut l.body);
                }
            }
        }
    }
}
