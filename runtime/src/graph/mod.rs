//! The structure of a model, told once: its parameters, rows, states and calls. From one recording come the schema of a
//! file, the plan, a random model, the memory map, and the counts of operations and bytes.
//!
//! A graph is recorded by a [`Builder`], or read from text:
//!
//! ```
//! use atome::graph::{Builder, Graph, Op};
//!
//! let mut g = Builder::new("tiny", 1);
//! // Token ids in: rows of a ternary table of 256 tokens, 64 columns a token.
//! let x = g.embedding("embed", 256, 64);
//! for i in 0..2 {
//!     // Names of parameters are `layers.0.norm`, `layers.0.conv` and so on.
//!     g.scope(format!("layers.{i}"), |g| {
//!         let n = g.rms_norm("norm", x, 1e-6);
//!         let c = g.conv1d("conv", n, 4);
//!         let y = g.bit_linear("out", c, 64, 1e-6);
//!         g.residual("sum", y, x);
//!     });
//! }
//! // Logits out.
//! g.head(|g| {
//!     let n = g.rms_norm("norm_f", x, 1e-6);
//!     g.linear("unembed", n, 256)
//! });
//! let graph = g.finish()?;
//!
//! let text = "
//!     graph tiny {
//!       %x = embedding embed(256, 64)
//!       layers.0..2 {
//!         %norm = rms_norm norm(%x) eps=1e-6
//!         %conv = conv1d conv(%norm, 4)
//!         %out = bit_linear out(%conv, 64) eps=1e-6
//!         residual sum(%out, %x)
//!       }
//!       head {
//!         %norm_f = rms_norm norm_f(%x) eps=1e-6
//!         %unembed = linear unembed(%norm_f, 256)
//!       }
//!     }";
//! assert_eq!(text.parse(), Ok(graph.clone()));
//! // It prints what the composed calls record, and that is read back too.
//! assert_eq!(graph.to_string().parse(), Ok(graph));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each call names its operands: [`Rows`], a value for each column of every token; parameters; states, which a session
//! carries from token to token. Calls run in order, each over all tokens of a block; those within
//! [`each_token`](Builder::each_token) for one token after the other. A builder never panics, whatever it is given: it keeps the
//! first fault for [`finish`](Builder::finish). Whoever has a [`Graph`] has one that was checked: each operand is of the kind, width and
//! number that its op takes, rows were written before they are read, and a block of tokens gives the same bits as one token
//! after the other.
//!
//! `docs/graph.md` has the grammar and the meaning of every statement.
//!
//! | file | concept |
//! |---|---|
//! | `builder` | records a graph |
//! | `functions` | what most models are composed of: norms, products, lookups |
//! | `activations` | products of f32 in place of int8 |
//! | `call` | an op and its operands by name |
//! | `signature` | the operands of each call, in the order of its kernel |
//! | `dims` | dimensions of a call, which are the widths of its operands |
//! | `cache` | how caches lie in memory, which the calls that use them tell |
//! | `check`, `fault` | whether a recording is a graph, and what is wrong with it |
//! | `fuse` | maps that follow each other as one |
//! | `window` | a graph that looks back another number of positions |
//! | `text` | a graph as text, printed and read |

mod activations;
mod builder;
mod cache;
mod cache_type;
mod call;
mod check;
mod dims;
mod fault;
mod functions;
mod fuse;
mod signature;
mod text;
mod window;

pub use crate::tensor::Prepare;
pub use atome_spec::Op;
pub use builder::Builder;
pub use call::{Arg, Call, Scalar};
pub use fault::{GraphError, GraphFault};
pub use text::{ParseError, Problem};

use builder::Named;
pub(crate) use cache::{CacheLayout, Heads};
pub(crate) use call::{Name, What};
use check::listed;
pub(crate) use dims::DimValue;
pub(crate) use functions::typical;

use crate::tensor::{Kind, Param, Tables};

/// A recorded model, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
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
    /// Where a token stands, in, for what turns rows by it.
    pub(crate) angles: Option<Angles>,
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
    Angles,
    Part(usize),
    Head(usize),
}

/// A parameter of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamId(pub(crate) usize);

/// A state of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateId(pub(crate) usize);

/// Values of each token of a block: all columns of some rows, or consecutive ones of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
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

/// Rows of the cosines and the sines of angles that follow a token's position p: of pair i, as many of each, it is
/// `p * base^(-i / pairs)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Angles {
    pub(crate) rows: Rows,
    /// Above 0.
    pub(crate) base: f32,
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
    /// How it lies in memory if it grows with the positions, up to the window.
    pub(crate) cache: Option<CacheLayout>,
}

/// Its numbers are finite, so it is equal to itself.
impl Eq for Graph {}

impl Graph {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Positions that attention looks back; `None` if nothing does.
    #[must_use]
    pub fn max_seq(&self) -> Option<usize> {
        let looks_back = self.states.iter().any(|state| state.cache.is_some());
        looks_back.then_some(self.window)
    }

    /// Number of token ids: the rows of its tables.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        let mut lookups = self.calls().filter(|call| call.what == What::Lookup);
        let table = lookups.find_map(|call| call.params().next());
        table.map_or(0, |id| self.params[id.0].kind.matrix().0)
    }

    /// When rows of its tables are checked, if somebody wants it so: those that are multiplied are asked for by no token.
    pub(crate) fn tables(&self, wanted: Tables) -> Tables {
        let is_table = |id: ParamId| matches!(self.params[id.0].kind, Kind::Table { .. });
        let mut products = self.calls().filter(|call| call.what != What::Lookup);
        match products.any(|call| call.params().any(is_table)) {
            true => Tables::Now,
            false => wanted,
        }
    }

    /// Columns of the logits.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.logits.map_or(0, |logits| logits.width)
    }

    /// Numbers that a session remembers when attention's window is full.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let elems = |state: &StateInfo| {
            let positions = state.cache.map_or(1, |_| self.window);
            state
                .rows
                .saturating_mul(state.width)
                .saturating_mul(positions)
        };
        self.states.iter().map(elems).fold(0, usize::saturating_add)
    }

    /// Calls that a token runs, with those of the head.
    #[must_use]
    pub fn calls_per_token(&self) -> usize {
        self.calls().count()
    }

    /// Numbers of all parameters, ternary and f32.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let elems = self.params.iter().map(|param| param.kind.elems());
        elems.fold(0, usize::saturating_add)
    }

    /// Every call, in order, those of the head last.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        let body = self.body.iter().flat_map(|part| &part.calls);
        body.chain(&self.head)
    }

    /// Multiply-accumulates of ternary weights that so many tokens and runs of the head take; rows that are looked up take
    /// none.
    #[must_use]
    pub fn macs(&self, tokens: usize, heads: usize) -> usize {
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
    /// Columns.
    #[must_use]
    pub fn width(self) -> usize {
        self.width
    }

    /// Consecutive columns of these widths, from the first on.
    #[must_use]
    pub fn split<const N: usize>(self, widths: [usize; N]) -> [Rows; N] {
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
