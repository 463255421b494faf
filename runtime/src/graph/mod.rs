//! The structure of a model, told once: its parameters, rows, states and calls. From one recording come the schema of a
//! file, the plan, a random model, the memory map, and the counts of operations and bytes.
//!
//! | file | concept |
//! |---|---|
//! | `call` | an op and its operands by name |
//! | `functions` | what most models are composed of: norms, products, lookups |
//! | `signature` | the operands of each call, in the order of its kernel |
//! | `text` | a graph as a page to read |
//!
//! A family is a function that records: it declares parameters in the order in which files hold them, and calls ops on
//! rows. Names are told within scopes, `blocks.3` and in it `wq`.

mod call;
mod functions;
mod signature;
mod text;

pub(crate) use call::{Arg, Call, Scalar, What};
pub(crate) use functions::RMS_GAIN;
pub(crate) use signature::{Names, names};

use crate::tensor::{Kind, Param, Prepare, Role};
use atome_spec::{Activation, Op};

/// A recorded model.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// What it is called.
    pub name: &'static str,
    /// Positions that attention looks back.
    pub window: usize,
    /// In the order in which a file holds them.
    pub params: Vec<Param>,
    pub rows: Vec<RowsInfo>,
    pub states: Vec<StateInfo>,
    /// What a block of tokens runs, in order.
    pub body: Vec<Part>,
    /// What gives the logits of a token.
    pub head: Vec<Call>,
    /// Token ids in.
    pub ids: Rows,
    /// Logits out, by the last call of the head.
    pub logits: Option<Rows>,
    /// What a session reads beside the logits; the row of the last token is saved with its state.
    pub output: Option<Rows>,
    scope: Vec<String>,
    /// What was recorded, in order, each with its outermost scope.
    log: Vec<(String, Item)>,
    /// Where calls go now.
    place: Place,
}

/// Calls that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Whether they are run for one token after the other, or each over all tokens of a block.
    pub each_token: bool,
    pub calls: Vec<Call>,
}

/// Something that was recorded, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Param(usize),
    State(usize),
    Part(usize),
    Head(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Block,
    EachToken,
    Head,
}

/// A parameter of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParamId(pub usize);

/// A state of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateId(pub usize);

/// Values of each token of a block: all columns of some rows, or consecutive ones of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Number of the whole rows.
    pub id: usize,
    /// The first column.
    pub first: usize,
    /// Columns.
    pub width: usize,
}

/// Rows that calls write and read.
#[derive(Clone, Debug)]
pub(crate) struct RowsInfo {
    /// Where they are made, such as `layers.3.in_proj`.
    pub name: String,
    pub width: usize,
    pub extent: Extent,
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A row for each token.
    Tokens,
    /// One row, an element for each cached position.
    Positions,
    /// One row, an element for each position that attention keeps; at most the width.
    Kept,
}

/// What a session remembers.
#[derive(Clone, Debug)]
pub(crate) struct StateInfo {
    pub name: String,
    /// Rows, each of `width` elements, or of `width` elements for each cached position.
    pub rows: usize,
    pub width: usize,
    /// Whether it grows with the positions, up to the window.
    pub cache: bool,
}

impl Graph {
    /// A graph with nothing but token ids; attention looks back `window` positions.
    pub(crate) fn new(name: &'static str, window: usize) -> Graph {
        let mut graph = Graph {
            name,
            window,
            params: Vec::new(),
            rows: Vec::new(),
            states: Vec::new(),
            body: Vec::new(),
            head: Vec::new(),
            ids: Rows {
                id: 0,
                first: 0,
                width: 1,
            },
            logits: None,
            output: None,
            scope: Vec::new(),
            log: Vec::new(),
            place: Place::Block,
        };
        graph.ids = graph.rows("ids", 1);
        graph
    }

    /// Names that `body` tells are within `name`.
    pub(crate) fn scope<R>(
        &mut self,
        name: impl Into<String>,
        body: impl FnOnce(&mut Graph) -> R,
    ) -> R {
        self.scope.push(name.into());
        let result = body(self);
        self.scope.pop();
        result
    }

    fn named(&self, name: &str) -> String {
        let scopes = self.scope.iter().map(String::as_str);
        scopes.chain([name]).collect::<Vec<_>>().join(".")
    }

    fn record(&mut self, item: Item) {
        let scope = match self.place {
            Place::Head => "head",
            _ => self.scope.first().map_or("", String::as_str),
        };
        self.log.push((scope.to_owned(), item));
    }

    /// Declares a ternary tensor.
    pub(crate) fn ternary(&mut self, name: &str, [rows, cols]: [usize; 2], role: Role) -> ParamId {
        self.param(name, Kind::Ternary { rows, cols, role }, (0.0, 0.0))
    }

