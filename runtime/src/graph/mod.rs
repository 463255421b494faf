//! The structure of a model, told once: its parameters, rows, states and calls. From one recording come the schema of a
//! file, the plan, a random model, the memory map, and the counts of operations and bytes.
//!
//! | file | concept |
//! |---|---|
//! | `builder` | records a graph |
//! | `functions` | what most models are composed of: norms, products, lookups |
//! | `call` | an op and its operands by name |
//! | `signature` | the operands of each call, in the order of its kernel |
//! | `dims` | dimensions of a call, which are the widths of its operands |
//! | `check`, `fault` | whether a recording is a graph, and what is wrong with it |
//! | `text` | a graph as a page to read |
//!
//! A family is a function that records: it declares parameters in the order in which files hold them, and calls ops on
//! rows. Names are told within scopes, `blocks.3` and in it `wq`. Whoever has a [`Graph`] has one that was checked.

mod builder;
mod call;
mod check;
mod dims;
mod fault;
mod functions;
mod signature;
mod text;

pub(crate) use builder::Builder;
pub(crate) use call::{Arg, Call, Name, Scalar, What};
pub(crate) use dims::DimValue;
pub use fault::{GraphError, GraphFault};
pub(crate) use functions::RMS_GAIN;
pub(crate) use signature::{Names, names};

use crate::tensor::{Kind, Param};

/// A recorded model, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Graph {
    /// What it is called.
    name: String,
    /// Positions that attention looks back.
    pub(crate) window: usize,
    /// In the order in which a file holds them.
    pub(crate) params: Vec<Param>,
    /// In the order in which calls first touch them.
    pub(crate) rows: Vec<RowsInfo>,
    pub(crate) states: Vec<StateInfo>,
    /// What a block of tokens runs, in order.
    pub(crate) body: Vec<Part>,
    /// What gives the logits of a token.
    pub(crate) head: Vec<Call>,
    /// Token ids in.
    pub(crate) ids: Rows,
    /// Logits out, by the last call of the head.
    pub(crate) logits: Option<Rows>,
    /// What a session reads beside the logits; the row of the last token is saved with its state.
    pub(crate) output: Option<Rows>,
    /// What was recorded, in order.
    log: Vec<Item>,
}

/// Calls that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Whether they are run for one token after the other, or each over all tokens of a block.
    pub(crate) each_token: bool,
    pub(crate) calls: Vec<Call>,
}

/// Something that was recorded, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// What follows is in a scope of this name, up to its end.
    Scope(String),
    /// What follows is the head.
    HeadStart,
    End,
    Param(usize),
    State(usize),
    Output,
    Part(usize),
    Head(usize),
}

/// A parameter of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParamId(pub(crate) usize);

/// A state of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateId(pub(crate) usize);

/// Values of each token of a block: all columns of some rows, or consecutive ones of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Number of the whole rows.
    pub(crate) id: usize,
    /// The first column.
    pub(crate) first: usize,
    /// Columns.
    pub(crate) width: usize,
}

/// Rows that calls write and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowsInfo {
    /// Where they are made, such as `layers.3.in_proj`.
    pub(crate) name: String,
    pub(crate) width: usize,
    pub(crate) extent: Extent,
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// A row for each token.
    Tokens,
    /// One row, an element for each cached position.
    Positions,
    /// One row, an element for each position that attention keeps; at most the width.
    Kept,
}

/// What a session remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateInfo {
    pub(crate) name: String,
    /// Rows, each of `width` elements, or of `width` elements for each cached position.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Whether it grows with the positions, up to the window.
    pub(crate) cache: bool,
}

impl Graph {
    /// Every call, in order, those of the head last.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        let body = self.body.iter().flat_map(|part| &part.calls);
        body.chain(&self.head)
    }

    /// Multiply-accumulates of ternary weights that so many tokens and runs of the head take; rows that are looked up take
    /// none.
    pub(crate) fn macs(&self, tokens: usize, heads: usize) -> usize {
        let weights = |call: &Call| match call.what {
            What::Kernel(..) => call.params().map(|id| self.weights(id)).sum(),
            What::Map(_) | What::Lookup | What::TopK(_) => 0,
        };
        let body = self.body.iter().flat_map(|part| &part.calls);
        tokens * body.map(weights).sum::<usize>()
            + heads * self.head.iter().map(weights).sum::<usize>()
    }

    /// Trits of a parameter.
    fn weights(&self, ParamId(id): ParamId) -> usize {
        match self.params[id].kind {
            Kind::Ternary { .. } => self.params[id].kind.elems(),
            _ => 0,
        }
    }
}

impl Rows {
    /// Consecutive columns of these widths, from the first on.
    pub(crate) fn split<const N: usize>(self, widths: [usize; N]) -> [Rows; N] {
        let mut first = self.first;
        widths.map(|width| {
            let part = Rows {
                first,
                width,
                ..self
            };
            first = first.saturating_add(width);
            part
        })
    }
}

impl RowsInfo {
    /// The last part of the name: rows of one width that are called alike in every layer may share their memory.
    pub(crate) fn local(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}
