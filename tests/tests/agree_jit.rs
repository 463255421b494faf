//! Functions compiled by the JIT against the interpreter and the scalar reference: bit for
//! bit, for every kind of code that this machine runs.

use atome::jit::{Compiled, Maker};
use atome_codegen::ir::Function;
use atome_codegen::testing::{random_function, random_inputs};
use atome_codegen::{lower, passes, schedule};
use atome_spec::{Op, each_op};
use atome_tests::cases::{self, Binding, Case, Memory};
use atome_tests::edges::{self, Edge};
use atome_tests::targets::{isas, makers};
use std::collections::HashMap;

const RANDOM_FUNCTIONS: u64 = 400;
/// Calls of each, with other dimensions and values.
const RANDOM_CALLS: u64 = 3;

/// Calls `function` on random inputs; gives how many calls changed memory.
fn random_calls(function: &Function, seed: u64, maker: Maker) -> usize {
    let compiled = match Compiled::new(function, maker) {
        Ok(compiled) => compiled,
        Err(error) => panic!("seed {seed}, {maker}: {error:?}\n{function}"),
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
            "seed {seed}, call {call}, {maker}, dims {:?}\n{function}",
            inputs.dims
        );
        changed += usize::from(memory != inputs.memory);
    }
    changed
}

#[test]
fn random_functions() {
    let makers = makers();
    let mut changed = 0;
    for seed in 0..RANDOM_FUNCTIONS {
        let function = random_function(seed);
        let mut optimised = function.clone();
        passes::optimise(&mut optimised);
        for &maker in &makers {
            changed += random_calls(&function, seed, maker);
            changed += random_calls(&optimised, seed, maker);
        }
    }
    let calls = RANDOM_FUNCTIONS as usize * RANDOM_CALLS as usize * 2 * makers.len();
    assert!(
        changed > calls / 2,
        "only {changed} of {calls} calls wrote anything new"
    );
}

#[test]
fn edges() {
    for maker in makers() {
        for edge in edges::all() {
            let mut optimised = edge.clone();
            passes::optimise(&mut optimised.function);
            for edge in [edge, optimised] {
                edge_agrees(&edge, maker);
            }
        }
    }
}

fn edge_agrees(edge: &Edge, maker: Maker) {
    let (function, inputs) = (&edge.function, &edge.inputs);
    let compiled = match Compiled::new(function, maker) {
        Ok(compiled) => compiled,
        Err(error) => panic!("{maker}: {error:?}\n{function}"),
    };
    let mut memory = inputs.memory.clone();
    let base = memory.as_mut_ptr();
    let starts = inputs.buffers.iter().map(|range| range.start);
    let addresses: Vec<*mut u8> = starts.map(|start| base.wrapping_add(start)).collect();
    // SAFETY: an edge's inputs give every buffer its length, apart from the others.
    unsafe { compiled.call(&addresses, &inputs.dims, &inputs.scalars) };
    assert!(edge.agrees(&memory), "{maker}\n{function}");
}

/// Every case of `op` under every binding, on the maker's schedules.
fn op_agrees(op: Op) {
    for maker in makers() {
        let mut compiled: HashMap<Function, Compiled> = HashMap::new();
        for case in cases::of(op) {
            for binding in Binding::ALL {
                let spec = case.bound(binding);
                for isa in isas(maker, &spec) {
                    let mut function = lower::lower(&spec, &schedule::select(&spec, isa));
                    passes::optimise(&mut function);
                    let kernel = compiled.entry(function.clone()).or_insert_with(|| {
                        Compiled::new(&function, maker)
                            .unwrap_or_else(|error| panic!("{case} {binding:?}: {error:?}"))
                    });
                    agrees(
                        &case,
                        &function,
                        kernel,
                        &format!("{maker}, {binding:?}, {isa}"),
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
