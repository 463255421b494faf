use super::{random_function, random_inputs};
use crate::ir::{Block, Elem, Inst, Stmt, VectorOp, verify};
use std::collections::BTreeSet;

#[test]
fn functions_run_and_stay_finite() {
    let mut stored = 0;
    for seed in 0..300 {
        let function = random_function(seed);
        verify(&function).unwrap_or_else(|faults| panic!("seed {seed}: {faults}"));
        let inputs = random_inputs(&function, seed);
        let memory = inputs
            .interpret(&function)
            .unwrap_or_else(|trap| panic!("seed {seed}: {trap}"));
        for (param, range) in function.buffers.iter().zip(&inputs.buffers) {
            let words = memory[range.clone()].as_chunks().0;
            let finite = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes).is_finite();
            assert!(
                param.elem == Elem::I32 || words.iter().all(finite),
                "seed {seed}"
            );
        }
        stored += usize::from(memory != inputs.memory);
    }
    assert!(stored > 270, "{stored} of 300 functions store something");
}

#[test]
fn a_seed_is_one_function_and_one_input() {
    let function = random_function(5);
    assert_eq!(function, random_function(5));
    assert_ne!(function.body, random_function(6).body);
    let inputs = random_inputs(&function, 1);
    assert_eq!(inputs.memory, random_inputs(&function, 1).memory);
    assert_ne!(inputs.memory, random_inputs(&function, 2).memory);
}

/// What a block uses, by names made of the variants.
fn collect(block: &Block, depth: usize, found: &mut BTreeSet<String>) {
    for stmt in block {
        let name = match stmt {
            Stmt::Let(_, inst) => match inst {
                Inst::Unary(op, _) => format!("{op:?}"),
                Inst::Binary(op, ..) => format!("{op:?}"),
                Inst::Shift(op, ..) => format!("Shift{op:?}"),
                Inst::Compare(op, ..) => format!("Compare{op:?}"),
                Inst::Reduce(op, _) => format!("Reduce{op:?}"),
                Inst::Vector(inst) => inst.op.word().to_owned(),
                inst => format!("{inst:?}")
                    .split(['(', ' '])
                    .next()
                    .unwrap()
                    .to_owned(),
            },
            Stmt::Store { .. } => "Store".to_owned(),
            Stmt::Prefetch(..) => "Prefetch".to_owned(),
            Stmt::For(l) => {
                collect(&l.body, depth + 1, found);
                let trip = l.trip.as_const().map_or("open", |_| "bound");
                found.insert(format!("{} carried", l.carried.len()));
                found.extend(l.when.map(|_| "loop when".to_owned()));
                format!("loop {trip} depth {depth}")
            }
        };
        found.insert(name);
    }
}

#[test]
fn together_they_use_everything() {
    let mut found = BTreeSet::new();
    for seed in 0..150 {
        collect(&random_function(seed).body, 0, &mut found);
    }
    let everything = "0 carried,1 carried,2 carried,3 carried,Abs,Add,And,CompareEq,CompareLe,\
        CompareLt,Div,Extract,F32,FromBits,FromIndex,I32,Iota,Keep,Load,Max,Min,Mul,Neg,\
        Or,Param,Prefetch,ReduceAdd,ReduceMax,Select,ShiftLeft,ShiftRight,ShiftRightSigned,SizeF32,Splat,\
        Sqrt,Store,Sub,ToBits,ToFloat,ToIndex,TritSelect,Xor,\
        loop bound depth 0,loop bound depth 1,loop bound depth 2,loop open depth 0,loop open depth 1,\
        loop when";
    let words = VectorOp::ALL.iter().map(|op| op.word());
    let everything: BTreeSet<String> = everything
        .split(',')
        .chain(words)
        .map(str::to_owned)
        .collect();
    assert_eq!(found, everything);
}
