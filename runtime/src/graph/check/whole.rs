//! What holds of a graph as a whole.

use super::super::fault::{GraphError, GraphFault};
use super::super::{Arg, Call, Extent, Graph, Rows, What};
use super::flow::Flow;
use super::limits;
use crate::tensor::{Kind, Param};
use std::collections::{BTreeMap, BTreeSet};

/// Token ids come in, logits go out; memory is in proportion to the parameters.
pub(super) fn check(graph: &Graph, flow: &Flow) -> Result<(), GraphError> {
    let of_graph = |fault| GraphError::new(graph.name.as_str(), fault);
    vocabulary(graph)?;
    scales(graph)?;
    logits(graph, flow).map_err(of_graph)?;
    output(graph, flow).map_err(of_graph)?;
    kernels(graph).map_err(of_graph)?;
    state(graph).map_err(of_graph)?;
    scratch(graph).map_err(of_graph)
}

/// All tables have as many rows.
fn vocabulary(graph: &Graph) -> Result<(), GraphError> {
    let mut first: Option<(usize, &Call)> = None;
    for call in graph.calls().filter(|call| call.what == What::Lookup) {
        for id in call.params() {
            let (found, _) = graph.params[id.0].kind.matrix();
            let (expected, by) = *first.get_or_insert((found, call));
            if found != expected {
                let by = by.name.to_string();
                return Err(GraphError::new(
                    &*call.name,
                    GraphFault::Vocabulary {
                        expected,
                        by,
                        found,
                    },
                ));
            }
        }
    }
    match first {
        Some(_) => Ok(()),
        None => Err(GraphError::new(graph.name.as_str(), GraphFault::NoLookup)),
    }
}

/// A file has the scales of a table of int8 beside it.
fn scales(graph: &Graph) -> Result<(), GraphError> {
    let is_table = |param: &&Param| matches!(param.kind, Kind::Table { .. });
    let tables = graph.params.iter().filter(is_table);
    let taken: BTreeSet<String> = tables.map(|t| format!("{}.scales", t.name)).collect();
    match graph
        .params
        .iter()
        .find(|param| taken.contains(&param.name))
    {
        None => Ok(()),
        Some(param) => Err(GraphError::new(&param.name, GraphFault::ScalesOfTable)),
    }
}

/// The last call of the head writes them, and no call of the body touches them.
fn logits(graph: &Graph, flow: &Flow) -> Result<(), GraphFault> {
    let none = |found| Err(GraphFault::NoLogits { found });
    let (Some(logits), Some(last)) = (graph.logits, graph.head.last()) else {
        return none(None);
    };
    let Some(info) = graph.rows.get(logits.id) else {
        return Err(GraphFault::Foreign { what: "row" });
    };
    let name = &info.name;
    if flow.in_body[logits.id] {
        return none(Some(format!(", found that the body touches `%{name}`")));
    }
    let writes = last.args.iter().any(|(_, arg)| *arg == Arg::Rows(logits));
    let whole = logits.width == info.width && info.extent == Extent::Tokens;
    match writes && whole && flow.is_whole(logits) {
        true => Ok(()),
        false => none(Some(format!(", found `%{name}`"))),
    }
}

fn output(graph: &Graph, flow: &Flow) -> Result<(), GraphFault> {
    let whole =
        |rows: Rows| rows.id < graph.rows.len() && flow.in_body[rows.id] && flow.is_whole(rows);
    match graph.output.is_none_or(whole) {
        true => Ok(()),
        false => Err(GraphFault::NoOutput),
    }
}

/// Calls that are not alike are few, because each is compiled by itself.
fn kernels(graph: &Graph) -> Result<(), GraphFault> {
    let (max, calls) = (limits::KERNELS, graph.calls().count());
    if calls <= max {
        return Ok(());
    }
    let kernel = |call: &Call| {
        let width = |arg: &Arg| match arg {
            Arg::Rows(rows) => graph.rows[rows.id].width,
            Arg::Param(_) | Arg::State(_) => 0,
        };
        let widths: Vec<usize> = call.args.iter().map(|(_, arg)| width(arg)).collect();
        let what = match &call.what {
            What::Map(expr) => expr.to_string(),
            what => what.to_string(),
        };
        (what, call.dims.clone(), widths)
    };
    let kernels: BTreeSet<_> = graph.calls().map(kernel).collect();
    match kernels.len() <= max {
        true => Ok(()),
        false => Err(GraphFault::limit("calls of different ops or widths", max)),
    }
}

fn state(graph: &Graph) -> Result<(), GraphFault> {
    let sum = |sizes: &mut dyn Iterator<Item = usize>| sizes.fold(0, usize::saturating_add);
    let params = sum(&mut graph.params.iter().map(|param| param.kind.elems()));
    let most = params.saturating_mul(4).saturating_add(limits::SPARE_STATE);
    let states = graph.states.iter();
    let found = sum(&mut states.map(|state| state.rows.saturating_mul(state.width)));
    match found <= most {
        true => Ok(()),
        false => Err(GraphFault::State { most, found }),
    }
}

/// Rows that are called alike and as wide share memory, where they are not in use at the same time.
fn scratch(graph: &Graph) -> Result<(), GraphFault> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; graph.rows.len()];
    let parts = graph.body.iter().map(|part| part.calls.as_slice());
    let parts = parts.chain(graph.head.iter().map(std::slice::from_ref));
    for (time, calls) in parts.enumerate() {
        for (_, arg) in calls.iter().flat_map(|call| &call.args) {
            if let Arg::Rows(rows) = arg
                && graph.logits.is_none_or(|logits| logits.id != rows.id)
            {
                lives[rows.id].get_or_insert((time, time)).1 = time;
            }
        }
    }
    // Begins and ends of rows that may share: an end counts after what begins with it.
    let mut alike: BTreeMap<_, Vec<(usize, i64)>> = BTreeMap::new();
    for (info, life) in graph.rows.iter().zip(&lives) {
        if let Some((first, last)) = *life {
            let times = alike
                .entry((info.local(), info.extent, info.width))
                .or_default();
            times.extend([(2 * first, 1), (2 * last + 1, -1)]);
        }
    }
    let (mut slots, mut columns) = (0, 0usize);
    for ((_, _, width), mut times) in alike {
        times.sort_unstable();
        let (mut now, mut most) = (0, 0);
        for (_, change) in times {
            now += change;
            most = now.max(most);
        }
        slots += most as usize;
        columns = columns.saturating_add(width.saturating_mul(most as usize));
    }
    if slots > limits::SLOTS {
        return Err(GraphFault::limit("rows in use", limits::SLOTS));
    }
    match columns <= limits::SCRATCH {
        true => Ok(()),
        false => Err(GraphFault::limit("columns of rows in use", limits::SCRATCH)),
    }
}
