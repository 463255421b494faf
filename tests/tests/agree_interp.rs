//! The lowering of every op, run by the interpreter, against the scalar reference: bit for bit,
//! with dimensions open and bound, on the schedule of every tier, before and after the passes, and on
//! every candidate schedule.

use atome_codegen::interp::Program;
use atome_codegen::ir::{Function, verify};
use atome_codegen::{Schedule, compile, lower, op, passes, schedule};
use atome_spec::{Isa, Kind, Op, each_op};
use atome_tests::cases::{self, Binding, Case, Memory};
use std::collections::BTreeSet;

/// Runs `function` on the case's arguments.
fn agrees(case: &Case, function: &Function, what: &str) {
    if let Err(violations) = verify(function) {
        panic!("{case}\n{what} is not valid: {violations}");
    }
    let program = Program::new(function).expect("a verified function");
    let dims = case.open_dims(function);
    let mut memory = Memory::new(case);
    let (bytes, buffers) = memory.bytes_mut();
    let run = program.run(
        &mut program.registers(),
        bytes,
        buffers,
        &dims,
        &case.scalars,
    );
    if let Err(trap) = run {
        panic!("{case}\n{what} trapped: {trap}");
    }
    if let Err(mismatch) = memory.verify(case) {
        panic!("{case}\n{what}: {mismatch}");
    }
}

/// Every case of `op` under every binding, with each distinct function of the tiers' schedules.
fn op_agrees(op: Op) {
    let mut runs = 0;
    for case in cases::of(op) {
        for binding in Binding::ALL {
            let spec = case.bound(binding);
            let mut seen = Vec::new();
            for &isa in Isa::ALL {
                let function = lower::lower(&spec, &schedule::select(&spec, isa));
                if seen.contains(&function) {
                    continue;
                }
                seen.push(function.clone());
                agrees(&case, &function, &format!("lowered, {binding:?}, {isa}"));
                let mut optimised = function;
                passes::optimise(&mut optimised);
                agrees(&case, &optimised, &format!("optimised, {binding:?}, {isa}"));
                runs += 2;
            }
        }
    }
    assert!(runs >= 6, "{op} has cases");
}

/// Every candidate schedule of the kernels of `op`, on a few cases each.
fn candidates_agree(op: Op) {
    for kind in op::kinds().into_iter().filter(|kind| kind.op == op) {
        for case in telling(kind) {
            for binding in [Binding::Open, Binding::All] {
                let spec = case.bound(binding);
                let isas = Isa::ALL.iter();
                let candidates = isas.flat_map(|isa| schedule::candidates(&spec, *isa));
                // One distance of prefetching is like another.
                let candidates = candidates.map(|schedule| Schedule {
                    prefetch: schedule.prefetch.map(|bytes| bytes.min(1024)),
                    ..schedule
                });
                for schedule in candidates.collect::<BTreeSet<_>>() {
                    let function = match compile(&spec, &schedule) {
                        Ok(function) => function,
                        Err(error) => panic!("{case} {schedule}: {error}"),
                    };
                    agrees(&case, &function, &format!("{schedule}, {binding:?}"));
                }
            }
        }
    }
}

/// The longest case of a kernel, where tiles of any size are full and have a rest, and a middling one.
fn telling(kind: Kind) -> Vec<Case> {
    let mut cases = cases::of(kind.op);
    let is_kernel = |case: &Case| case.bound(Binding::All).check().is_ok();
    cases.retain(|case| case.spec.kind() == kind && is_kernel(case));
    let elements = |case: &Case| case.arguments.iter().map(|a| a.before.len()).sum::<usize>();
    cases.sort_by_key(elements);
    let longest = cases.pop().expect("every kernel has cases");
    let middling = cases.swap_remove(cases.len() / 2);
    vec![longest, middling]
}

/// One test an op, so that they run in parallel and fail by name.
macro_rules! tests {
    ($($name:ident: $op:ident,)+) => {
        $(#[test] fn $name() { op_agrees(Op::$op); })+

        mod candidates {
            use super::*;

            $(#[test] fn $name() { candidates_agree(Op::$op); })+
        }
    };
}

each_op!(tests);