    /// Declares a table of rows to be looked up; a random model's elements are in the interval `typical`.
    pub(crate) fn table(
        &mut self,
        name: &str,
        [rows, cols]: [usize; 2],
        typical: (f32, f32),
    ) -> ParamId {
        self.param(name, Kind::Table { rows, cols }, typical)
    }

    /// Declares f32 numbers; a random model's are in the interval `typical`.
    pub(crate) fn floats(&mut self, name: &str, shape: &[usize], typical: (f32, f32)) -> ParamId {
        self.param(name, Kind::Floats(shape.to_vec()), typical)
    }

    /// Says what becomes of a float tensor before kernels read it.
    pub(crate) fn prepare(&mut self, param: ParamId, prepare: Prepare) -> ParamId {
        self.params[param.0].prepare = prepare;
        param
    }

    fn param(&mut self, name: &str, kind: Kind, typical: (f32, f32)) -> ParamId {
        self.params.push(Param {
            name: self.named(name),
            kind,
            prepare: Prepare::AsStored,
            typical,
        });
        let id = self.params.len() - 1;
        self.record(Item::Param(id));
        ParamId(id)
    }

    /// Makes rows of `width` values a token.
    pub(crate) fn rows(&mut self, name: &str, width: usize) -> Rows {
        self.make(name, width, Extent::Tokens)
    }

    /// Makes the rows that a session reads after a run, beside the logits.
    pub(crate) fn output(&mut self, name: &str, width: usize) -> Rows {
        let rows = self.rows(name, width);
        self.output = Some(rows);
        rows
    }

    /// Makes one row with a value for each cached position.
    pub(crate) fn positions(&mut self, name: &str) -> Rows {
        self.make(name, self.window, Extent::Positions)
    }

    /// Makes one row with a value for each position that attention keeps, at most `most`.
    pub(crate) fn kept(&mut self, name: &str, most: usize) -> Rows {
        self.make(name, most, Extent::Kept)
    }

    fn make(&mut self, name: &str, width: usize, extent: Extent) -> Rows {
        self.rows.push(RowsInfo {
            name: self.named(name),
            width,
            extent,
        });
        Rows {
            id: self.rows.len() - 1,
            first: 0,
            width,
        }
    }

    /// Makes a state of `elems` values, zeros at first.
    pub(crate) fn state(&mut self, name: &str, elems: usize) -> StateId {
        self.remember(name, 1, elems, false)
    }

    /// Makes a cache of `rows` rows, each with `width` values for every position that attention looks back.
    pub(crate) fn cache(&mut self, name: &str, rows: usize, width: usize) -> StateId {
        self.remember(name, rows, width, true)
    }

    fn remember(&mut self, name: &str, rows: usize, width: usize, cache: bool) -> StateId {
        self.states.push(StateInfo {
            name: self.named(name),
            rows,
            width,
            cache,
        });
        let id = self.states.len() - 1;
        self.record(Item::State(id));
        StateId(id)
    }

    /// Calls an op on f32 activations; operands and scalars are added to what this gives.
    pub(crate) fn call(&mut self, name: &str, op: Op) -> &mut Call {
        self.push(name, What::Kernel(op, Activation::F32))
    }

    fn push(&mut self, name: &str, what: What) -> &mut Call {
        let call = Call {
            name: self.named(name),
            what,
            args: Vec::new(),
            scalars: Vec::new(),
        };
        let calls = match self.place {
            Place::Head => {
                self.record(Item::Head(self.head.len()));
                &mut self.head
            }
            Place::EachToken => self.last_part(),
            Place::Block => {
                self.begin_part(false);
                self.last_part()
            }
        };
        calls.push(call);
        let last = calls.len() - 1;
        &mut calls[last]
    }

    fn begin_part(&mut self, each_token: bool) {
        self.record(Item::Part(self.body.len()));
        let calls = Vec::new();
        self.body.push(Part { each_token, calls });
    }

    fn last_part(&mut self) -> &mut Vec<Call> {
        match self.body.last_mut() {
            Some(part) => &mut part.calls,
            None => unreachable!("a part was begun"),
        }
    }

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
            What::Lookup | What::TopK(_) => 0,
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

    /// Calls that `body` makes are run for one token after the other.
    pub(crate) fn each_token(&mut self, body: impl FnOnce(&mut Graph)) {
        self.begin_part(true);
        self.place = Place::EachToken;
        body(self);
        self.place = Place::Block;
    }

    /// Calls that `body` makes give the logits, which it returns: for the last token of a block, or for all of them.
    pub(crate) fn head(&mut self, body: impl FnOnce(&mut Graph) -> Rows) {
        self.place = Place::Head;
        self.logits = Some(body(self));
        self.place = Place::Block;
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
