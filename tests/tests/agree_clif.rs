//! Functions compiled by the JIT against the interpreter and the scalar reference: bit for
//! bit, for every target whose code this machine runs.

use atome::jit::Compiled;
use atome_codegen::ir::Function;
use atome_codegen::testing::{random_function, random_inputs};
use atome_codegen::{KernelSpec, lower, passes, schedule};
use atome_spec::{Activation, Isa, Op, Target, each_op};
use atome_tests::cases::{self, Binding, Case, Memory};
use atome_tests::edges::{self, Edge};
use atome_tests::targets::runnable_targets;
use std::collections::HashMap;

const RANDOM_FUNCTIONS: u64 = 400;
/// Calls of each, with other dimensions and values.
const RANDOM_CALLS: u64 = 3;

/// Calls `function` on random inputs; gives how many calls changed memory.
fn random_calls(function: &Function, seed: u64, target: Target) -> usize {
    let compiled = match Compiled::new(function, target) {
        Ok(compiled) => compiled,
        Err(error) => panic!("seed {seed}, {target}: {error:?}\n{function}"),
    };
    let mut changed = 0;
    for call in 0..RANDOM_CALLS {
        let inputs = random_inputs(function, seed * RANDOM_CALLS + call);
        let expected = match inputs.interpret(function) {
            Ok(memory) => memory,
            Err(trap) => panic!("seed {seed}: {trap}\n{function}"),
        };
        let mut memory = inputs.memory.clone();
        let base = memory.as_mut_ptr();
        let addresses: Vec<*mut u8> = inputs
            .buffers
            .iter()
            .map(|range| base.wrapping_add(range.start))
            .collect();
        // SAFETY: the generator gives every buffer its length, apart from the others.
        unsafe { compiled.call(&addresses, &inputs.dims, &inputs.scalars) };
        assert!(
            memory == expected,
            "seed {seed}, call {call}, {target}, dims {:?}\n{function}",
            inputs.dims
        );
        changed += usize::from(memory != inputs.memory);
    }
    changed
}

#[test]
fn random_functions() {
    let targets = runnable_targets();
    let mut changed = 0;
    for seed in 0..RANDOM_FUNCTIONS {
        let function = random_function(seed);
        let mut optimised = function.clone();
        passes::optimise(&mut optimised);
        for &target in &targets {
            changed += random_calls(&function, seed, target);
            changed += random_calls(&optimised, seed, target);
        }
    }
    let calls = RANDOM_FUNCTIONS as usize * RANDOM_CALLS as usize * 2 * targets.len();
    assert!(
        changed > calls / 2,
        "only {changed} of {calls} calls wrote anything new"
    );
}

#[test]
fn edges() {
    for target in runnable_targets() {
        for edge in edges::all() {
            let mut optimised = edge.clone();
            passes::optimise(&mut optimised.function);
            for edge in [edge, optimised] {
                edge_agrees(&edge, target);
            }
        }
    }
}

fn edge_agrees(edge: &Edge, target: Target) {
    let (function, inputs) = (&edge.function, &edge.inputs);
    let compiled = match Compiled::new(function, target) {
        Ok(compiled) => compiled,
        Err(error) => panic!("{target}: {error:?}\n{function}"),
    };
    let mut memory = inputs.memory.clone();
    let base = memory.as_mut_ptr();
    let starts = inputs.buffers.iter().map(|range| range.start);
    let addresses: Vec<*mut u8> = starts.map(|start| base.wrapping_add(start)).collect();
    // SAFETY: an edge's inputs give every buffer its length, apart from the others.
    unsafe { compiled.call(&addresses, &inputs.dims, &inputs.scalars) };
    assert!(edge.agrees(&memory), "{target}\n{function}");
}

/// Those whose schedules differ.
fn isas(spec: &KernelSpec) -> &'static [Isa] {
    match spec.activation {
        Activation::F32 => &[Isa::Sse41, Isa::Neon],
        Activation::I8 => &[Isa::Sse41, Isa::Dotprod],
    }
}

/// Every case of `op` under every binding, on the schedules for vectors of 128 bits.
fn op_agrees(op: Op) {
    for target in runnable_targets() {
        let mut compiled: HashMap<Function, Compiled> = HashMap::new();
        for case in cases::of(op) {
            for binding in Binding::ALL {
                let spec = case.bound(binding);
                for isa in isas(&spec) {
                    let mut function = lower::lower(&spec, &schedule::select(&spec, *isa));
                    passes::optimise(&mut function);
                    let kernel = compiled.entry(function.clone()).or_insert_with(|| {
                        Compiled::new(&function, target)
                            .unwrap_or_else(|error| panic!("{case} {binding:?}: {error:?}"))
                    });
                    agrees(
                        &case,
                        &function,
                        kernel,
                        &format!("{target}, {binding:?}, {isa}"),
                    );
                }
            }
        }
        assert!(!compiled.is_empty(), "{op} has cases");
    }
}

fn agrees(case: &Case, function: &Function, kernel: &Compiled, what: &str) {
    let mut memory = Memory::new(case);
    let addresses = memory.addresses();
    // SAFETY: a case's buffers are as long as its kernel's parameters, apart from each other.
    unsafe { kernel.call(&addresses, &case.open_dims(function), &case.scalars) };
    if let Err(mismatch) = memory.verify(case) {
        panic!("{case}\n{what}: {mismatch}");
    }
}

/// One test an op, so that they run in parallel and fail by name.
macro_rules! tests {
    ($($name:ident: $op:ident,)+) => {
        $(#[test] fn $name() { op_agrees(Op::$op); })+
    };
}

each_op!(tests);
