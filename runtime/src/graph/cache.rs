//! How caches lie in memory, which the calls that use them tell.

use super::fault::GraphFault;
use super::{Arg, Call, Graph, StateInfo, What};
use atome_spec::numerics::ATTEND_CHUNK;
use atome_spec::{LANES, Op};
use std::sync::Arc;

/// How a cache lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheLayout {
    /// Keys in blocks of 16 positions, values position by position.
    Blocks,
    /// Head by head, as `attend` reads it.
    Heads {
        /// Elements of a head.
        head_dim: usize,
    },
}

impl CacheLayout {
    /// What a call makes of its caches, if it has any.
    fn of(call: &Call) -> Result<Option<CacheLayout>, GraphFault> {
        Ok(match call.what {
            What::Kernel(Op::KvAppend | Op::AttnScores | Op::AttnMix, _) => {
                Some(CacheLayout::Blocks)
            }
            What::Kernel(Op::AttendAppend | Op::Attend, _) => Some(CacheLayout::Heads {
                head_dim: call.size_of("head_dim")?,
            }),
            _ => None,
        })
    }

    /// Positions for which a cache has room that looks back over so many: whole blocks of them.
    pub(crate) const fn capacity(self, window: usize) -> usize {
        let block = match self {
            CacheLayout::Blocks => LANES,
            CacheLayout::Heads { .. } => ATTEND_CHUNK,
        };
        window.next_multiple_of(block)
    }
}

impl std::fmt::Display for CacheLayout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CacheLayout::Blocks => f.write_str("as `kv_append` leaves it"),
            CacheLayout::Heads { head_dim } => {
                write!(f, "as `attend_append` leaves it with heads of {head_dim}")
            }
        }
    }
}

/// By the number of a state, how it lies, and the first call that tells.
pub(super) struct Layouts(Vec<Option<(CacheLayout, Arc<str>)>>);

impl Layouts {
    pub(super) fn new(graph: &Graph) -> Layouts {
        Layouts(vec![None; graph.states.len()])
    }

    /// A call uses its caches.
    ///
    /// # Errors
    /// If another call has one of them otherwise.
    pub(super) fn read(&mut self, graph: &Graph, call: &Call) -> Result<(), GraphFault> {
        let Some(layout) = CacheLayout::of(call)? else {
            return Ok(());
        };
        for (operand, arg) in &call.args {
            let &Arg::State(id) = arg else { continue };
            let (found, by) = self.0[id.0].get_or_insert_with(|| (layout, Arc::clone(&call.name)));
            if *found != layout {
                return Err(GraphFault::Layout {
                    operand: operand.clone(),
                    state: graph.states[id.0].name.clone(),
                    expected: layout.to_string(),
                    by: by.to_string(),
                    found: found.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Tells the states.
    pub(super) fn assign(self, states: &mut [StateInfo]) {
        for (state, found) in states.iter_mut().zip(self.0) {
            if let (Some(layout), Some((found, _))) = (&mut state.cache, found) {
                *layout = found;
            }
        }
    }
}
