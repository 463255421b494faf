//! Calls of a graph: an op, and what it reads and writes by name.

use super::{ParamId, Rows, StateId};
use atome_spec::{Activation, Op};

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Where it stands in the model, such as `layers.3.ssm`.
    pub name: String,
    pub what: What,
    /// Operands by the names of the op's buffers.
    pub args: Vec<(&'static str, Arg)>,
    /// Scalars by their names.
    pub scalars: Vec<(&'static str, Scalar)>,
}

/// What a call computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A kernel, with activations of this type.
    Kernel(Op, Activation),
    /// Looks up rows of a table, by the kernel for what it is stored as.
    Lookup,
    /// Chooses at most so many of the cached positions with the best scores.
    TopK(usize),
}

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    Rows(Rows),
    Param(ParamId),
    State(StateId),
}

/// A number that a kernel takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Value(f32),
    /// The scale of a ternary tensor.
    ScaleOf(ParamId),
}

impl Call {
    /// Adds an operand.
    pub(crate) fn arg(&mut self, name: &'static str, arg: impl Into<Arg>) -> &mut Call {
        self.args.push((name, arg.into()));
        self
    }

    /// Adds a scalar.
    pub(crate) fn scalar(&mut self, name: &'static str, value: impl Into<Scalar>) -> &mut Call {
        self.scalars.push((name, value.into()));
        self
    }

    /// The operand of this name.
    ///
    /// # Panics
    /// If the family left it out.
    pub(crate) fn get(&self, name: &str) -> Arg {
        let found = self.args.iter().find(|(arg, _)| *arg == name);
        match found {
            Some((_, arg)) => *arg,
            None => panic!("`{}` has no operand `{name}`", self.name),
        }
    }

    /// The scalar of this name.
    ///
    /// # Panics
    /// If the family left it out.
    pub(crate) fn number(&self, name: &str) -> Scalar {
        match self.scalars.iter().find(|(scalar, _)| *scalar == name) {
            Some((_, scalar)) => *scalar,
            None => panic!("`{}` has no scalar `{name}`", self.name),
        }
    }

    /// The rows of this name.
    ///
    /// # Panics
    /// If the family gave something else.
    pub(crate) fn rows(&self, name: &str) -> Rows {
        match self.get(name) {
            Arg::Rows(rows) => rows,
            other => panic!("`{}` takes rows as `{name}`, not {other:?}", self.name),
        }
    }

    /// The parameters it reads.
    pub(crate) fn params(&self) -> impl Iterator<Item = ParamId> {
        self.args.iter().filter_map(|(_, arg)| match arg {
            Arg::Param(param) => Some(*param),
            _ => None,
        })
    }
}

impl From<Rows> for Arg {
    fn from(rows: Rows) -> Arg {
        Arg::Rows(rows)
    }
}

impl From<ParamId> for Arg {
    fn from(param: ParamId) -> Arg {
        Arg::Param(param)
    }
}

impl From<StateId> for Arg {
    fn from(state: StateId) -> Arg {
        Arg::State(state)
    }
}

impl From<f32> for Scalar {
    fn from(value: f32) -> Scalar {
        Scalar::Value(value)
    }
}

impl From<ParamId> for Scalar {
    fn from(param: ParamId) -> Scalar {
        Scalar::ScaleOf(param)
    }
}
