//! Which values are visible.

use super::fault::Fault;
use crate::ir::{Block, Function, Stmt, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No definition anywhere.
    Never,
    /// Its definition has not been reached.
    Later,
    /// Defined, in this block or one around it.
    Visible,
    /// Defined in a loop that has ended.
    Gone,
}

/// The state of every value at one point of the function.
pub(super) struct Scope {
    states: Vec<State>,
    /// Visible values, in the order of their definitions.
    visible: Vec<Value>,
}

/// Where a loop's body began, for [`Scope::leave`].
pub(super) struct Mark(usize);

impl Scope {
    /// The beginning of `function`: nothing is visible.
    pub(super) fn new(function: &Function) -> Scope {
        let mut states = vec![State::Never; function.types.len()];
        for_each_definition(&function.body, &mut |value| {
            if let Some(state) = states.get_mut(value.0 as usize) {
                *state = State::Later;
            }
        });
        Scope {
            states,
            visible: Vec::new(),
        }
    }

    fn no_type(&self, value: Value) -> Fault {
        let count = self.states.len();
        Fault::NoType { value, count }
    }

    /// Makes a value visible.
    pub(super) fn define(&mut self, value: Value) -> Result<(), Fault> {
        let Some(state) = self.states.get_mut(value.0 as usize) else {
            return Err(self.no_type(value));
        };
        let before = *state;
        if before != State::Visible {
            *state = State::Visible;
            self.visible.push(value);
        }
        match before {
            State::Never | State::Later => Ok(()),
            State::Visible | State::Gone => Err(Fault::DefinedTwice { value }),
        }
    }

    /// Whether a value may be used.
    pub(super) fn check_use(&self, value: Value) -> Result<(), Fault> {
        match self.states.get(value.0 as usize) {
            None => Err(self.no_type(value)),
            Some(State::Never) => Err(Fault::Undefined { value }),
            Some(State::Later) => Err(Fault::UsedEarly { value }),
            Some(State::Gone) => Err(Fault::OutOfScope { value }),
            Some(State::Visible) => Ok(()),
        }
    }

    /// Enters a loop's body.
    pub(super) fn enter(&self) -> Mark {
        Mark(self.visible.len())
    }

    /// Leaves a loop's body: what it defined is gone.
    pub(super) fn leave(&mut self, mark: Mark) {
        for value in self.visible.drain(mark.0..) {
            self.states[value.0 as usize] = State::Gone;
        }
    }
}

fn for_each_definition(block: &Block, f: &mut impl FnMut(Value)) {
    for stmt in block {
        match stmt {
            Stmt::Let(value, _) => f(*value),
            Stmt::Store { .. } | Stmt::Prefetch(..) => {}
            Stmt::For(l) => {
                f(l.counter);
                l.carried.iter().for_each(|c| f(c.param));
                for_each_definition(&l.body, f);
                l.carried.iter().for_each(|c| f(c.result));
            }
        }
    }
}
