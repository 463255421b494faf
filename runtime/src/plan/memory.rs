//! Offsets of tensors: within the weights, within the constants, and within a slot of state,
//! logits and scratch. Scratch tensors that are never alive together share bytes.

use super::{Call, Operand, Section, Stage, Tensor, TensorInfo};
use crate::arena::Sizes;
use atome_spec::TENSOR_ALIGN_BYTES;

/// A tensor before it has a place.
#[derive(Debug)]
pub(crate) struct Unplaced {
    pub name: String,
    pub section: Section,
    pub bytes: usize,
}

/// Placed tensors and the sizes of the two parts.
#[derive(Debug)]
pub(crate) struct Memory {
    pub tensors: Vec<TensorInfo>,
    pub sizes: Sizes,
    pub state_bytes: usize,
}

/// The stages in which a scratch tensor's bytes are in use, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Live {
    first: usize,
    last: usize,
}

impl Live {
    fn meets(self, other: Live) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Places every tensor; those of `given` have their offsets.
pub(super) fn place(
    unplaced: Vec<Unplaced>,
    given: &[(Tensor, usize)],
    stages: &[Stage],
    head: &[Stage],
    rows_head: &[Stage],
) -> Memory {
    let live = liveness(&unplaced, stages, head, rows_head);
    let mut offsets = vec![0; unplaced.len()];
    let mut sizes = Sizes {
        weights: 0,
        constants: 0,
        slot: 0,
    };
    let sections = [
        Section::Weights,
        Section::Constants,
        Section::State,
        Section::Logits,
    ];
    for section in sections {
        let end = match section {
            Section::Weights => &mut sizes.weights,
            Section::Constants => &mut sizes.constants,
            _ => &mut sizes.slot,
        };
        for (tensor, offset) in unplaced.iter().zip(&mut offsets) {
            if tensor.section == section {
                *offset = *end;
                *end += round_up(tensor.bytes);
            }
        }
    }
    if !given.is_empty() {
        sizes.weights = 0;
    }
    for &(Tensor(i), offset) in given {
        offsets[i] = offset;
        sizes.weights = sizes.weights.max(offset + unplaced[i].bytes);
    }
    let state_bytes = sizes.slot;
    sizes.slot = place_scratch(&unplaced, &live, state_bytes, &mut offsets);
    let tensors = unplaced
        .into_iter()
        .zip(offsets)
        .map(
            |(
                Unplaced {
                    name,
                    section,
                    bytes,
                    ..
                },
                offset,
            )| TensorInfo {
                name,
                section,
                offset,
                bytes,
            },
        )
        .collect();
    Memory {
        tensors,
        sizes,
        state_bytes,
    }
}

/// First fit, the largest tensors first; gives the end of the slot.
fn place_scratch(
    unplaced: &[Unplaced],
    live: &[Option<Live>],
    start: usize,
    offsets: &mut [usize],
) -> usize {
    let mut order: Vec<(usize, Live)> = live
        .iter()
        .enumerate()
        .filter_map(|(i, l)| l.map(|l| (i, l)))
        .collect();
    order.sort_by_key(|&(i, _)| (std::cmp::Reverse(unplaced[i].bytes), i));
    let mut placed: Vec<(usize, usize, Live)> = Vec::new();
    let mut end = start;
    for (i, l) in order {
        let bytes = round_up(unplaced[i].bytes);
        let mut busy: Vec<(usize, usize)> = placed
            .iter()
            .filter(|p| p.2.meets(l))
            .map(|p| (p.0, p.1))
            .collect();
        busy.sort_unstable();
        let mut at = start;
        for (from, to) in busy {
            if at + bytes <= from {
                break;
            }
            at = at.max(to);
        }
        offsets[i] = at;
        placed.push((at, at + bytes, l));
        end = end.max(at + bytes);
    }
    end
}

/// The two heads both follow the stages, and never each other.
fn liveness(
    unplaced: &[Unplaced],
    stages: &[Stage],
    head: &[Stage],
    rows_head: &[Stage],
) -> Vec<Option<Live>> {
    let mut live: Vec<Option<Live>> = vec![None; unplaced.len()];
    let mut touch = |tensor: Tensor, time: usize| {
        if unplaced[tensor.0].section == Section::Scratch {
            let entry = live[tensor.0].get_or_insert(Live {
                first: time,
                last: time,
            });
            entry.first = entry.first.min(time);
            entry.last = entry.last.max(time);
        }
    };
    for last in [head, rows_head] {
        for (time, stage) in stages.iter().chain(last).enumerate() {
            for call in stage.calls() {
                for operand in operands(call) {
                    touch(operand.tensor, time);
                }
            }
        }
    }
    live
}

fn operands(call: &Call) -> Vec<Operand> {
    match call {
        Call::Kernel(kernel) => kernel.operands.clone(),
        Call::TopK(top) => vec![top.scores, top.chosen, top.picked],
    }
}

fn round_up(bytes: usize) -> usize {
    bytes.next_multiple_of(TENSOR_ALIGN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str, bytes: usize) -> Unplaced {
        Unplaced {
            name: name.to_owned(),
            section: Section::Scratch,
            bytes,
        }
    }

    #[test]
    fn tensors_alive_together_never_overlap_and_others_share() {
        let unplaced = [scratch("a", 1000), scratch("b", 300), scratch("c", 900)];
        let live = [
            Some(Live { first: 0, last: 1 }),
            Some(Live { first: 1, last: 2 }),
            Some(Live { first: 2, last: 3 }),
        ];
        let mut offsets = [0; 3];
        let end = place_scratch(&unplaced, &live, 512, &mut offsets);
        assert_eq!(offsets[0], 512);
        assert_eq!(offsets[2], 512, "c reuses the bytes of a");
        assert_eq!(offsets[1], 512 + 1024);
        assert_eq!(end, 512 + 1024 + 512);
    }
}
