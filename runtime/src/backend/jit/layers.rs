//! Layers, compiled once: calls that come again with other addresses and scales are a loop over
//! a table of these, so a model's code does not grow with its depth.

use super::entry::{Node, Step};
use crate::backend::frame::Placed;

/// Most parts of an entry point that are looked at as a layer.
const MAX_PERIOD: usize = 256;

/// A layer, and how often it comes in a row.
pub(super) struct Layers<'n> {
    /// The parts of the first layer, which stand for those of all.
    pub nodes: &'n [Node],
    pub times: usize,
    /// The numbers of the layer's calls, in the order of [`numbers`].
    pub numbers: Vec<Number>,
    /// A row of columns for each layer.
    pub table: Box<[u64]>,
    pub columns: usize,
}

/// An operand's offset, or the bits of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// The same in every layer.
    Same(u64),
    /// In this column of the table.
    Column(usize),
}

/// The parts of an entry point as layers; what comes once is a layer of its own.
pub(super) fn layers(nodes: &[Node]) -> Vec<Layers<'_>> {
    let shapes = shapes(nodes);
    let (mut found, mut start) = (Vec::new(), 0);
    while start < nodes.len() {
        let (period, times) = repetition(&shapes[start..]);
        let end = start + period * times;
        found.push(Layers::new(&nodes[start..end], period));
        start = end;
    }
    found
}

impl<'n> Layers<'n> {
    fn new(nodes: &'n [Node], period: usize) -> Layers<'n> {
        let layers: Vec<Vec<u64>> = nodes
            .chunks_exact(period)
            .map(|layer| layer.iter().flat_map(numbers).collect())
            .collect();
        let first = &layers[0];
        let varies = |i: &usize| layers.iter().any(|layer| layer[*i] != first[*i]);
        let varying: Vec<usize> = (0..first.len()).filter(varies).collect();
        let number = |i| match varying.binary_search(&i) {
            Ok(column) => Number::Column(column),
            Err(_) => Number::Same(first[i]),
        };
        let row = |layer: &Vec<u64>| varying.iter().map(|i| layer[*i]).collect::<Vec<u64>>();
        Layers {
            nodes: &nodes[..period],
            times: layers.len(),
            numbers: (0..first.len()).map(number).collect(),
            table: layers.iter().flat_map(row).collect(),
            columns: varying.len(),
        }
    }
}

/// The period and the count of the repetition from the start on that covers most.
fn repetition(shapes: &[usize]) -> (usize, usize) {
    let times = |period: usize| {
        let pairs = shapes.iter().zip(&shapes[period..]);
        1 + pairs.take_while(|(a, b)| a == b).count() / period
    };
    let periods = 1..=MAX_PERIOD.min(shapes.len() / 2);
    let found = periods.rev().map(|period| (period, times(period)));
    found
        .filter(|(_, times)| *times > 1)
        .max_by_key(|(period, times)| period * times)
        .unwrap_or((1, 1))
}

/// A number for each part, equal where one can stand for another.
fn shapes(nodes: &[Node]) -> Vec<usize> {
    let mut known: Vec<&Node> = Vec::new();
    let shape = |node| match known.iter().position(|other| alike(node, other)) {
        Some(shape) => shape,
        None => {
            known.push(node);
            known.len() - 1
        }
    };
    nodes.iter().map(shape).collect()
}

/// The numbers of a part's calls, in the order in which the calls are emitted.
fn numbers(node: &Node) -> impl Iterator<Item = u64> {
    node.calls().iter().flat_map(|step| {
        let (operands, scalars): (Vec<&Placed>, &[f32]) = match step {
            Step::Kernel(call) => (call.operands.iter().collect(), &call.scalars),
            Step::TopK(top) => (vec![&top.scores, &top.chosen, &top.picked], &[]),
        };
        let offsets = operands.into_iter().map(|operand| operand.offset as u64);
        offsets.chain(scalars.iter().map(|s| u64::from(s.to_bits())))
    })
}

/// Whether two parts differ in their numbers at most.
fn alike(a: &Node, b: &Node) -> bool {
    let same_kind = matches!(a, Node::Block(_)) == matches!(b, Node::Block(_));
    let (a, b) = (a.calls(), b.calls());
    same_kind && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| steps_alike(a, b))
}

fn steps_alike(a: &Step, b: &Step) -> bool {
    let place = |o: &Placed| (o.base, o.row, o.row_bytes);
    let placed = |a: &Placed, b: &Placed| place(a) == place(b);
    match (a, b) {
        (Step::Kernel(a), Step::Kernel(b)) => {
            a.function == b.function
                && a.shared == b.shared
                && a.map == b.map
                && a.dims == b.dims
                && a.scalars.len() == b.scalars.len()
                && a.operands.len() == b.operands.len()
                && a.operands
                    .iter()
                    .zip(&b.operands)
                    .all(|(a, b)| placed(a, b))
        }
        (Step::TopK(a), Step::TopK(b)) => {
            a.k == b.k
                && placed(&a.scores, &b.scores)
                && placed(&a.chosen, &b.chosen)
                && placed(&a.picked, &b.picked)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repetition_that_covers_most_is_found() {
        for (shapes, found) in [
            (&[][..], (1, 1)),
            (&[1], (1, 1)),
            (&[1, 2, 3], (1, 1)),
            (&[1, 1, 1, 2], (1, 3)),
            (&[1, 2, 1, 2, 1], (2, 2)),
            (&[1, 1, 2, 1, 1, 2, 1, 1, 2, 3], (3, 3)),
            (&[1, 2, 1, 2, 1, 2, 1, 2], (2, 4)),
        ] {
            assert_eq!(repetition(shapes), found, "{shapes:?}");
        }
    }
}
