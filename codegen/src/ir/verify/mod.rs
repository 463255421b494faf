//! Whether a function is valid. Every stage after this one may rely on all of this:
//!
//! 1. **Names.** The function's name and the names of its dimensions, buffers and scalars are
//!    ASCII letters, digits and `_`, do not start with a digit and are not `_` alone. No two
//!    parameters, of whatever kind, share a name.
//! 2. **Parameters.** Every dimension, buffer and scalar that occurs is one of the function's.
//! 3. **Sizes.** No size divides by 0; each is as the operators of [`Size`] fold it, so one
//!    without dimensions is a [`Size::Const`]; no two constants are left whose sum or product
//!    does not fit 64 bits.
//! 4. **Definitions.** Every value that occurs has a type, and at most one definition.
//!    Entries of the type table without a definition are allowed: passes leave them behind.
//! 5. **Scopes.** A value is used only after its definition and in the block of its definition
//!    or one inside it. A loop's counter and parameters belong to its body, where the next
//!    values are used too; its results belong to the block around it.
//! 6. **Operands** have the types that [`Inst`](crate::ir::Inst) states: one width, masks i32
//!    of that width, indices of addresses [`Type::Index`], stored values of the buffer's
//!    element type.
//! 7. **Results** have the type that the instruction gives; a load's has the buffer's element
//!    type.
//! 8. **Small numbers.** Shifts are by at most 31 bits, the code of a trit select starts at an
//!    even bit of at most 30, an extracted lane is below 16.
//! 9. **Lanes** are given only for vectors.
//! 10. **Access.** Loads read `in` and `inout` buffers, stores write `out` and `inout` ones.
//!     A prefetch may name any.
//! 11. **Loops.** The counter is an index, a condition an i32 scalar; a carried value's initial value, parameter, next
//!     value and result have one type; the body is wanted at least once (`unroll`).
//! 12. **Bounds,** as far as constants decide them: in loops that surely run, no address with
//!     constant sizes leaves a buffer of constant length, and no counter that is read as an
//!     i32 exceeds it. A function with all dimensions bound is decided wholly, save indices
//!     that come from data. A prefetch may name any address.

mod bounds;
mod fault;
mod scope;
#[cfg(test)]
mod tests;
mod types;

pub use fault::{Expected, Fault, Violation, Violations};

use crate::ir::{
    Access, Block, BufferParam, Function, Loop, MOST_SCRATCH, Size, Stmt, Type, Value,
};
use bounds::Ranges;
use scope::Scope;
use std::collections::BTreeSet;

/// Checks every invariant of [the module](self).
///
/// # Errors
/// All violations, each with its place.
///
/// ```
/// use atome_codegen::ir::{parse, verify};
///
/// let function = parse(
///     "kernel f() {
///        out x: f32[4]
///        for %0 in 0..5 {
///          %1: f32 = load x[%0]
///        }
///      }",
/// )?;
/// let violations = verify(&function).unwrap_err();
/// let messages: Vec<String> = violations.as_slice().iter().map(|v| v.to_string()).collect();
/// assert_eq!(messages, [
///     "statement 0.0, `%1: f32 = load x[%0]`: `x` is only written, but read here",
///     "statement 0.0, `%1: f32 = load x[%0]`: element 4 of `x`, which has 4",
/// ]);
/// # Ok::<(), atome_codegen::ir::ParseError>(())
/// ```
pub fn verify(function: &Function) -> Result<(), Violations> {
    let mut verifier = Verifier {
        function,
        scope: Scope::new(function),
        ranges: Ranges::default(),
        path: Vec::new(),
        part: Part::Header,
        violations: Vec::new(),
    };
    verifier.header();
    verifier.block(&function.body);
    if verifier.violations.is_empty() {
        return Ok(());
    }
    Err(Violations {
        function: function.name.clone(),
        list: verifier.violations,
    })
}

/// What is being checked.
#[derive(Clone, Copy)]
enum Part<'a> {
    Header,
    Buffer(&'a BufferParam),
    Stmt(&'a Stmt),
}

struct Verifier<'a> {
    function: &'a Function,
    scope: Scope,
    ranges: Ranges,
    path: Vec<usize>,
    part: Part<'a>,
    violations: Vec<Violation>,
}

