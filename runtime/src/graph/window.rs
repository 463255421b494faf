//! A graph that looks back more or fewer positions.

use super::check::limits;
use super::{DimValue, Extent, Graph, What};
use atome_spec::numerics::ATTEND_CHUNK;
use atome_spec::{LANES, Op};

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
        let capacity = |block: usize| DimValue::Const(positions.next_multiple_of(block) as u64);
        for call in graph.body.iter_mut().flat_map(|part| &mut part.calls) {
            match call.what {
                What::Kernel(Op::KvAppend, _) => call.dims[2] = capacity(LANES),
                What::Kernel(Op::AttendAppend, _) => call.dims[2] = capacity(ATTEND_CHUNK),
                What::Kernel(Op::Attend, _) => call.dims[3] = capacity(ATTEND_CHUNK),
                _ => {}
            }
        }
        graph
    }
}
