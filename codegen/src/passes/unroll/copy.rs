//! One copy of a loop's body.

use crate::hash::Map;
use crate::ir::{Address, Block, Carried, Function, Inst, Loop, Size, Stmt, Value};

/// Where a copy stands: the old counter is `index * factor + offset`.
pub(super) struct Position {
    /// The new counter, if the copy is in a loop, and its factor.
    pub(super) index: Option<(Value, u64)>,
    pub(super) offset: Size,
}

/// How a loop's body uses its counter, other than in addresses.
#[derive(Default)]
pub(super) struct CounterUses {
    /// As an i32.
    pub(super) number: bool,
    /// Carried by a loop.
    pub(super) escapes: bool,
}

/// How the body of `l` uses the counter of `l`.
pub(super) fn counter_uses(l: &Loop) -> CounterUses {
    let mut uses = CounterUses {
        number: false,
        escapes: l.carried.iter().any(|c| c.next == l.counter),
    };
    scan(&l.body, l.counter, &mut uses);
    uses
}

fn scan(block: &Block, counter: Value, uses: &mut CounterUses) {
    for stmt in block {
        match stmt {
            Stmt::Let(_, Inst::FromIndex(index)) => uses.number |= *index == counter,
            Stmt::Let(..) | Stmt::Store { .. } | Stmt::Prefetch(..) => {}
            Stmt::For(l) => {
                let carries = |c: &Carried| c.init == counter || c.next == counter;
                uses.escapes |= l.carried.iter().any(carries);
                scan(&l.body, counter, uses);
            }
        }
    }
}

/// Appends a copy of the body of `l` that starts with the values `carried` and gives the next
/// ones. `number` is the old counter as an i32; it is there if the body asks for it.
pub(super) fn body(
    function: &mut Function,
    l: &Loop,
    position: &Position,
    carried: &[Value],
    number: Option<Value>,
    out: &mut Block,
) -> Vec<Value> {
    let params = l.carried.iter().map(|c| c.param);
    let mut copier = Copier {
        function,
        counter: l.counter,
        position,
        number,
        copies: params.zip(carried.iter().copied()).collect(),
    };
    copier.block(&l.body, out);
    l.carried.iter().map(|c| copier.get(c.next)).collect()
}

struct Copier<'a> {
    function: &'a mut Function,
    counter: Value,
    position: &'a Position,
    number: Option<Value>,
    copies: Map<Value, Value>,
}

impl Copier<'_> {
    fn block(&mut self, block: &Block, out: &mut Block) {
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => self.inst(*value, inst, out),
                Stmt::Store {
                    buffer,
                    address,
                    value,
                    lanes,
                } => out.push(Stmt::Store {
                    buffer: *buffer,
                    address: self.address(address),
                    value: self.get(*value),
                    lanes: lanes.clone(),
                }),
                Stmt::Prefetch(buffer, address) => {
                    out.push(Stmt::Prefetch(*buffer, self.address(address)));
                }
                Stmt::For(l) => {
                    let l = self.for_loop(l);
                    out.push(Stmt::For(l));
                }
            }
        }
    }

    fn inst(&mut self, value: Value, inst: &Inst, out: &mut Block) {
        let inst = match (inst, self.number) {
            (Inst::FromIndex(index), Some(number)) if *index == self.counter => {
                self.copies.insert(value, number);
                return;
            }
            (Inst::Load(buffer, address, lanes), _) => {
                Inst::Load(*buffer, self.address(address), lanes.clone())
            }
            (inst, _) => inst.clone().map_values(|v| self.get(v)),
        };
        let copy = self.fresh(value);
        out.push(Stmt::Let(copy, inst));
    }

    fn for_loop(&mut self, l: &Loop) -> Loop {
        let counter = self.fresh(l.counter);
        let inits: Vec<Value> = l.carried.iter().map(|c| self.get(c.init)).collect();
        let params: Vec<Value> = l.carried.iter().map(|c| self.fresh(c.param)).collect();
        let mut body = Block::with_capacity(l.body.len());
        self.block(&l.body, &mut body);
        let carried = (l.carried.iter().enumerate())
            .map(|(i, c)| Carried {
                param: params[i],
                init: inits[i],
                next: self.get(c.next),
                result: self.fresh(c.result),
            })
            .collect();
        Loop {
            counter,
            trip: l.trip.clone(),
            when: l.when.map(|when| self.get(when)),
            unroll: l.unroll,
            carried,
            body,
        }
    }

    fn address(&self, address: &Address) -> Address {
        let mut copy = Address::at(address.base.clone());
        for (index, stride) in &address.terms {
            if *index == self.counter {
                if let Some((index, factor)) = self.position.index {
                    copy = copy.step(index, stride.clone() * factor);
                }
                copy = copy.offset(stride.clone() * self.position.offset.clone());
            } else {
                copy = copy.step(self.get(*index), stride.clone());
            }
        }
        copy
    }

    fn fresh(&mut self, old: Value) -> Value {
        let new = self.function.new_value(self.function.type_of(old));
        self.copies.insert(old, new);
        new
    }

    /// The copy of a value of the body; any other value is itself.
    fn get(&self, value: Value) -> Value {
        self.copies.get(&value).copied().unwrap_or(value)
    }
}