impl<'a> Verifier<'a> {
    /// Records a violation here; one that a statement commits twice counts once.
    fn report(&mut self, fault: Fault) {
        let text = match self.part {
            Part::Header => format!("kernel {}", self.function.name),
            Part::Buffer(buffer) => self.function.show(buffer).to_string(),
            Part::Stmt(stmt) => self.function.show(stmt).to_string(),
        };
        let violation = Violation {
            path: self.path.clone(),
            text,
            fault,
        };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    fn note(&mut self, checked: Result<(), Fault>) {
        if let Err(fault) = checked {
            self.report(fault);
        }
    }

    fn require(&mut self, holds: bool, fault: impl FnOnce() -> Fault) {
        if !holds {
            self.report(fault());
        }
    }

    fn header(&mut self) {
        let function = self.function;
        self.name(&function.name);
        let dims = function.dims.iter();
        let buffers = function.memories().map(|b| &b.name);
        let scalars = function.scalars.iter().map(|s| &s.name);
        let mut names = BTreeSet::new();
        for name in dims.chain(buffers).chain(scalars) {
            self.name(name);
            let is_new = names.insert(name);
            self.require(is_new, || Fault::NameTaken { name: name.clone() });
        }
        for buffer in &function.buffers {
            self.part = Part::Buffer(buffer);
            self.size(&buffer.len);
        }
        let mut elements = 0u64;
        for memory in &function.scratch {
            self.part = Part::Buffer(memory);
            elements = elements.saturating_add(memory.len.as_const().unwrap_or(u64::MAX));
            let fits = elements <= MOST_SCRATCH && memory.access == Access::InOut;
            self.require(fits, || Fault::Scratch {
                name: memory.name.clone(),
            });
        }
    }

    fn name(&mut self, name: &str) {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_name = starts && rest && name != "_";
        self.require(is_name, || Fault::NotAName {
            name: name.to_owned(),
        });
    }

    fn block(&mut self, block: &'a Block) {
        for (i, stmt) in block.iter().enumerate() {
            self.path.push(i);
            self.part = Part::Stmt(stmt);
            match stmt {
                Stmt::Let(value, inst) => {
                    let declared = self.type_of(*value);
                    self.inst(inst, declared);
                    self.define(*value);
                }
                Stmt::Store {
                    buffer,
                    address,
                    value,
                    lanes,
                } => self.store(*buffer, address, *value, lanes),
                Stmt::Prefetch(buffer, address) => {
                    self.place(*buffer, address);
                }
                Stmt::For(l) => self.for_loop(stmt, l),
            }
            self.path.pop();
        }
    }

    fn for_loop(&mut self, stmt: &'a Stmt, l: &'a Loop) {
        self.size(&l.trip);
        self.require(l.unroll > 0, || Fault::NoCopies);
        if let Some(condition) = l.when {
            self.condition(condition);
        }
        for c in &l.carried {
            self.carried("initial value", c.param, c.init);
        }
        let mark = self.scope.enter();
        self.define(l.counter);
        if let Some(found) = self.type_of(l.counter)
            && found != Type::Index
        {
            let counter = l.counter;
            self.report(Fault::CounterType { counter, found });
        }
        for c in &l.carried {
            self.define(c.param);
        }
        self.ranges.enter(l);
        self.block(&l.body);
        self.ranges.leave();
        self.part = Part::Stmt(stmt);
        for c in &l.carried {
            self.carried("next value", c.param, c.next);
        }
        self.scope.leave(mark);
        for c in &l.carried {
            self.define(c.result);
            self.same_type("result", c.param, c.result);
        }
    }

    /// A use of what decides whether a loop runs.
    fn condition(&mut self, condition: Value) {
        if let Some(found) = self.used(condition)
            && found != Type::I32
        {
            self.report(Fault::ConditionType { condition, found });
        }
    }

    /// A use of a value that has to have the parameter's type.
    fn carried(&mut self, role: &'static str, param: Value, value: Value) {
        if self.used(value).is_some() {
            self.same_type(role, param, value);
        }
    }

    fn same_type(&mut self, role: &'static str, param: Value, value: Value) {
        if let (Some(expected), Some(found)) = (self.type_of(param), self.type_of(value))
            && expected != found
        {
            self.report(Fault::CarriedType {
                role,
                value,
                expected,
                found,
            });
        }
    }

    fn type_of(&self, value: Value) -> Option<Type> {
        self.function.types.get(value.0 as usize).copied()
    }

    fn define(&mut self, value: Value) {
        let defined = self.scope.define(value);
        self.note(defined);
    }

    /// Checks that a value is visible, and gives its type if so.
    fn used(&mut self, value: Value) -> Option<Type> {
        match self.scope.check_use(value) {
            Ok(()) => self.type_of(value),
            Err(fault) => {
                self.report(fault);
                None
            }
        }
    }

    fn size(&mut self, size: &Size) {
        let function = self.function;
        let text = |size: &Size| function.show(size).to_string();
        let count = function.dims.len();
        let mut numbers = Vec::new();
        size.for_each_dim(&mut |d| numbers.push(d.0));
        for number in numbers {
            let exists = (number as usize) < count;
            self.require(exists, || Fault::NoSuchDim { number, count });
        }
        if divides_by_zero(size) {
            return self.report(Fault::DivisionByZero { size: text(size) });
        }
        let folded = size.map_dims(&mut Size::Dim);
        if folded != *size {
            let (size, folded) = (text(size), text(&folded));
            return self.report(Fault::NotFolded { size, folded });
        }
        self.require(!overflows(size), || Fault::SizeOverflow {
            size: text(size),
        });
    }
}

fn divides_by_zero(size: &Size) -> bool {
    match size {
        Size::Const(_) | Size::Dim(_) => false,
        Size::Add(a, b) | Size::Mul(a, b) => divides_by_zero(a) || divides_by_zero(b),
        Size::Sub(a, _) => divides_by_zero(a),
        Size::Div(a, n) | Size::Rem(a, n) => *n == 0 || divides_by_zero(a),
    }
}

/// Whether a folded size has two constants left that do not fold.
fn overflows(size: &Size) -> bool {
    match size {
        Size::Const(_) | Size::Dim(_) => false,
        Size::Add(a, b) | Size::Mul(a, b) => {
            let both = a.as_const().is_some() && b.as_const().is_some();
            both || overflows(a) || overflows(b)
        }
        Size::Sub(a, _) | Size::Div(a, _) | Size::Rem(a, _) => overflows(a),
    }
}
