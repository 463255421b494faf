use super::check::{all_fields, methods, sums};
use super::{Choice, Field, Fields, Schedule, Sum, select};
use crate::{KernelSpec, op};
use atome_spec::{Isa, LANES};

/// The schedules worth measuring for a valid specification on an instruction set, each of them
/// valid and there once: the selected one, and those whose sums fit the registers.
///
/// ```
/// use atome_codegen::{KernelSpec, schedule};
/// use atome_spec::{Isa, Op, Packing};
///
/// let spec = KernelSpec::new(Op::Gemv).packing(Packing::Int2);
/// let candidates = schedule::candidates(&spec, Isa::Avx2);
/// assert_eq!(candidates[0], schedule::select(&spec, Isa::Avx2));
/// assert!(candidates.iter().all(|s| s.check(&spec).is_ok()));
/// ```
pub fn candidates(spec: &KernelSpec, isa: impl Into<Isa>) -> Vec<Schedule> {
    let isa = isa.into();
    let selected = select(spec, isa);
    let mut all = with_methods(spec);
    for choice in op::choices(spec.kind()) {
        all = all.iter().flat_map(|s| with_numbers(s, choice)).collect();
    }
    all.retain(|schedule| *schedule != selected && fits(schedule, isa));
    all.insert(0, selected);
    all
}

/// Each method with each of its places for codes and each of their sums.
fn with_methods(spec: &KernelSpec) -> Vec<Schedule> {
    let methods = methods(spec);
    if methods.is_empty() {
        return vec![Schedule::default()];
    }
    let with_fields = methods.into_iter().flat_map(|method| {
        let schedule = Schedule {
            method: Some(method),
            ..Schedule::default()
        };
        let fields = optional(&all_fields(spec, Some(method)));
        let with_sums = fields.into_iter().flat_map(|fields| {
            let sums = optional(sums(spec, Some(method), fields)).into_iter();
            // Where halves have sums of 32 bits, four places have them too, without a shift.
            let again = (Some(Fields::Halves), Some(Sum::I32));
            let tried = sums.filter(|sum| (fields, *sum) != again);
            let with_sum = |sum| Schedule {
                fields,
                sum,
                ..schedule
            };
            tried.map(with_sum).collect::<Vec<_>>()
        });
        with_sums.collect::<Vec<Schedule>>()
    });
    with_fields.collect()
}

/// Each of some values, or that there is none.
fn optional<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    match values {
        [] => vec![None],
        values => values.iter().copied().map(Some).collect(),
    }
}

/// The schedule with each number of a choice that is worth a measurement.
fn with_numbers(schedule: &Schedule, choice: &'static Choice) -> Vec<Schedule> {
    let with = |number: &u32| {
        let (mut schedule, number) = (*schedule, Some(*number));
        match choice.field {
            Field::Mr => schedule.mr = number,
            Field::Nr => schedule.nr = number,
            Field::Prefetch => schedule.prefetch = number,
            Field::Unroll => schedule.unroll = number,
            Field::Method | Field::Fields | Field::Sum => {}
        }
        schedule
    };
    choice.tried.iter().map(with).collect()
}

/// Whether the sums of a tile leave a register for what is added to them.
fn fits(schedule: &Schedule, isa: Isa) -> bool {
    let registers = LANES * 32 / isa.vector_bits();
    let sums = schedule.row_groups() * schedule.tokens() * schedule.fields().sums();
    sums * registers < isa.registers()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn candidates_are_valid_and_distinct_and_the_selected_one_is_among_them() {
        for spec in op::kinds().into_iter().map(KernelSpec::from) {
            for &isa in Isa::ALL {
                let candidates = candidates(&spec, isa);
                for schedule in &candidates {
                    assert_eq!(schedule.check(&spec), Ok(()), "{schedule} {isa}");
                    // Nothing of another one's is missing in it.
                    assert_eq!(schedule.or(candidates[0]), *schedule, "{isa}");
                }
                let distinct: BTreeSet<&Schedule> = candidates.iter().collect();
                assert_eq!(distinct.len(), candidates.len(), "{spec:?} {isa}");
                assert_eq!(candidates[0], select(&spec, isa));
            }
        }
    }
}
