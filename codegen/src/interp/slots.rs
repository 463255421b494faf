//! Register allocation: values that do not live at the same time share a register, so that
//! long straight-line code stays in the first-level cache.

use super::{ProgramError, op::Slot};
use crate::hash::Map;
use crate::ir::{Block, Stmt, Type, Value};

/// Number of registers of each file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) indices: u32,
    pub(super) scalars: u32,
    pub(super) vectors: u32,
}

/// One register file while a function is compiled.
#[derive(Default)]
struct File {
    free: Vec<Slot>,
    count: u32,
}

/// The three register files while a function is compiled.
#[derive(Default)]
pub(super) struct Files {
    indices: File,
    scalars: File,
    vectors: File,
}

impl Files {
    fn of(&mut self, ty: Type) -> &mut File {
        match ty {
            Type::Index => &mut self.indices,
            Type::Scalar(_) => &mut self.scalars,
            Type::Vector(_) => &mut self.vectors,
        }
    }

    /// A register that nothing uses.
    pub(super) fn take(&mut self, ty: Type) -> Result<Slot, ProgramError> {
        let file = self.of(ty);
        if let Some(slot) = file.free.pop() {
            return Ok(slot);
        }
        let slot = file.count;
        file.count = slot
            .checked_add(1)
            .ok_or(ProgramError::TooMany("registers"))?;
        Ok(slot)
    }

    /// Gives a register back.
    pub(super) fn give(&mut self, ty: Type, slot: Slot) {
        self.of(ty).free.push(slot);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            indices: self.indices.count,
            scalars: self.scalars.count,
            vectors: self.vectors.count,
        }
    }
}

/// For each statement of a block: the values defined in the block that nothing uses after it.
///
/// `at_end` are used after the last statement; they never die. A use inside a nested loop is a
/// use by the loop.
pub(super) fn deaths(block: &Block, at_end: &[Value]) -> Vec<Vec<Value>> {
    let mut last = Map::default();
    for (at, stmt) in block.iter().enumerate() {
        each_use(stmt, &mut |v| {
            last.insert(v, at);
        });
    }
    for v in at_end {
        last.insert(*v, usize::MAX);
    }
    let mut dead = vec![Vec::new(); block.len()];
    for (at, stmt) in block.iter().enumerate() {
        let mut define = |v: Value| {
            if let Some(dead) = dead.get_mut(*last.get(&v).unwrap_or(&at)) {
                dead.push(v);
            }
        };
        match stmt {
            Stmt::Let(v, _) => define(*v),
            Stmt::For(l) => l.carried.iter().for_each(|c| define(c.result)),
            Stmt::Store { .. } | Stmt::Prefetch(..) => {}
        }
    }
    dead
}

fn each_use(stmt: &Stmt, f: &mut impl FnMut(Value)) {
    match stmt {
        Stmt::Let(_, inst) => inst.for_each_value(f),
        Stmt::Store { address, value, .. } => {
            f(*value);
            address.terms.iter().for_each(|(v, _)| f(*v));
        }
        Stmt::Prefetch(..) => {}
        Stmt::For(l) => {
            l.for_each_entering(&mut *f);
            l.carried.iter().for_each(|c| f(c.next));
            l.body.iter().for_each(|s| each_use(s, f));
        }
    }
}
