//! A graph that looks back more or fewer positions.

use super::cache::block_of;
use super::check::limits;
use super::{DimValue, Extent, Graph, What};
use atome_spec::Op;

impl Graph {
    /// The most positions that it may be made to look back; `None` if it looks back none, or chooses among them, so that their
    /// number is part of the model.
    pub(crate) fn most_positions(&self) -> Option<usize> {
        let chooses = self.rows.iter().any(|rows| rows.extent != Extent::Tokens);
        let looks_back = self.max_seq().is_some();
        (looks_back && !chooses).then_some(limits::WINDOW)
    }

    /// The same with another number of positions, of a graph that allows it: from 1 to the most.
    pub(crate) fn with_window(&self, positions: usize) -> Graph {
        let mut graph = self.clone();
        graph.window = positions;
        for call in graph.body.iter_mut().flat_map(|part| &mut part.calls) {
            let What::Kernel(op, _) = call.what else {
                continue;
            };
            let capacity = match op {
                Op::KvAppend | Op::AttendAppend | Op::AttendAppendF16 => 2,
                Op::Attend | Op::AttendF16 => 3,
                _ => continue,
            };
            let positions = positions.next_multiple_of(block_of(op));
            call.dims[capacity] = DimValue::Const(positions as u64);
        }
        graph
    }
}
