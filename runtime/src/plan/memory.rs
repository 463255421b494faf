//! Offsets of tensors: within the weights, within the constants, within a scratch, and within a slot of state and logits.
//! Scratch tensors that are never alive together share bytes.

use super::{Call, Operand, Section, Size, Stage, Tensor, TensorInfo};
use crate::PrepareError;
use crate::arena::Sizes;

/// A tensor before it has a place.
#[derive(Debug)]
pub(crate) struct Unplaced {
    pub name: String,
    pub section: Section,
    /// Rows and columns, for messages.
    pub shape: (usize, usize),
    pub bytes: Size,
}

impl Unplaced {
    fn too_large(&self) -> PrepareError {
        let (rows, cols) = self.shape;
        PrepareError::TooLarge {
            tensor: self.name.clone(),
            rows,
            cols,
        }
    }
}

/// Placed tensors and the sizes of the arena's parts.
#[derive(Debug)]
pub(crate) struct Memory {
    pub tensors: Vec<TensorInfo>,
    pub sizes: Sizes,
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

/// Ends of the sections, while tensors are placed.
struct Ends {
    weights: Size,
    constants: Size,
    slot: Size,
}

/// Places every tensor at a multiple of `align`; those that stay in a file have their offsets, and `inputs` are there before
/// the first stage.
///
/// # Errors
/// If a tensor, or a part of the arena, is larger than this machine can address.
pub(super) fn place(
    (unplaced, inputs): (Vec<Unplaced>, &[Tensor]),
    in_file: &[(Tensor, usize)],
    stages: &[Stage],
    (head, rows_head): (&[Stage], &[Stage]),
    align: usize,
) -> Result<Memory, PrepareError> {
    if let Some(tensor) = unplaced.iter().find(|t| t.bytes.addressable().is_none()) {
        return Err(tensor.too_large());
    }
    let live = liveness((&unplaced, inputs), stages, head, rows_head);
    let mut offsets = vec![Size::ZERO; unplaced.len()];
    let ends = place_sections(&unplaced, &mut offsets, align);
    for &(Tensor(i), offset) in in_file {
        offsets[i] = Size::from(offset);
    }
    let scratch = place_scratch(&unplaced, &live, &mut offsets, align);
    let part = |end: Size| {
        let bytes = end.get();
        end.addressable().ok_or(PrepareError::ArenaMemory { bytes })
    };
    let sizes = Sizes {
        weights: part(ends.weights)?,
        constants: part(ends.constants)?,
        scratch: part(scratch)?,
        slot: part(ends.slot)?,
    };
    let placed = unplaced.into_iter().zip(offsets);
    Ok(Memory {
        tensors: placed.map(tensor_info).collect::<Result<_, _>>()?,
        sizes,
    })
}

/// Places weights, constants, states and logits, one tensor after the other.
fn place_sections(unplaced: &[Unplaced], offsets: &mut [Size], align: usize) -> Ends {
    let mut ends = Ends {
        weights: Size::ZERO,
        constants: Size::ZERO,
        slot: Size::ZERO,
    };
    let sections = [
        Section::Weights,
        Section::Constants,
        Section::State,
        Section::Logits,
    ];
    for section in sections {
        let end = match section {
            Section::Weights => &mut ends.weights,
            Section::Constants => &mut ends.constants,
            _ => &mut ends.slot,
        };
        for (tensor, offset) in unplaced.iter().zip(&mut *offsets) {
            if tensor.section == section {
                *offset = *end;
                *end += tensor.bytes.aligned(align);
            }
        }
    }
    ends
}

/// A tensor and its place in numbers of this machine.
fn tensor_info((tensor, offset): (Unplaced, Size)) -> Result<TensorInfo, PrepareError> {
    match (offset.addressable(), tensor.bytes.addressable()) {
        (Some(offset), Some(bytes)) => Ok(TensorInfo {
            name: tensor.name,
            section: tensor.section,
            offset,
            bytes,
        }),
        _ => Err(tensor.too_large()),
    }
}

/// First fit, the largest tensors first; gives the end of the scratch.
fn place_scratch(
    unplaced: &[Unplaced],
    live: &[Option<Live>],
    offsets: &mut [Size],
    align: usize,
) -> Size {
    let mut order: Vec<(usize, Live)> = live
        .iter()
        .enumerate()
        .filter_map(|(i, l)| l.map(|l| (i, l)))
        .collect();
    order.sort_by_key(|&(i, _)| (std::cmp::Reverse(unplaced[i].bytes), i));
    let mut placed: Vec<(Size, Size, Live)> = Vec::new();
    let mut end = Size::ZERO;
    for (i, l) in order {
        let bytes = unplaced[i].bytes.aligned(align);
        let mut busy: Vec<(Size, Size)> = placed
            .iter()
            .filter(|p| p.2.meets(l))
            .map(|p| (p.0, p.1))
            .collect();
        busy.sort_unstable();
        let mut at = Size::ZERO;
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
    (unplaced, inputs): (&[Unplaced], &[Tensor]),
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
    inputs.iter().for_each(|input| touch(*input, 0));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str, bytes: usize) -> Unplaced {
        Unplaced {
            name: name.to_owned(),
            section: Section::Scratch,
            shape: (1, bytes / 4),
            bytes: Size::from(bytes),
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
        let mut offsets = [Size::ZERO; 3];
        let end = place_scratch(&unplaced, &live, &mut offsets, 256);
        assert_eq!(offsets[0], Size::ZERO);
        assert_eq!(offsets[2], Size::ZERO, "c reuses the bytes of a");
        assert_eq!(offsets[1], Size::from(1024));
        assert_eq!(end, Size::from(1024 + 512));
    }
}
