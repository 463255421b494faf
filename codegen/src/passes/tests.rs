//! Each pass, and all in order, against the interpreter on random functions.

use super::PIPELINE;
use crate::ir::{Function, verify};
use crate::testing::{random_function, random_inputs};

/// Runs `passes` on the function of a seed and compares the interpreter's memory.
fn agree(seed: u64, passes: &[(&str, fn(&mut Function))]) {
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
