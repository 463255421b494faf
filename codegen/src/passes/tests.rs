//! Each pass on small functions, as text; each pass, and all in order, against the interpreter
//! on random functions.

mod cse;
mod dce;
mod fold;
mod hoist;
mod kernels;
mod unroll;

use super::{PIPELINE, Pass, renumber};
use crate::ir::{Function, parse, verify};
use crate::testing::{random_function, random_inputs};

/// A function of `body` with dimensions `n` and `m`, a scalar `p`, buffers `x` (in), `s` (inout)
/// and `y` (out) of 64 f32 and `i`, `t` and `z` of 64 i32.
fn function(body: &str) -> Function {
    let text = format!(
        "kernel f(n, m) scalars(p) {{
           in x: f32[64] inout s: f32[64] out y: f32[64]
           in i: i32[64] inout t: i32[64] out z: i32[64]
           {body}
         }}"
    );
    let function = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    verify(&function).unwrap_or_else(|violations| panic!("{violations}\n{text}"));
    function
}

/// Checks what a pass makes of a function, apart from the numbers of values.
#[track_caller]
fn check(pass: Pass, before: &str, after: &str) {
    let (mut found, mut expected) = (function(before), function(after));
    pass(&mut found);
    verify(&found).unwrap_or_else(|violations| panic!("{violations}\n{found}"));
    renumber::run(&mut found);
    renumber::run(&mut expected);
    assert!(
        found.body == expected.body,
        "found:\n{found}\nexpected:\n{expected}"
    );
}

/// Runs `passes` on the function of a seed and compares the interpreter's memory.
fn agree(seed: u64, passes: &[(&str, Pass)]) {
    let original = random_function(seed);
    let inputs: Vec<_> = (0..3).map(|i| random_inputs(&original, i)).collect();
    let run = |function: &Function, stage: &str| -> Vec<Vec<u8>> {
        let each = inputs.iter().map(|inputs| inputs.interpret(function));
        each.collect::<Result<_, _>>()
            .unwrap_or_else(|trap| panic!("seed {seed} after {stage}: {trap}\n{function}"))
    };
    let expected = run(&original, "generation");
    let mut function = original.clone();
    for (name, pass) in passes {
        let before = function.clone();
        pass(&mut function);
        if let Err(violations) = verify(&function) {
            panic!("seed {seed} after {name}: {violations}\nbefore:\n{before}\nafter:\n{function}");
        }
        assert!(
            run(&function, name) == expected,
            "seed {seed}: {name} changed the result\nbefore:\n{before}\nafter:\n{function}"
        );
    }
}

#[test]
fn every_pass_alone_keeps_the_meaning() {
    for (i, pass) in PIPELINE.iter().enumerate() {
        if PIPELINE[..i].iter().all(|earlier| earlier.0 != pass.0) {
            (0..200).for_each(|seed| agree(seed, &[*pass]));
        }
    }
}

#[test]
fn the_pipeline_keeps_the_meaning() {
    (1000..1400).for_each(|seed| agree(seed, PIPELINE));
}

#[test]
fn any_order_keeps_the_meaning() {
    let mut reversed = PIPELINE.to_vec();
    reversed.reverse();
    (2000..2100).for_each(|seed| agree(seed, &reversed));
}
