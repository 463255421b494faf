//! Operands and scalars of a call by name: those that its op has, once each, in its order.

use super::super::fault::GraphFault;
use super::super::{Arg, Call, Extent, Graph, Name, Rows, Scalar};
use super::call::Used;
use crate::tensor::Kind;
use atome_codegen::ir::Access;

/// Puts operands and scalars into the order of the op; there are those that it has, once each, of this graph.
pub(super) fn arguments(
    graph: &Graph,
    call: &mut Call,
    (buffers, scalars, sizes): (&[Name], &[Name], &[Name]),
) -> Result<(), GraphFault> {
    order(&mut call.args, buffers)?;
    order(&mut call.scalars, scalars)?;
    order(&mut call.sizes, sizes)?;
    for &(_, arg) in &call.args {
        let known = |known: bool, what| match known {
            true => Ok(()),
            false => Err(GraphFault::Foreign { what }),
        };
        match arg {
            Arg::Param(id) => known(id.0 < graph.params.len(), "parameter")?,
            Arg::State(id) => known(id.0 < graph.states.len(), "state")?,
            Arg::Rows(rows) => {
                known(rows.id < graph.rows.len(), "row")?;
                columns(graph, rows)?;
            }
        }
    }
    Ok(())
}

fn order<T: Copy>(given: &mut Vec<(Name, T)>, names: &[Name]) -> Result<(), GraphFault> {
    if given.iter().map(|(name, _)| name).eq(names) {
        return Ok(());
    }
    let extra = |name: &Name, twice| GraphFault::Extra {
        name: name.to_string(),
        expected: listed(names),
        twice,
    };
    for (i, (name, _)) in given.iter().enumerate() {
        let before = given[..i].iter().any(|(other, _)| other == name);
        if before || !names.contains(name) {
            return Err(extra(name, before));
        }
    }
    let find = |name: &Name| {
        let found = given.iter().find(|(given, _)| given == name);
        let missing = || GraphFault::Missing { name: name.clone() };
        found.cloned().ok_or_else(missing)
    };
    *given = names.iter().map(find).collect::<Result<_, _>>()?;
    Ok(())
}

/// Names as a message has them.
pub(in crate::graph) fn listed(names: &[Name]) -> String {
    match names {
        [] => "nothing more".to_owned(),
        _ => format!("`{}`", names.join("`, `")),
    }
}

/// Columns are those of their rows; rows that are not of tokens are taken as a whole.
fn columns(graph: &Graph, rows: Rows) -> Result<(), GraphFault> {
    let info = &graph.rows[rows.id];
    let end = rows.first.saturating_add(rows.width);
    let whole = rows.width == info.width;
    let some = info.extent == Extent::Tokens && rows.width > 0 && end <= info.width;
    match whole && rows.first == 0 || some {
        true => Ok(()),
        false => Err(GraphFault::Columns {
            rows: info.name.clone(),
            width: info.width,
            first: rows.first,
            end,
        }),
    }
}

/// Numbers are finite; a scale is that of the call's own weights.
pub(super) fn scalars(graph: &Graph, call: &Call) -> Result<(), GraphFault> {
    for (name, scalar) in &call.scalars {
        let fault = |found| GraphFault::Scalar {
            name: name.clone(),
            expected: "a finite number, or the call's ternary weights for their scale",
            found,
        };
        match *scalar {
            Scalar::Value(x) if x.is_finite() => {}
            Scalar::Value(x) => return Err(fault(format!("{x:?}"))),
            Scalar::ScaleOf(id) => {
                let ternary = |id: usize| matches!(graph.params[id].kind, Kind::Ternary { .. });
                if !call.params().any(|read| read == id) || !ternary(id.0) {
                    let found = graph.params.get(id.0).map(|param| param.name.as_str());
                    return Err(fault(format!("`{}`", found.unwrap_or("no parameter"))));
                }
            }
        }
    }
    Ok(())
}

/// What is written is no other operand.
pub(super) fn apart(call: &Call, used: &[Used]) -> Result<(), GraphFault> {
    let same = |a: Arg, b: Arg| match (a, b) {
        (Arg::Rows(a), Arg::Rows(b)) => a.id == b.id,
        (a, b) => a == b,
    };
    for (i, ((name, written), used)) in call.args.iter().zip(used).enumerate() {
        let mut others = call.args.iter().enumerate().filter(|(j, _)| *j != i);
        if used.access != Access::In && others.any(|(_, (_, other))| same(*written, *other)) {
            let operand = name.clone();
            return Err(GraphFault::Shared { operand });
        }
    }
    Ok(())
}
