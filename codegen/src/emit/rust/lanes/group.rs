//! Which statements become one loop.

use super::facts::Facts;
use crate::ir::{Address, BinaryOp, Buffer, Inst, Stmt, Type, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A selection by trits.
#[derive(Clone, Copy)]
pub(super) struct Trit {
    pub(super) codes: Value,
    pub(super) bit: u8,
    pub(super) x: Value,
}

/// Selections that are nothing but added, and so need not be made.
pub(super) type Trits = BTreeMap<Value, Trit>;

/// Statements that become one loop over the lanes.
#[derive(Default)]
pub(super) struct Group<'b> {
    pub(super) stmts: Vec<&'b Stmt>,
    pub(super) defined: BTreeSet<Value>,
    loads: Vec<(Buffer, &'b Address)>,
    stores: Vec<(Buffer, &'b Address)>,
}

impl<'b> Group<'b> {
    /// Whether lanes may be read and written one after the other, with this statement among them.
    pub(super) fn allows(&self, stmt: &Stmt) -> bool {
        // The same place is each lane's own.
        let apart = |places: &[(Buffer, &Address)], buffer: Buffer, address: &Address| {
            let meets = |(b, a): &(Buffer, &Address)| *b == buffer && *a != address;
            !places.iter().any(meets)
        };
        match stmt {
            Stmt::Let(_, Inst::Load(buffer, address, _)) => apart(&self.stores, *buffer, address),
            Stmt::Store {
                buffer, address, ..
            } => apart(&self.loads, *buffer, address) && apart(&self.stores, *buffer, address),
            _ => true,
        }
    }

    pub(super) fn push(&mut self, stmt: &'b Stmt) {
        match stmt {
            Stmt::Let(value, inst) => {
                self.defined.insert(*value);
                if let Inst::Load(buffer, address, _) = inst {
                    self.loads.push((*buffer, address));
                }
            }
            Stmt::Store {
                buffer, address, ..
            } => self.stores.push((*buffer, address)),
            Stmt::Prefetch(..) | Stmt::For(_) => {}
        }
        self.stmts.push(stmt);
    }

    /// The selections that the group only adds, to sums that adding 0 leaves as they are.
    pub(super) fn added_trits(&self, facts: &Facts) -> Trits {
        let mut trits = Trits::new();
        for stmt in &self.stmts {
            if let Stmt::Let(value, Inst::TritSelect { codes, bit, x }) = stmt {
                let (codes, bit, x) = (*codes, *bit, *x);
                trits.insert(*value, Trit { codes, bit, x });
            }
        }
        let mut added: BTreeMap<Value, usize> = BTreeMap::new();
        for stmt in &self.stmts {
            if let Stmt::Let(_, Inst::Binary(BinaryOp::Add, sum, trit)) = stmt
                && facts.not_negative_zero.contains(sum)
                && sum != trit
            {
                *added.entry(*trit).or_default() += 1;
            }
        }
        trits.retain(|trit, _| added.get(trit) == Some(&facts.uses[trit.0 as usize]));
        trits
    }

    /// Whether a statement that is not of the group may come before it.
    pub(super) fn lets_pass(&self, value: Value, inst: &Inst, ty: Type) -> bool {
        let mut needs = ty.is_vector() || self.defined.contains(&value);
        inst.for_each_value(|operand| needs |= self.defined.contains(&operand));
        if let Inst::Load(buffer, ..) = inst {
            needs |= self.stores.iter().any(|(b, _)| b == buffer);
        }
        !needs
    }
}
