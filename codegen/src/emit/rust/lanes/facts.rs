//! What a function lane by lane has to know of its values before.

use crate::ir::{BinaryOp, Block, Elem, Function, Inst, Lanes, Size, Stmt, Type, Value};
use atome_spec::LANES;
use std::collections::BTreeSet;

/// What is known of a function's values.
pub(in super::super) struct Facts {
    /// How often each is used.
    pub(super) uses: Vec<usize>,
    /// How many of the first lanes of each are wanted.
    pub(super) wanted: Vec<usize>,
    /// Vectors that are nowhere -0.0.
    pub(super) not_negative_zero: BTreeSet<Value>,
}

/// The first lanes that a load or a store touches, where that is known.
pub(super) fn first_lanes(lanes: &Lanes) -> usize {
    match lanes {
        Lanes::First(Size::Const(n)) => (*n).min(LANES as u64) as usize,
        Lanes::First(_) | Lanes::All => LANES,
    }
}

impl Facts {
    pub(in super::super) fn of(function: &Function) -> Facts {
        let mut facts = Facts {
            uses: vec![0; function.types.len()],
            wanted: vec![0; function.types.len()],
            not_negative_zero: BTreeSet::new(),
        };
        each_use(&function.body, &mut |value| {
            facts.uses[value.0 as usize] += 1
        });
        // What a loop hands on comes round again.
        while facts.want(&function.body) {}
        facts.find_signs(function);
        facts
    }

    fn want(&mut self, block: &Block) -> bool {
        let mut changed = false;
        let mut more = |wanted: &mut Vec<usize>, value: Value, lanes: usize| {
            let known = &mut wanted[value.0 as usize];
            changed |= lanes > *known;
            *known = lanes.max(*known);
        };
        let mut inner = false;
        for stmt in block.iter().rev() {
            match stmt {
                Stmt::Store { value, lanes, .. } => {
                    more(&mut self.wanted, *value, first_lanes(lanes));
                }
                Stmt::Prefetch(..) => {}
                Stmt::For(l) => {
                    for carried in &l.carried {
                        let lanes = self.wanted[carried.result.0 as usize];
                        let lanes = lanes.max(self.wanted[carried.param.0 as usize]);
                        for value in [carried.param, carried.init, carried.next] {
                            more(&mut self.wanted, value, lanes);
                        }
                    }
                    inner |= self.want(&l.body);
                }
                Stmt::Let(value, inst) => {
                    let lanes = match inst {
                        Inst::Keep(_, Size::Const(n)) => {
                            let kept = (*n).min(LANES as u64) as usize;
                            kept.min(self.wanted[value.0 as usize])
                        }
                        Inst::Extract(_, lane) => usize::from(*lane) + 1,
                        Inst::Reduce(..) | Inst::Vector(_) => LANES,
                        _ => self.wanted[value.0 as usize],
                    };
                    inst.for_each_value(|operand| more(&mut self.wanted, operand, lanes));
                }
            }
        }
        changed | inner
    }

    /// A sum is -0.0 only if both of its parts are. That is taken for granted of every value, until nothing is left that
    /// does not follow from the rest.
    fn find_signs(&mut self, function: &Function) {
        let is_float = |ty: &Type| ty.elem() == Some(Elem::F32);
        let all = (0..).map(Value).zip(&function.types);
        self.not_negative_zero = all.filter(|(_, ty)| is_float(ty)).map(|(v, _)| v).collect();
        while self.drop_signs(&function.body) {}
    }

    fn drop_signs(&mut self, block: &Block) -> bool {
        let mut dropped = false;
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => {
                    let known = &self.not_negative_zero;
                    let holds = match inst {
                        Inst::F32(bits) => *bits != (-0.0f32).to_bits(),
                        Inst::Splat(x) => known.contains(x),
                        Inst::Binary(BinaryOp::Add, x, y) => known.contains(x) || known.contains(y),
                        _ => false,
                    };
                    dropped |= !holds && self.not_negative_zero.remove(value);
                }
                Stmt::For(l) => {
                    dropped |= self.drop_signs(&l.body);
                    for c in &l.carried {
                        let known = &self.not_negative_zero;
                        let holds = known.contains(&c.init) && known.contains(&c.next);
                        if !holds {
                            dropped |= self.not_negative_zero.remove(&c.param);
                            dropped |= self.not_negative_zero.remove(&c.result);
                        }
                    }
                }
                Stmt::Store { .. } | Stmt::Prefetch(..) => {}
            }
        }
        dropped
    }
}

/// Calls `f` with every use of a value.
pub(super) fn each_use(block: &Block, f: &mut impl FnMut(Value)) {
    for stmt in block {
        match stmt {
            Stmt::Let(_, inst) => inst.for_each_value(&mut *f),
            Stmt::Store { address, value, .. } => {
                f(*value);
                address.terms.iter().for_each(|(index, _)| f(*index));
            }
            Stmt::Prefetch(_, address) => address.terms.iter().for_each(|(index, _)| f(*index)),
            Stmt::For(l) => {
                l.for_each_entering(&mut *f);
                l.carried.iter().for_each(|c| f(c.next));
                each_use(&l.body, f);
            }
        }
    }
}
