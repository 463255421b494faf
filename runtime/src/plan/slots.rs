//! Scratch tensors for the rows of a graph. Rows that are called alike in every layer, are as wide and are never in use
//! at the same time have the same tensor, so the calls of all layers differ in their parameters alone.

use super::declare::Declared;
use super::{Section, Tensor};
use crate::graph::{Arg, Call, Extent, Graph};
use std::collections::BTreeMap;

/// The tensors of a graph's rows.
pub(super) struct Slots {
    /// By the number of the rows; `None` for those that no call touches, and for the logits.
    tensors: Vec<Option<Tensor>>,
    /// By the number of the rows, whether the body writes or reads them.
    in_body: Vec<bool>,
}

/// The first and the last part in which rows are in use.
type Life = (usize, usize);

impl Slots {
    pub(super) fn new(graph: &Graph, block: usize, declared: &mut Declared<'_>) -> Slots {
        let mut lives = lives(graph);
        // What is there before the first call is in use from then on.
        let angles = graph.angles.map(|angles| angles.rows.id);
        if let Some((first, _)) = angles.and_then(|id| lives[id].as_mut()) {
            *first = 0;
        }
        let logits = graph.logits.map(|rows| rows.id);
        let mut used: Vec<(Life, usize)> = lives
            .iter()
            .enumerate()
            .filter(|(id, _)| Some(*id) != logits)
            .filter_map(|(id, life)| life.map(|life| (life, id)))
            .collect();
        used.sort_by_key(|&((first, _), id)| (first, id));
        let mut free: BTreeMap<_, Vec<(Tensor, usize)>> = BTreeMap::new();
        let mut tensors = vec![None; lives.len()];
        for ((first, last), id) in used {
            let rows = &graph.rows[id];
            let shape = match rows.extent {
                Extent::Tokens => (block, rows.width),
                Extent::Positions => (1, declared.capacity()),
                Extent::Kept => (1, rows.width),
            };
            if graph.output.is_some_and(|output| output.id == id) {
                tensors[id] = Some(declared.tensor(rows.local(), Section::Logits, shape));
                continue;
            }
            let alike = free.entry((rows.local(), shape)).or_default();
            let slot = match alike.iter_mut().find(|(_, busy)| *busy < first) {
                Some(slot) => slot,
                None => {
                    let tensor = declared.tensor(rows.local(), Section::Scratch, shape);
                    alike.push((tensor, last));
                    let new = alike.len() - 1;
                    &mut alike[new]
                }
            };
            slot.1 = last;
            tensors[id] = Some(slot.0);
        }
        let body = graph.body.len();
        let in_body = lives.iter().map(|life| life.is_some_and(|l| l.0 < body));
        Slots {
            tensors,
            in_body: in_body.collect(),
        }
    }

    /// The tensor of some rows, if a call touches them.
    pub(super) fn tensor(&self, id: usize) -> Option<Tensor> {
        self.tensors[id]
    }

    /// Whether rows come to the head from the body.
    pub(super) fn is_from_body(&self, id: usize) -> bool {
        self.in_body[id]
    }
}

fn lives(graph: &Graph) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; graph.rows.len()];
    let mut touch = |call: &Call, time: usize| {
        for (_, arg) in &call.args {
            if let Arg::Rows(rows) = arg {
                let (_, last) = lives[rows.id].get_or_insert((time, time));
                *last = time;
            }
        }
    };
    for (time, part) in graph.body.iter().enumerate() {
        part.calls.iter().for_each(|call| touch(call, time));
    }
    for (i, call) in graph.head.iter().enumerate() {
        touch(call, graph.body.len() + i);
    }
    lives
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;

    #[test]
    fn rows_called_alike_share_a_tensor_unless_both_are_in_use() {
        let mut g = Builder::new("test", 1);
        let x = g.embedding("embed", 8, 16);
        let product = |scope: &str, g: &mut Builder| g.scope(scope, |g| g.linear("w", x, 16));
        let (a, b) = (product("a", &mut g), product("b", &mut g));
        g.residual("sum", a, b);
        let c = product("c", &mut g);
        g.residual("last", c, x);
        g.head(|g| g.linear("head", x, 8));
        let graph = g.finish().expect("a graph");
        let slots = Slots::new(&graph, 4, &mut Declared::new(1));
        let [a, b, c] = [a, b, c].map(|rows| slots.tensor(rows.id).expect("they are used"));
        assert_ne!(a, b, "one would overwrite the other");
        assert_eq!(a, c, "nobody looks at `a` any more");
        let logits = graph.logits.expect("a head");
        assert_eq!(slots.tensor(logits.id), None);
        assert!(slots.is_from_body(x.id) && !slots.is_from_body(logits.id));
    }
}
