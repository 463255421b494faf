//! Records a graph.

mod declare;
mod map;
mod names;

pub(in crate::graph) use names::Named;

use super::fault::{GraphError, GraphFault};
use super::{Call, Extent, Graph, Item, ParamId, Part, Rows, RowsInfo, What};
use super::{check, check::limits};
use atome_codegen::expr::Expr;
use atome_spec::{Activation, Op};
use names::Names;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A graph that is being recorded.
///
/// The first fault is kept and told by [`Builder::finish`]; what is recorded after it is dropped.
#[derive(Debug)]
pub struct Builder {
    graph: Graph,
    names: Names,
    place: Place,
    fault: Option<GraphError>,
    /// Expressions of maps so far.
    exprs: BTreeSet<Arc<Expr>>,
    /// A call that is not recorded, because there is a fault already.
    dropped: Call,
    calls: usize,
}

/// Where calls go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Block,
    EachToken,
    Head,
    /// Behind the head, where nothing is.
    Nowhere,
}

impl Builder {
    /// A graph with nothing but token ids; attention looks back `window` positions.
    pub fn new(name: &str, window: usize) -> Builder {
        let ids = Rows {
            id: 0,
            first: 0,
            width: 1,
        };
        let mut builder = Builder {
            graph: Graph {
                name: name.to_owned(),
                window,
                params: Vec::new(),
                rows: Vec::new(),
                states: Vec::new(),
                body: Vec::new(),
                head: Vec::new(),
                ids,
                angles: None,
                logits: None,
                output: None,
                log: Vec::new(),
            },
            names: Names::default(),
            place: Place::Block,
            fault: None,
            exprs: BTreeSet::new(),
            dropped: Call::new("".into(), What::Lookup),
            calls: 0,
        };
        builder.expect(name, limits::name(name));
        builder.expect("window", limits::size("positions", window, limits::WINDOW));
        builder.make("ids", 1, Extent::Tokens);
        builder
    }

    /// The graph.
    ///
    /// # Errors
    /// The first fault of the recording, or of the graph as a whole.
    pub fn finish(self) -> Result<Graph, GraphError> {
        self.build().map_err(|(_, fault)| fault)
    }

    /// The graph, or the number of the call that is at fault and the fault.
    pub(in crate::graph) fn build(self) -> Result<Graph, (Option<usize>, GraphError)> {
        match self.fault {
            Some(fault) => Err((None, fault)),
            None => check::checked(self.graph),
        }
    }

    /// The fault, which is no more afterwards.
    pub(in crate::graph) fn take_fault(&mut self) -> Option<GraphError> {
        self.fault.take()
    }

    /// What a name names here: in the innermost scope that has it. One that begins with a dot is whole.
    pub(in crate::graph) fn find(&self, name: &str) -> Option<Named> {
        self.names.find("", name)
    }

    /// The rows that a name names here.
    pub(in crate::graph) fn find_rows(&self, name: &str) -> Option<Named> {
        self.names.find("%", name)
    }

    /// Rows by a name that may begin with a dot.
    pub(in crate::graph) fn declare(&mut self, name: &str, width: usize, extent: Extent) -> Rows {
        match name.strip_prefix('.') {
            None => self.make(name, width, extent),
            Some(whole) => {
                self.expect(whole, limits::name(whole));
                self.make_whole(whole.to_owned(), width, extent)
            }
        }
    }

    pub(in crate::graph) fn rows_info(&self, rows: Rows) -> &RowsInfo {
        &self.graph.rows[rows.id]
    }

    pub(in crate::graph) fn in_scope(&self) -> bool {
        self.names.depth() > 0
    }

    /// Token ids, which a lookup reads.
    pub(in crate::graph) fn ids(&self) -> Rows {
        self.graph.ids
    }

    /// Positions that attention looks back.
    pub fn window(&self) -> usize {
        self.graph.window
    }

    /// Keeps the first fault.
    fn expect(&mut self, at: &str, holds: Result<(), GraphFault>) {
        if let (Err(fault), None) = (holds, &self.fault) {
            self.fault = Some(GraphError::new(at, fault));
        }
    }

    fn refuse(&mut self, at: &str, fault: GraphFault) {
        self.expect(at, Err(fault));
    }

    /// Names that `body` tells are within `name`.
    pub fn scope<R>(&mut self, name: impl Into<String>, body: impl FnOnce(&mut Builder) -> R) -> R {
        self.open(name.into());
        let result = body(self);
        self.close();
        result
    }

    pub(in crate::graph) fn open(&mut self, name: String) {
        self.expect(&name, limits::name(&name));
        if self.names.depth() >= limits::DEPTH {
            self.refuse(
                &name,
                GraphFault::limit("scopes in each other", limits::DEPTH),
            );
        }
        if name == HEAD {
            self.refuse(&name, GraphFault::Reserved);
        }
        self.names.open(&name);
        // Calls for each token are one item of the log.
        if self.place != Place::EachToken {
            self.record(Item::Scope(name));
        }
    }

