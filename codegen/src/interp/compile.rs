//! From a function to the compact form: statements and loops.

use super::op::{self, LaneOp, Op, Slot};
use super::slots::{Files, deaths};
use super::{Program, ProgramError};
use crate::hash::Map;
use crate::ir::{Block, Carried, Function, Lanes, Loop, MOST_SCRATCH, Size, Stmt, Type, Value};

impl Program {
    /// Compiles a function.
    ///
    /// # Errors
    /// If the function is malformed; one that the verifier accepts is not.
    pub fn new(function: &Function) -> Result<Program, ProgramError> {
        let mut compiler = Compiler {
            function,
            files: Files::default(),
            slots: vec![None; function.types.len()],
            size_slots: Map::default(),
            ops: Vec::new(),
            addresses: Vec::new(),
            terms: Vec::new(),
            sizes: Vec::new(),
        };
        let buffers = function
            .buffers
            .iter()
            .map(|b| Ok((b.name.clone(), compiler.size(&b.len)?)))
            .collect::<Result<_, ProgramError>>()?;
        let scratch = function
            .scratch
            .iter()
            .map(|memory| (memory.name.clone(), memory.len.as_const().unwrap_or(0)));
        let scratch: Vec<(String, u64)> = scratch.collect();
        let elements = scratch
            .iter()
            .fold(0u64, |sum, (_, len)| sum.saturating_add(*len));
        if elements > MOST_SCRATCH {
            return Err(ProgramError::TooMany("elements of scratch memory"));
        }
        compiler.block(&function.body, &[])?;
        Ok(Program {
            ops: compiler.ops,
            addresses: compiler.addresses,
            terms: compiler.terms,
            sizes: compiler.sizes,
            buffers,
            scratch,
            dims: function.dims.len(),
            scalars: function.scalars.len(),
            registers: compiler.files.counts(),
        })
    }
}

/// A function while it is compiled.
pub(super) struct Compiler<'a> {
    pub(super) function: &'a Function,
    pub(super) files: Files,
    /// The register of each value that is defined at this point.
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) size_slots: Map<Size, Slot>,
    pub(super) ops: Vec<Op>,
    pub(super) addresses: Vec<op::Address>,
    pub(super) terms: Vec<op::Term>,
    pub(super) sizes: Vec<Size>,
}

/// The length of a table as the number of its next entry.
pub(super) fn number(len: usize, what: &'static str) -> Result<u32, ProgramError> {
    u32::try_from(len).map_err(|_| ProgramError::TooMany(what))
}

