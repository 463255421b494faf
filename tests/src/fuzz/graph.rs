//! Texts of graphs: what is read prints, reads back, and runs.

use super::answers::agree;
use super::{choice, one_line};
use atome::Model;
use atome::checkpoint::Checkpoint;
use atome::graph::Graph;

/// The longest text that is read.
const MAX_TEXT_BYTES: usize = 32 << 10;
/// Sizes of a model that is run.
const MAX_NUMBERS: usize = 1 << 16;
const MAX_CALLS: usize = 120;

/// A graph as text.
pub(super) fn graph(data: &[u8]) -> bool {
    let text = match std::str::from_utf8(data) {
        Ok(text) if text.len() <= MAX_TEXT_BYTES => text,
        _ => return false,
    };
    let graph: Graph = match text.parse() {
        Ok(graph) => graph,
        Err(error) => return one_line(&error).is_empty(),
    };
    let printed = graph.to_string();
    assert_eq!(printed.parse(), Ok(graph.clone()), "{printed}");
    if !is_small(&graph) {
        return false;
    }
    let choice = choice(data);
    let model = Checkpoint::random(graph, None, u64::from(choice) % 7);
    if let Err(error) = agree(|options| Model::from_checkpoint(&model, options), choice) {
        panic!("a graph that was checked is refused: {error}\n{printed}");
    }
    true
}

/// Whether a model of a graph takes little time and memory.
pub(super) fn is_small(graph: &Graph) -> bool {
    graph.calls_per_token() <= MAX_CALLS
        && graph.parameters() <= MAX_NUMBERS
        && graph.remembered() <= MAX_NUMBERS
}