    pub(in crate::graph) fn close(&mut self) {
        self.names.close();
        if self.place != Place::EachToken {
            self.end();
        }
    }

    /// Ends what was opened last; nothing is left of it if nothing is in it.
    fn end(&mut self) {
        match self.graph.log.last() {
            Some(Item::Scope(_)) => drop(self.graph.log.pop()),
            _ => self.record(Item::End),
        }
    }

    fn named(&mut self, name: &str) -> String {
        self.expect(name, limits::name(name));
        let whole = self.names.whole(name);
        if whole.len() > limits::NAME {
            self.refuse(name, GraphFault::limit("bytes of a name", limits::NAME));
        }
        whole
    }

    fn record(&mut self, item: Item) {
        if self.place == Place::Nowhere && item != Item::End {
            self.refuse(HEAD, GraphFault::AfterHead);
        }
        if self.fault.is_none() {
            self.graph.log.push(item);
        }
    }

    /// Gives a name that is not taken; those of rows have a sign.
    fn take(&mut self, sign: &str, name: &str, named: Named) {
        if self.fault.is_none() && !self.names.take(sign, name, named) {
            self.refuse(&[sign, name].concat(), GraphFault::Twice);
        }
    }

    /// Calls an op on f32 activations; operands and scalars are added to what this gives.
    pub fn call(&mut self, name: &str, op: Op) -> &mut Call {
        self.push(name, What::Kernel(op, Activation::F32))
    }

    /// Calls an op on int8 activations.
    pub fn call_i8(&mut self, name: &str, op: Op) -> &mut Call {
        self.push(name, What::Kernel(op, Activation::I8))
    }

    /// Looks up rows of a table, ternary or not, for the token ids.
    pub fn look_up(&mut self, name: &str, table: ParamId, out: Rows) {
        let ids = self.ids();
        let call = self.push(name, What::Lookup);
        call.arg("ids", ids).arg("table", table).arg("out", out);
    }

    pub(in crate::graph) fn push(&mut self, name: &str, what: What) -> &mut Call {
        let call = Call::new(self.named(name).into(), what);
        self.calls += 1;
        if self.calls > limits::CALLS {
            self.refuse(name, GraphFault::limit("calls", limits::CALLS));
        }
        if self.place == Place::Nowhere {
            self.refuse(name, GraphFault::AfterHead);
        }
        if self.fault.is_some() {
            self.dropped = call;
            return &mut self.dropped;
        }
        if self.place == Place::Block {
            self.record(Item::Part(self.graph.body.len()));
            self.graph.body.push(Part::new(false));
        }
        if self.place == Place::Head {
            self.record(Item::Head(self.graph.head.len()));
        }
        let last = self.graph.body.last_mut().map(|part| &mut part.calls);
        let calls = match (self.place, last) {
            (Place::Block | Place::EachToken, Some(part)) => part,
            _ => &mut self.graph.head,
        };
        calls.push(call);
        let last = calls.len() - 1;
        &mut calls[last]
    }

    /// Calls that `body` makes are run for one token after the other.
    pub fn each_token(&mut self, body: impl FnOnce(&mut Builder)) {
        let part = self.begin_each_token();
        body(self);
        self.end_each_token(part);
    }

    /// Begins a part, and gives its number.
    pub(in crate::graph) fn begin_each_token(&mut self) -> usize {
        if self.place != Place::Block {
            self.refuse("each token", GraphFault::Nested);
        }
        if self.fault.is_none() {
            self.graph.body.push(Part::new(true));
            self.place = Place::EachToken;
        }
        self.graph.body.len().saturating_sub(1)
    }

    pub(in crate::graph) fn end_each_token(&mut self, part: usize) {
        if self.place == Place::EachToken {
            self.place = Place::Block;
        }
        // Behind what was declared for its calls; nothing is left of it if there are none.
        match self.graph.body.last() {
            Some(last) if last.calls.is_empty() => drop(self.graph.body.pop()),
            _ => self.record(Item::Part(part)),
        }
    }

    /// Calls that `body` makes give the logits, which it returns: for the last token of a block, or for all of them.
    /// It is the end of a graph.
    pub fn head(&mut self, body: impl FnOnce(&mut Builder) -> Rows) {
        self.begin_head();
        let logits = body(self);
        self.end_head(Some(logits));
    }

    pub(in crate::graph) fn begin_head(&mut self) {
        if self.place != Place::Block || self.in_scope() {
            self.refuse(HEAD, GraphFault::Nested);
        }
        self.record(Item::HeadStart);
        self.place = Place::Head;
    }

    pub(in crate::graph) fn end_head(&mut self, logits: Option<Rows>) {
        self.place = Place::Nowhere;
        self.record(Item::End);
        self.graph.logits = logits;
    }
}

/// The scope of the head.
const HEAD: &str = "head";

impl Part {
    fn new(each_token: bool) -> Part {
        Part {
            each_token,
            calls: Vec::new(),
        }
    }
}