impl Compiler<'_> {
    /// Compiles a block whose end uses `at_end`.
    fn block(&mut self, block: &Block, at_end: &[Value]) -> Result<(), ProgramError> {
        let deaths = deaths(block, at_end);
        for (stmt, dead) in block.iter().zip(deaths) {
            self.stmt(stmt)?;
            dead.into_iter().try_for_each(|v| self.release(v))?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<(), ProgramError> {
        match stmt {
            Stmt::Let(value, inst) => {
                let ty = self.type_of(*value)?;
                // Operands still hold theirs, so this register is none of them.
                let dst = self.files.take(ty)?;
                let op = self.inst(*value, ty, dst, inst)?;
                self.ops.push(op);
                *self.entry(*value)? = Some(dst);
            }
            Stmt::Store {
                buffer,
                address,
                value,
                lanes,
            } => {
                let place = self.place(*buffer, address)?;
                let x = self.slot(*value)?;
                let op = match (self.type_of(*value)?, lanes) {
                    (Type::Scalar(_), _) => Op::StoreScalar(x, place),
                    (Type::Vector(_), Lanes::All) => Op::StoreVector(x, place),
                    (Type::Vector(_), Lanes::First(n)) => Op::StoreFirst(x, place, self.size(n)?),
                    (Type::Index, _) => return self.mismatch(*value, "an element"),
                };
                self.ops.push(op);
            }
            Stmt::Prefetch(..) => {}
            Stmt::For(l) => self.for_loop(l)?,
        }
        Ok(())
    }

    fn for_loop(&mut self, l: &Loop) -> Result<(), ProgramError> {
        let trip = self.size(&l.trip)?;
        for c in &l.carried {
            let init = self.slot(c.init)?;
            let param = self.define(c.param)?;
            self.copy(c.param, param, c.init, init)?;
        }
        let counter = self.define(l.counter)?;
        if self.type_of(l.counter)? != Type::Index {
            return self.mismatch(l.counter, "index");
        }
        let condition = l.when.map(|when| self.condition(when)).transpose()?;
        let enter = self.ops.len();
        let exit = 0;
        self.ops
            .extend(condition.map(|condition| Op::Unless { condition, exit }));
        self.ops.push(Op::Enter {
            counter,
            trip,
            exit,
        });
        let start = number(self.ops.len(), "operations")?;
        let nexts: Vec<Value> = l.carried.iter().map(|c| c.next).collect();
        self.block(&l.body, &nexts)?;
        self.advance(&l.carried)?;
        self.ops.push(Op::Next {
            counter,
            trip,
            start,
        });
        let exit = number(self.ops.len(), "operations")?;
        let skips = condition.map(|condition| Op::Unless { condition, exit });
        let entering = skips.into_iter().chain([Op::Enter {
            counter,
            trip,
            exit,
        }]);
        for (op, skip) in self.ops[enter..].iter_mut().zip(entering) {
            *op = skip;
        }
        self.leave(l)
    }

    /// The register of what decides whether a loop runs.
    fn condition(&self, when: Value) -> Result<Slot, ProgramError> {
        match self.type_of(when)? {
            Type::I32 => self.slot(when),
            _ => self.mismatch(when, "i32"),
        }
    }

    /// Copies every `next` to its `param`, as if all at once.
    fn advance(&mut self, carried: &[Carried]) -> Result<(), ProgramError> {
        let mut moves = Vec::new();
        for c in carried {
            let (param, next) = (self.slot(c.param)?, self.slot(c.next)?);
            let overwritten = c.next != c.param && carried.iter().any(|d| d.param == c.next);
            if overwritten {
                let temporary = self.files.take(self.type_of(c.next)?)?;
                self.copy(c.next, temporary, c.next, next)?;
                moves.push((c, param, temporary));
            } else {
                moves.push((c, param, next));
            }
        }
        for (c, param, from) in moves {
            if param != from {
                self.copy(c.param, param, c.next, from)?;
            }
            if from != self.slot(c.next)? {
                self.files.give(self.type_of(c.next)?, from);
            }
        }
        Ok(())
    }

    /// Ends the life of the loop's own values. A carried value's register becomes its result's.
    fn leave(&mut self, l: &Loop) -> Result<(), ProgramError> {
        self.release(l.counter)?;
        for stmt in &l.body {
            match stmt {
                Stmt::Let(v, _) => self.release(*v)?,
                Stmt::For(inner) => inner
                    .carried
                    .iter()
                    .try_for_each(|c| self.release(c.result))?,
                Stmt::Store { .. } | Stmt::Prefetch(..) => {}
            }
        }
        for c in &l.carried {
            if self.type_of(c.result)? != self.type_of(c.param)? {
                return self.mismatch(c.result, "the type that the loop carries");
            }
            let slot = self.entry(c.param)?.take();
            *self.entry(c.result)? = slot;
        }
        Ok(())
    }

    fn copy(&mut self, to: Value, dst: Slot, from: Value, src: Slot) -> Result<(), ProgramError> {
        let op = match (self.type_of(to)?, self.type_of(from)?) {
            (Type::Index, Type::Index) => Op::CopyIndex(dst, src),
            (Type::Scalar(a), Type::Scalar(b)) if a == b => Op::Scalar(dst, LaneOp::Copy(src)),
            (Type::Vector(a), Type::Vector(b)) if a == b => Op::Vector(dst, LaneOp::Copy(src)),
            _ => return self.mismatch(from, "the type that the loop carries"),
        };
        self.ops.push(op);
        Ok(())
    }
}
