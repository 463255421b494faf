//! Maps that follow each other become one: what one leaves for the next stays in registers, and what nobody else reads
//! is not stored. Only maps of one layer do, so that layers that are alike stay so.

#[cfg(test)]
mod tests;

use super::dims::Dims;
use super::{Arg, Call, Graph, Name, Part, Rows, What};
use atome_codegen::expr::{Expr, Origin};
use atome_codegen::ir::Access;
use atome_spec::Op;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Calls that may stand between two maps that become one.
const BETWEEN: usize = 4;
/// Operations of a map beyond which a CPU no longer overlaps enough of its vectors to hide how long each takes: two passes
/// are faster then.
const MOST_OPERATIONS: usize = 48;
/// Expressions that a graph may have more than it was recorded with: each is compiled by itself.
const MOST_EXPRS: usize = 256;

impl Graph {
    /// The same with maps as one where that keeps every bit, and the names of each.
    pub(crate) fn fused(&self) -> (Graph, Vec<String>) {
        let mut fuse = Fuse {
            graph: self,
            touches: vec![0; self.rows.len()],
            exprs: BTreeSet::new(),
            pairs: BTreeMap::new(),
            fused: Vec::new(),
        };
        for id in self.calls().flat_map(touched) {
            fuse.touches[id] += 1;
        }
        let outside = [
            Some(self.ids),
            self.angles.map(|angles| angles.rows),
            self.logits,
            self.output,
        ];
        for rows in outside.into_iter().flatten() {
            fuse.touches[rows.id] += 1;
        }
        let mut body: Vec<Part> = Vec::new();
        for run in self.body.chunk_by(|a, b| !a.each_token && !b.each_token) {
            match run {
                [part] => body.push(part.clone()),
                run => {
                    let calls = run.iter().flat_map(|part| part.calls.iter().cloned());
                    let calls = fuse.calls(calls.collect()).into_iter();
                    body.extend(calls.map(|call| Part {
                        each_token: false,
                        calls: vec![call],
                    }));
                }
            }
        }
        let head = fuse.calls(self.head.clone());
        let fused = fuse.fused;
        let graph = Graph {
            body,
            head,
            log: Vec::new(),
            ..self.clone()
        };
        (graph, fused)
    }
}

struct Fuse<'g> {
    graph: &'g Graph,
    /// By the number of the rows, calls that touch them, and whoever else does.
    touches: Vec<usize>,
    /// Expressions that were made: those of alike layers are one.
    exprs: BTreeSet<Arc<Expr>>,
    /// What two expressions were found to be together.
    pairs: BTreeMap<Pair, Option<Whole>>,
    fused: Vec<String>,
}

/// Two expressions by where they are in memory, the operands that they share, and those of the first that nobody else
/// reads.
type Pair = ([usize; 2], Vec<Option<usize>>, Vec<bool>);

/// An expression made of two, and where its operands come from.
type Whole = (Arc<Expr>, Arc<[Origin]>);

/// A call, and whether it is several.
struct Kept {
    call: Call,
    is_fused: bool,
}

impl Fuse<'_> {
    /// Calls over all tokens, in order.
    fn calls(&mut self, calls: Vec<Call>) -> Vec<Call> {
        let mut kept: Vec<Kept> = Vec::with_capacity(calls.len());
        for call in calls {
            match self.earlier(&kept, &call) {
                Some((at, fused)) => {
                    self.forget(&kept[at].call, &call, &fused);
                    kept[at] = Kept {
                        call: fused,
                        is_fused: true,
                    };
                }
                None => kept.push(Kept {
                    call,
                    is_fused: false,
                }),
            }
        }
        let fused = kept.iter().filter(|kept| kept.is_fused);
        self.fused
            .extend(fused.map(|kept| kept.call.name.to_string()));
        kept.into_iter().map(|kept| kept.call).collect()
    }

    /// The map that a call can become one with, by its place among those before it, and what they are together.
    fn earlier(&mut self, before: &[Kept], call: &Call) -> Option<(usize, Call)> {
        let What::Map(_) = call.what else {
            return None;
        };
        for (at, earlier) in before.iter().enumerate().rev().take(1 + BETWEEN) {
            let earlier = &earlier.call;
            if let Some(fused) = self.both(earlier, call) {
                return Some((at, fused));
            }
            // What stands between them has to do with nothing of the second one.
            if overlap(earlier, call) {
                return None;
            }
        }
        None
    }

    /// Two maps as one.
    fn both(&mut self, first: &Call, second: &Call) -> Option<Call> {
        let (What::Map(of_first), What::Map(of_second)) = (&first.what, &second.what) else {
            return None;
        };
        // Tokens, and channels or heads and their channels.
        let counts = if of_first.has_heads() { 3 } else { 2 };
        if of_first.has_heads() != of_second.has_heads()
            || !in_one_layer(first, second)
            || first.dims[..counts] != second.dims[..counts]
        {
            return None;
        }
        let place = |arg: &Arg| first.args.iter().position(|(_, first)| first == arg);
        let shared: Vec<Option<usize>> = second.args.iter().map(|(_, arg)| place(arg)).collect();
        // Without rows in common there is nothing to gain.
        let common = second.args.iter().zip(&shared);
        let mut common = common.filter(|(_, shared)| shared.is_some());
        if !common.any(|((_, arg), _)| matches!(arg, Arg::Rows(_))) || apart(first, second) {
            return None;
        }
        let gone = |(_, arg): &(Name, Arg)| match *arg {
            Arg::Rows(Rows { id, .. }) => {
                touched(second).any(|touched| touched == id) && self.touches[id] == 2
            }
            Arg::Param(_) | Arg::State(_) => false,
        };
        let gone: Vec<bool> = first.args.iter().map(gone).collect();
        let (expr, origins) = self.whole([of_first, of_second], shared, gone)?;
        let arg = |origin: &Origin| match *origin {
            Origin::First(number) => first.args[number].1,
            Origin::Second(number) => second.args[number].1,
        };
        let names = expr.operands().iter();
        let names = names.map(|operand| Name::Owned(operand.name.clone()));
        let args: Vec<(Name, Arg)> = names.zip(origins.iter().map(arg)).collect();
        if !has_rows_of_its_own(&expr, &args) {
            return None;
        }
        let name = format!("{} + {}", first.name, second.name);
        let mut call = Call::new(name.into(), What::Map(Arc::clone(&expr)));
        call.args = args;
        let dims = Dims {
            graph: self.graph,
            each_token: false,
        };
        call.dims = dims.of_map(&call, &expr).ok()?;
        Some(call)
    }

    /// Two calls touch their rows no longer, but what they became does.
    fn forget(&mut self, first: &Call, second: &Call, fused: &Call) {
        for id in touched(first).chain(touched(second)) {
            self.touches[id] -= 1;
        }
        for id in touched(fused) {
            self.touches[id] += 1;
        }
    }

    /// Two expressions as one, if it is worth a call.
    fn whole(
        &mut self,
        of: [&Arc<Expr>; 2],
        shared: Vec<Option<usize>>,
        gone: Vec<bool>,
    ) -> Option<Whole> {
        // Whatever is in the graph or was made stays where it is.
        let pair = (of.map(|expr| Arc::as_ptr(expr) as usize), shared, gone);
        if let Some(known) = self.pairs.get(&pair) {
            return known.clone();
        }
        let (_, shared, gone) = &pair;
        let [first, second] = of;
        let fused = first.then(second, shared, |number| gone[number]);
        let fused = fused.filter(|fused| operations(&fused.expr) <= MOST_OPERATIONS);
        let whole = fused.and_then(|fused| {
            let expr = self.shared(fused.expr)?;
            Some((expr, Arc::from(fused.origins)))
        });
        self.pairs.insert(pair, whole.clone());
        whole
    }

    /// An expression, if it was made before or may be one more.
    fn shared(&mut self, expr: Expr) -> Option<Arc<Expr>> {
        if let Some(known) = self.exprs.get(&expr) {
            return Some(Arc::clone(known));
        }
        let expr = (self.exprs.len() < MOST_EXPRS).then(|| Arc::new(expr))?;
        self.exprs.insert(Arc::clone(&expr));
        Some(expr)
    }
}

