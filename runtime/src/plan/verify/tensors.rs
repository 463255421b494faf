use super::{Plan, PlanError, PlanFault};
use crate::plan::{Base, Section, TensorInfo};
use std::ops::Range;

/// Tensors are aligned and lie in their sections; those that last from block to block share no byte with any other, and
/// saved states are made of them. A session's ids and answers have their room.
///
/// # Errors
/// The first tensor of which that does not hold.
pub(super) fn check(plan: &Plan) -> Result<(), PlanError> {
    let fault = |tensor: &TensorInfo, what: String| {
        PlanError::of("tensors", &tensor.name, PlanFault::Place(what))
    };
    for tensor in &plan.tensors {
        let section = section(plan, tensor.section);
        let place = place(tensor);
        let inside = place
            .as_ref()
            .is_some_and(|place| section.start <= place.start && place.end <= section.end);
        let align = align(plan, tensor.section);
        if !inside || !tensor.offset.is_multiple_of(align) {
            let (name, bytes, offset) = (tensor.section.name(), tensor.bytes, tensor.offset);
            return Err(fault(
                tensor,
                format!(
                    "{bytes} bytes at {offset}, expected a multiple of {align} in {name}, bytes {section:?}"
                ),
            ));
        }
    }
    let lasts = |tensor: &&TensorInfo| matches!(tensor.section, Section::State | Section::Logits);
    let mut lasting: Vec<&TensorInfo> = plan.tensors.iter().filter(lasts).collect();
    lasting.retain(|tensor| tensor.bytes > 0);
    lasting.sort_by_key(|tensor| tensor.offset);
    for pair in lasting.windows(2) {
        if pair[0].offset + pair[0].bytes > pair[1].offset {
            return Err(fault(
                pair[1],
                format!("shares bytes with `{}`", pair[0].name),
            ));
        }
    }
    ports(plan)?;
    saved(plan, &lasting)
}

/// Bytes of a section; those of states and logits follow each other in a slot.
fn section(plan: &Plan, section: Section) -> Range<usize> {
    match section.base() {
        Base::File => 0..plan.image.as_ref().map_or(0, |file| file.bytes().len()),
        Base::Weights => 0..plan.sizes.weights,
        Base::Constants => 0..plan.sizes.constants,
        Base::Scratch => 0..plan.sizes.scratch,
        Base::Slot => 0..plan.sizes.slot,
    }
}

/// What offsets are multiples of.
fn align(plan: &Plan, section: Section) -> usize {
    match section {
        Section::File => align_of::<f32>(),
        _ => plan.align,
    }
}

fn place(tensor: &TensorInfo) -> Option<Range<usize>> {
    let end = tensor.offset.checked_add(tensor.bytes)?;
    Some(tensor.offset..end)
}

/// Room for the ids of a block, and for what a session reads of it.
fn ports(plan: &Plan) -> Result<(), PlanError> {
    let ports = &plan.ports;
    let logits = plan.tensor(ports.logits).bytes;
    let mut rooms = vec![
        (ports.ids, plan.block.checked_mul(4)),
        (ports.logits_rows, plan.rows_block.checked_mul(logits)),
        (ports.argmax, Some(4)),
    ];
    let angles = ports
        .angles
        .map(|a| (a.tensor, plan.block.checked_mul(8 * a.pairs)));
    rooms.extend(angles);
    let output = plan.block.checked_mul(ports.output_bytes());
    rooms.extend(ports.output.map(|(tensor, _)| (tensor, output)));
    for (tensor, needs) in rooms {
        let tensor = plan.tensor(tensor);
        if needs.is_none_or(|needs| tensor.bytes < needs) {
            let what = format!("has {} bytes, a block needs {needs:?}", tensor.bytes);
            return Err(PlanError::of(
                "tensors",
                &tensor.name,
                PlanFault::Place(what),
            ));
        }
    }
    Ok(())
}

/// Every piece of a saved state is part of a tensor that lasts.
fn saved(plan: &Plan, lasting: &[&TensorInfo]) -> Result<(), PlanError> {
    for span in plan.saved.extents() {
        let after = lasting.partition_point(|tensor| tensor.offset <= span.slot.start);
        let tensor = after.checked_sub(1).map(|i| lasting[i]);
        let inside = tensor.is_some_and(|t| span.slot.end <= t.offset + t.bytes);
        let inside = inside || span.slot.is_empty();
        if !inside || span.saved.end > plan.saved.bytes() {
            let what = format!("bytes {:?} of a slot are no tensor's", span.slot);
            return Err(PlanError::of(
                "tensors",
                "saved state",
                PlanFault::Place(what),
            ));
        }
    }
    Ok(())
}
