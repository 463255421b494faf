//! How caches lie in memory, which the calls that use them tell.

use super::fault::GraphFault;
use super::{Arg, Call, Graph, StateInfo, What};
use atome_spec::numerics::ATTEND_CHUNK;
use atome_spec::{CacheType, LANES, Op};
use std::fmt;
use std::sync::Arc;

/// How a cache lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheLayout {
    /// Keys in blocks of 16 positions, values position by position.
    Blocks,
    /// Keys head by head, as `attend` reads them.
    Keys(Heads),
    /// Such values.
    Values(Heads),
}

/// What is cached of heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Elements of a head.
    pub(crate) head_dim: usize,
    pub(crate) held: CacheType,
}

impl CacheLayout {
    /// What a call makes of a cache, if it has any.
    fn of(call: &Call, operand: &str) -> Result<Option<CacheLayout>, GraphFault> {
        Ok(match call.what {
            What::Kernel(Op::KvAppend | Op::AttnScores | Op::AttnMix, _) => {
                Some(CacheLayout::Blocks)
            }
            What::Kernel(op, _) => match held(op) {
                Some(held) => {
                    let head_dim = call.size_of("head_dim")?;
                    let heads = Heads { head_dim, held };
                    Some(match operand {
                        "keys" => CacheLayout::Keys(heads),
                        _ => CacheLayout::Values(heads),
                    })
                }
                None => None,
            },
            _ => None,
        })
    }

    /// What the caches of heads hold.
    pub(crate) fn held(self) -> Option<CacheType> {
        match self {
            CacheLayout::Blocks => None,
            CacheLayout::Keys(heads) | CacheLayout::Values(heads) => Some(heads.held),
        }
    }

    /// Positions for which a cache has room that looks back over so many: whole blocks of them.
    pub(crate) const fn capacity(self, window: usize) -> usize {
        window.next_multiple_of(match self {
            CacheLayout::Blocks => LANES,
            CacheLayout::Keys(_) | CacheLayout::Values(_) => ATTEND_CHUNK,
        })
    }
}

/// What the caches of an op of attention by heads hold.
pub(super) const fn held(op: Op) -> Option<CacheType> {
    match op {
        Op::AttendAppend | Op::Attend => Some(CacheType::F32),
        Op::AttendAppendF16 | Op::AttendF16 => Some(CacheType::F16),
        _ => None,
    }
}

/// Positions of which an op's caches have whole blocks.
pub(super) const fn block_of(op: Op) -> usize {
    match held(op) {
        Some(_) => ATTEND_CHUNK,
        None => LANES,
    }
}

impl Heads {
    /// Words that the keys of a position take, of all heads with so many elements.
    pub(super) fn key_words(self, elems: usize) -> usize {
        let of_one = self.held.key_words(self.head_dim);
        self.heads(elems).saturating_mul(of_one)
    }

    /// Words that the values of a position take.
    pub(super) fn value_words(self, elems: usize) -> usize {
        let of_one = self.held.value_words(self.head_dim);
        self.heads(elems).saturating_mul(of_one)
    }

    fn heads(self, elems: usize) -> usize {
        elems.checked_div(self.head_dim).unwrap_or(0)
    }
}

impl fmt::Display for CacheLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, Heads { head_dim, held }) = match *self {
            CacheLayout::Blocks => return f.write_str("as `kv_append` leaves it"),
            CacheLayout::Keys(heads) => ("keys", heads),
            CacheLayout::Values(heads) => ("values", heads),
        };
        let op = match held {
            CacheType::F32 => Op::AttendAppend,
            CacheType::F16 => Op::AttendAppendF16,
        };
        write!(
            f,
            "as the {what} that `{op}` leaves with heads of {head_dim}"
        )
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
        for (operand, arg) in &call.args {
            let &Arg::State(id) = arg else { continue };
            let Some(layout) = CacheLayout::of(call, operand)? else {
                continue;
            };
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
