//! Whether a recording is a graph: every call has what its op takes, and computes the same for a block of tokens as for one
//! token after the other.
//!
//! | file | what holds |
//! |---|---|
//! | `limits` | names, and how large a graph may be |
//! | `call` | a call has what its op takes |
//! | `arguments` | operands and scalars are those of the op, once each |
//! | `takes` | an operand is of the kind that the op takes |
//! | `sizes` | dimensions are such as the op takes, operands as long |
//! | `roles` | a ternary parameter is packed in one way |
//! | `flow` | what is read was written before, as what it is read as |
//! | `whole` | token ids in, logits out; what is remembered is in proportion to the parameters |
//!
//! It takes time in proportion to the length of the graph. What holds of a graph in this way is proved again of its plan.

mod arguments;
mod call;
mod flow;
pub(super) mod limits;
mod roles;
mod sizes;
mod takes;
#[cfg(test)]
mod tests;
mod whole;

use super::cache::Layouts;
use super::fault::{GraphError, GraphFault};
use super::{Arg, Call, Graph, Name, Rows, RowsInfo};
pub(super) use arguments::listed;

use call::Checker;
use flow::Flow;
use roles::Roles;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In this part of the body.
    Part {
        number: usize,
        each_token: bool,
    },
    Head,
}

impl Place {
    fn each_token(self) -> bool {
        matches!(self, Place::Part { each_token, .. } if each_token)
    }
}

/// The graph of a recording: with the dimensions of every call, the roles of ternary parameters, and operands in the order
/// of their kernels; rows are numbered in the order in which calls touch them.
///
/// # Errors
/// The first fault, in the order of the calls, with the number of its call if it is that of one.
pub(super) fn checked(mut graph: Graph) -> Result<Graph, (Option<usize>, GraphError)> {
    let mut body = std::mem::take(&mut graph.body);
    let mut head = std::mem::take(&mut graph.head);
    let mut checker = Checker::new(&graph);
    let (mut roles, mut flow) = (Roles::new(&graph), Flow::new(&graph));
    let mut layouts = Layouts::new(&graph);
    let in_body = body.iter_mut().enumerate().flat_map(|(number, part)| {
        let each_token = part.each_token;
        let place = Place::Part { number, each_token };
        part.calls.iter_mut().map(move |call| (place, call))
    });
    let in_head = head.iter_mut().map(|call| (Place::Head, call));
    for (number, (place, call)) in in_body.chain(in_head).enumerate() {
        let found = checker.check(call, place).and_then(|used| {
            roles.read(&graph, call, used)?;
            layouts.read(&graph, call)?;
            flow.run(&graph, call, used, place)
        });
        found.map_err(|fault| (Some(number), GraphError::new(&*call.name, fault)))?;
    }
    roles.assign(&mut graph.params);
    layouts.assign(&mut graph.states);
    (graph.body, graph.head) = (body, head);
    whole::check(&graph, &flow).map_err(|fault| (None, fault))?;
    number_rows(&mut graph);
    Ok(graph)
}

/// Numbers rows in the order in which calls touch them; others are left out.
fn number_rows(graph: &mut Graph) {
    let mut numbers: Vec<Option<usize>> = vec![None; graph.rows.len()];
    let mut rows: Vec<RowsInfo> = Vec::new();
    let mut number = |at: &mut Rows| {
        let number = numbers[at.id].get_or_insert_with(|| {
            let info = &mut graph.rows[at.id];
            rows.push(RowsInfo {
                name: std::mem::take(&mut info.name),
                ..*info
            });
            rows.len() - 1
        });
        at.id = *number;
    };
    number(&mut graph.ids);
    let body = graph.body.iter_mut().flat_map(|part| &mut part.calls);
    let calls: Vec<&mut Call> = body.chain(&mut graph.head).collect();
    for (_, arg) in calls.into_iter().flat_map(|call| &mut call.args) {
        if let Arg::Rows(rows) = arg {
            number(rows);
        }
    }
    let angles = graph.angles.as_mut().map(|angles| &mut angles.rows);
    let ports = [graph.logits.as_mut(), graph.output.as_mut(), angles];
    ports.into_iter().flatten().for_each(number);
    graph.rows = rows;
}

impl Graph {
    /// An operand of another kind than a call takes.
    pub(super) fn unfit(&self, operand: Name, expected: &'static str, found: Arg) -> GraphFault {
        let found = match found {
            Arg::Rows(rows) => format!("`%{}`", self.rows[rows.id].name),
            Arg::Param(id) => {
                let param = &self.params[id.0];
                format!("the parameter `{}`, {}", param.name, param.kind)
            }
            Arg::State(id) => format!("the state `{}`", self.states[id.0].name),
        };
        GraphFault::Kind {
            operand,
            expected,
            found,
        }
    }
}