fn rows(call: &Call) -> impl Iterator<Item = Rows> + '_ {
    call.args.iter().filter_map(|(_, arg)| match arg {
        Arg::Rows(rows) => Some(*rows),
        Arg::Param(_) | Arg::State(_) => None,
    })
}

/// The numbers of the rows that a call touches, each once.
fn touched(call: &Call) -> impl Iterator<Item = usize> {
    let ids: BTreeSet<usize> = rows(call).map(|rows| rows.id).collect();
    ids.into_iter()
}

/// About as many operations as an expression takes for a vector.
fn operations(expr: &Expr) -> usize {
    let steps = expr.chain().steps.iter();
    let of_step = |op| match op {
        Op::Exp | Op::Tanh | Op::Softplus | Op::Silu | Op::Sigmoid => 28,
        // With what makes every NaN the same one.
        _ => 2,
    };
    steps.map(|step| of_step(step.op)).sum()
}

/// Whether rows that are written are no other operand's too, as kernels want it.
fn has_rows_of_its_own(expr: &Expr, args: &[(Name, Arg)]) -> bool {
    let id = |(_, arg): &(Name, Arg)| match arg {
        Arg::Rows(rows) => Some(rows.id),
        Arg::Param(_) | Arg::State(_) => None,
    };
    let mut written = (0..args.len()).filter(|i| expr.access(*i) != Access::In);
    written.all(|i| {
        let others = args.iter().enumerate().filter(|(other, _)| *other != i);
        id(&args[i]).is_none_or(|own| others.map(|(_, arg)| id(arg)).all(|o| o != Some(own)))
    })
}

fn states(call: &Call) -> impl Iterator<Item = Arg> + '_ {
    let args = call.args.iter().map(|(_, arg)| *arg);
    args.filter(|arg| matches!(arg, Arg::State(_)))
}

impl Rows {
    fn overlaps(self, other: Rows) -> bool {
        let end = |rows: Rows| rows.first + rows.width;
        self.id == other.id && self.first < end(other) && other.first < end(self)
    }
}

/// Whether one of two calls is in the innermost scope of the other, and both are in some or in none.
fn in_one_layer(first: &Call, second: &Call) -> bool {
    let [first, second] = [first, second].map(|call| {
        // Of several calls the first one tells.
        let name = call.name.split(' ').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(scope, _)| scope)
    });
    let within = |scope: &str, outer: &str| {
        let rest = scope.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let both = !first.is_empty() && !second.is_empty();
    first == second || both && (within(first, second) || within(second, first))
}

/// Whether two calls have columns or a state in common.
fn overlap(first: &Call, second: &Call) -> bool {
    let overlapping = |a: Rows| rows(second).any(|b| a.overlaps(b));
    let remembered = |a: Arg| states(second).any(|b| a == b);
    rows(first).any(overlapping) || states(first).any(remembered)
}

/// Whether a token's channel of one map is another one of the other's: they have columns in common, but do not begin at the same
/// one, or each leaves a state to the other.
fn apart(first: &Call, second: &Call) -> bool {
    let shifted = |a: Rows| rows(second).any(|b| a != b && a.overlaps(b));
    let remembered = |a: Arg| states(second).any(|b| a == b);
    rows(first).any(shifted) || states(first).any(remembered)
}
