//! Records a graph.

use super::fault::{GraphError, GraphFault};
use super::{
    Arg, Call, Extent, Graph, Item, ParamId, Part, Rows, RowsInfo, StateId, StateInfo, What,
};
use super::{check, check::limits};
use crate::tensor::{Kind, Param, Prepare, Role};
use atome_codegen::expr::{Body, Expr, Operand, OperandKind};
use atome_spec::{Activation, Op};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A graph that is being recorded.
///
/// The first fault is kept and told by [`Builder::finish`]; what is recorded after it is dropped.
#[derive(Debug)]
pub struct Builder {
    graph: Graph,
    /// The names of the scopes that are open.
    scopes: Vec<String>,
    /// What has a name; rows have it behind a `%`.
    names: BTreeMap<String, Named>,
    place: Place,
    fault: Option<GraphError>,
    /// Expressions of maps so far.
    exprs: BTreeSet<Arc<Expr>>,
    /// A call that is not recorded, because there is a fault already.
    dropped: Call,
    calls: usize,
}

/// What a name names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named {
    Param(ParamId),
    State(StateId),
    Rows(Rows),
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
                logits: None,
                output: None,
                log: Vec::new(),
            },
            scopes: Vec::new(),
            names: BTreeMap::new(),
            place: Place::Block,
            fault: None,
            exprs: BTreeSet::new(),
            dropped: Call::new(String::new(), What::Lookup),
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
    pub(super) fn build(self) -> Result<Graph, (Option<usize>, GraphError)> {
        match self.fault {
            Some(fault) => Err((None, fault)),
            None => check::checked(self.graph),
        }
    }

    /// The fault, which is no more afterwards.
    pub(super) fn take_fault(&mut self) -> Option<GraphError> {
        self.fault.take()
    }

    /// What a name names here: in the innermost scope that has it. One that begins with a dot is whole.
    pub(super) fn find(&self, name: &str) -> Option<Named> {
        self.find_as("", name)
    }

    /// The rows that a name names here.
    pub(super) fn find_rows(&self, name: &str) -> Option<Named> {
        self.find_as("%", name)
    }

    fn find_as(&self, sign: &str, name: &str) -> Option<Named> {
        if let Some(whole) = name.strip_prefix('.') {
            return self.names.get(&format!("{sign}{whole}")).copied();
        }
        let mut scopes = (0..=self.scopes.len()).rev();
        scopes.find_map(|n| {
            let scopes = self.scopes[..n].iter().map(String::as_str);
            let whole = scopes.chain([name]).collect::<Vec<_>>().join(".");
            self.names.get(&format!("{sign}{whole}")).copied()
        })
    }

    /// Rows by a name that may begin with a dot.
    pub(super) fn declare(&mut self, name: &str, width: usize, extent: Extent) -> Rows {
        let Some(whole) = name.strip_prefix('.') else {
            return self.make(name, width, extent);
        };
        let scopes = std::mem::take(&mut self.scopes);
        let rows = self.make(whole, width, extent);
        self.scopes = scopes;
        rows
    }

    pub(super) fn rows_info(&self, rows: Rows) -> &RowsInfo {
        &self.graph.rows[rows.id]
    }

    pub(super) fn in_scope(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// Token ids, which a lookup reads.
    pub(super) fn ids(&self) -> Rows {
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

    pub(super) fn open(&mut self, name: String) {
        self.expect(&name, limits::name(&name));
        if self.scopes.len() >= limits::DEPTH {
            self.refuse(
                &name,
                GraphFault::limit("scopes in each other", limits::DEPTH),
            );
        }
        if name == HEAD {
            self.refuse(&name, GraphFault::Reserved);
        }
        // Calls for each token are one item of the log.
        if self.place != Place::EachToken {
            self.record(Item::Scope(name.clone()));
        }
        self.scopes.push(name);
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
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
        let scopes = self.scopes.iter().map(String::as_str);
        let whole = scopes.chain([name]).collect::<Vec<_>>().join(".");
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

    /// Gives a name that is not taken.
    fn take(&mut self, name: String, named: Named) {
        if self.fault.is_none() && self.names.contains_key(&name) {
            self.refuse(&name, GraphFault::Twice);
        }
        if self.fault.is_none() {
            self.names.insert(name, named);
        }
    }

    /// Declares a ternary tensor. What it is for is told by the call that reads it.
    pub fn ternary(&mut self, name: &str, [rows, cols]: [usize; 2]) -> ParamId {
        // Of a tensor that nothing reads, only the size matters.
        let role = Role::Matrix;
        self.param(name, Kind::Ternary { rows, cols, role }, (0.0, 0.0))
    }

    /// Declares a table of rows to be looked up; a random model's elements are in the interval `typical`.
    pub fn table(&mut self, name: &str, [rows, cols]: [usize; 2], typical: (f32, f32)) -> ParamId {
        self.param(name, Kind::Table { rows, cols }, typical)
    }

    /// Declares f32 numbers; a random model's are in the interval `typical`.
    pub fn floats(&mut self, name: &str, shape: &[usize], typical: (f32, f32)) -> ParamId {
        self.param(name, Kind::Floats(shape.to_vec()), typical)
    }

    /// Says what becomes of a float tensor before kernels read it.
    pub fn prepare(&mut self, param: ParamId, prepare: Prepare) -> ParamId {
        let found = self.graph.params.get_mut(param.0);
        match found.filter(|param| matches!(param.kind, Kind::Floats(_))) {
            Some(found) => found.prepare = prepare,
            None => self.refuse(prepare.name(), GraphFault::NotFloats),
        }
        param
    }

    /// Says which interval a random model draws the numbers of a parameter from.
    pub fn typical(&mut self, param: ParamId, (low, high): (f32, f32)) -> ParamId {
        let found = self.graph.params.get_mut(param.0);
        let Some(found) = found.filter(|param| !matches!(param.kind, Kind::Ternary { .. })) else {
            self.refuse("random", GraphFault::NotFloats);
            return param;
        };
        found.typical = (low, high);
        let holds = limits::param(&found.kind, found.typical);
        let name = found.name.clone();
        self.expect(&name, holds);
        param
    }

    fn param(&mut self, name: &str, kind: Kind, typical: (f32, f32)) -> ParamId {
        let name = self.named(name);
        self.expect(&name, limits::param(&kind, typical));
        let id = self.graph.params.len();
        self.take(name.clone(), Named::Param(ParamId(id)));
        if id >= limits::PARAMS {
            self.refuse(&name, GraphFault::limit("parameters", limits::PARAMS));
        }
        if self.fault.is_none() {
            self.graph.params.push(Param {
                name,
                kind,
                prepare: Prepare::AsStored,
                typical,
            });
            self.record(Item::Param(id));
        }
        ParamId(id)
    }

    /// Makes rows of `width` values a token.
    pub fn rows(&mut self, name: &str, width: usize) -> Rows {
        self.make(name, width, Extent::Tokens)
    }

    /// Makes the rows that a session reads after a run, beside the logits.
    pub fn output(&mut self, name: &str, width: usize) -> Rows {
        let rows = self.rows(name, width);
        if self.graph.output.replace(rows).is_some() {
            self.refuse(name, GraphFault::SecondOutput);
        }
        self.record(Item::Output);
        rows
    }

    /// Makes one row with a value for each cached position.
    pub fn positions(&mut self, name: &str) -> Rows {
        self.make(name, self.graph.window, Extent::Positions)
    }

    /// Makes one row with a value for each position that attention keeps, at most `most`.
    pub fn kept(&mut self, name: &str, most: usize) -> Rows {
        self.make(name, most, Extent::Kept)
    }

    fn make(&mut self, name: &str, width: usize, extent: Extent) -> Rows {
        let name = self.named(name);
        let max = match extent {
            Extent::Tokens => limits::WIDTH,
            Extent::Positions | Extent::Kept => self.graph.window,
        };
        self.expect(&name, limits::size("columns", width, max));
        let id = self.graph.rows.len();
        let rows = Rows {
            id,
            first: 0,
            width,
        };
        self.take(format!("%{name}"), Named::Rows(rows));
        if id >= limits::ROWS {
            self.refuse(&name, GraphFault::limit("rows", limits::ROWS));
        }
        if self.fault.is_none() {
            self.graph.rows.push(RowsInfo {
                name,
                width,
                extent,
            });
        }
        rows
    }

    /// Makes a state of `elems` values, zeros at first.
    pub fn state(&mut self, name: &str, elems: usize) -> StateId {
        self.remember(name, 1, elems, false)
    }

    /// Makes a cache of `rows` rows, each with `width` values for every position that attention looks back.
    pub fn cache(&mut self, name: &str, rows: usize, width: usize) -> StateId {
        self.remember(name, rows, width, true)
    }

    fn remember(&mut self, name: &str, rows: usize, width: usize, cache: bool) -> StateId {
        let name = self.named(name);
        if matches!(self.place, Place::Head | Place::Nowhere) {
            self.refuse(&name, GraphFault::StateInHead);
        }
        let elems = rows.saturating_mul(width);
        if elems > limits::STATE {
            self.refuse(&name, GraphFault::limit("elements", limits::STATE));
        }
        let id = self.graph.states.len();
        self.take(name.clone(), Named::State(StateId(id)));
        if id >= limits::PARAMS {
            self.refuse(&name, GraphFault::limit("states", limits::PARAMS));
        }
        if self.fault.is_none() {
            self.graph.states.push(StateInfo {
                name,
                rows,
                width,
                cache,
            });
            self.record(Item::State(id));
        }
        StateId(id)
    }

    /// Runs statements over operands, in one pass: rows have a value for each token and channel, parameters one for each
    /// channel, and states one that a token leaves to the next. What is narrower than the widest operand, by a whole
    /// factor, has a value for each head.
    ///
    /// `docs/graph.md` says what statements there are.
    pub fn map(&mut self, name: &str, body: &str, operands: &[(&str, Arg)]) {
        match body.parse() {
            Ok(body) => self.map_body(name, body, operands),
            Err(fault) => self.refuse(name, GraphFault::from(fault)),
        }
    }

    pub(super) fn map_body(&mut self, name: &str, body: Body, operands: &[(&str, Arg)]) {
        match self.expr(body, operands) {
            Ok(expr) => {
                let expr = self.shared(expr);
                let call = self.push(name, What::Map(expr));
                for (name, arg) in operands {
                    call.arg((*name).to_owned(), *arg);
                }
            }
            Err(fault) => self.refuse(name, fault),
        }
    }

    /// An expression that many calls may have, once.
    fn shared(&mut self, expr: Expr) -> Arc<Expr> {
        if let Some(known) = self.exprs.get(&expr) {
            return Arc::clone(known);
        }
        let expr = Arc::new(expr);
        self.exprs.insert(Arc::clone(&expr));
        expr
    }

    fn expr(&self, body: Body, operands: &[(&str, Arg)]) -> Result<Expr, GraphFault> {
        let known = |arg: &Arg| match *arg {
            Arg::Rows(rows) => rows.id < self.graph.rows.len(),
            Arg::Param(id) => id.0 < self.graph.params.len(),
            Arg::State(id) => id.0 < self.graph.states.len(),
        };
        let foreign = || GraphFault::Foreign { what: "operand" };
        let all_known = operands.iter().all(|(_, arg)| known(arg));
        all_known.then_some(()).ok_or_else(foreign)?;
        let elems = operands.iter().map(|(_, arg)| self.graph.elems(*arg));
        let channels = elems.max().unwrap_or(0);
        self.widths(channels, operands)?;
        let operands = operands.iter().map(|(name, arg)| {
            let kind = match arg {
                Arg::Rows(_) => OperandKind::Row,
                Arg::Param(_) => OperandKind::Gain,
                Arg::State(_) => OperandKind::State,
            };
            let operand = Operand::new(*name, kind);
            let elems = self.graph.elems(*arg);
            let is_shared = elems < channels && elems > 0 && channels.is_multiple_of(elems);
            match is_shared {
                true => operand.per_head(),
                false => operand,
            }
        });
        Ok(Expr::new(operands.collect(), body)?)
    }

    /// Operands of a map have as many elements as the widest, or one number of heads that divides it.
    fn widths(&self, channels: usize, operands: &[(&str, Arg)]) -> Result<(), GraphFault> {
        let mut heads = None;
        for (name, arg) in operands {
            let found = self.graph.elems(*arg);
            if found == channels {
                continue;
            }
            let first = *heads.get_or_insert(found);
            if found != first || found == 0 || !channels.is_multiple_of(found) {
                return Err(GraphFault::Heads {
                    operand: (*name).to_owned().into(),
                    channels,
                    heads: (found != first).then_some(first),
                    found,
                });
            }
        }
        Ok(())
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

    pub(super) fn push(&mut self, name: &str, what: What) -> &mut Call {
        let call = Call::new(self.named(name), what);
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
    pub(super) fn begin_each_token(&mut self) -> usize {
        if self.place != Place::Block {
            self.refuse("each token", GraphFault::Nested);
        }
        if self.fault.is_none() {
            self.graph.body.push(Part::new(true));
            self.place = Place::EachToken;
        }
        self.graph.body.len().saturating_sub(1)
    }

    pub(super) fn end_each_token(&mut self, part: usize) {
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

    pub(super) fn begin_head(&mut self) {
        if self.place != Place::Block || self.in_scope() {
            self.refuse(HEAD, GraphFault::Nested);
        }
        self.record(Item::HeadStart);
        self.place = Place::Head;
    }

    pub(super) fn end_head(&mut self, logits: Option<Rows>) {
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
