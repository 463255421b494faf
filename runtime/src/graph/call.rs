//! Calls of a graph: an op, and what it reads and writes by name.

use super::fault::GraphFault;
use super::{DimValue, ParamId, Rows, StateId};
use atome_codegen::expr::Expr;
use atome_spec::{Activation, Op};
use std::borrow::Cow;
use std::sync::Arc;

/// The name of an operand or a scalar.
pub(crate) type Name = Cow<'static, str>;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Where it stands in the model, such as `layers.3.ssm`.
    pub(crate) name: Arc<str>,
    pub(crate) what: What,
    /// Operands by the names of the op's buffers, in their order.
    pub(crate) args: Vec<(Name, Arg)>,
    /// Scalars by their names, in their order.
    pub(crate) scalars: Vec<(Name, Scalar)>,
    /// Dimensions that no operand's width tells, by their names, in their order.
    pub(crate) sizes: Vec<(Name, usize)>,
    /// A value for each dimension of the op, in their order; of a selection none.
    pub(crate) dims: Vec<DimValue>,
}

/// What a call computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A kernel, with activations of this type.
    Kernel(Op, Activation),
    /// What a row-wise expression says, in one pass.
    Map(Arc<Expr>),
    /// Looks up rows of a table, by the kernel for what it is stored as.
    Lookup,
    /// Chooses at most so many of the cached positions with the best scores.
    TopK(usize),
}

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A value for each column of every token.
    Rows(Rows),
    /// A tensor of the file.
    Param(ParamId),
    /// What a session carries from token to token.
    State(StateId),
}

/// A number that a kernel takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// This number, which is finite.
    Value(f32),
    /// The scale of a ternary tensor.
    ScaleOf(ParamId),
}

impl Call {
    /// A call without operands and scalars, which are added to it.
    pub(super) fn new(name: Arc<str>, what: What) -> Call {
        Call {
            name,
            what,
            args: Vec::new(),
            scalars: Vec::new(),
            sizes: Vec::new(),
            dims: Vec::new(),
        }
    }

    /// Adds an operand.
    pub fn arg(&mut self, name: impl Into<Name>, arg: impl Into<Arg>) -> &mut Call {
        self.args.push((name.into(), arg.into()));
        self
    }

    /// Adds a scalar.
    pub fn scalar(&mut self, name: impl Into<Name>, value: impl Into<Scalar>) -> &mut Call {
        self.scalars.push((name.into(), value.into()));
        self
    }

    /// Adds a dimension that no operand's width tells.
    pub fn size(&mut self, name: impl Into<Name>, value: usize) -> &mut Call {
        self.sizes.push((name.into(), value));
        self
    }

    /// The dimension of this name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn size_of(&self, name: &'static str) -> Result<usize, GraphFault> {
        let found = self.sizes.iter().find(|(size, _)| *size == name);
        let missing = || GraphFault::Missing { name: name.into() };
        found.map(|(_, value)| *value).ok_or_else(missing)
    }

    /// The operand of this name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn find(&self, name: &'static str) -> Result<Arg, GraphFault> {
        let found = self.args.iter().find(|(arg, _)| *arg == name);
        let missing = || GraphFault::Missing { name: name.into() };
        found.map(|(_, arg)| *arg).ok_or_else(missing)
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
