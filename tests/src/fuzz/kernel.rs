//! Text of the IR: read, printed, verified, interpreted, optimised, emitted, compiled.

use super::answers::bits;
use super::{choice, made_nan, one_line};
use atome::jit::{Compiled, Maker};
use atome_codegen::emit::rust::{self, EmitError};
use atome_codegen::ir::{self, Block, Elem, Function, Size, Stmt};
use atome_codegen::passes;
use atome_codegen::testing::{Inputs, Rng};
use atome_kernels::dispatch;
use atome_spec::Isa;

/// The longest text that is read.
const MAX_TEXT_BYTES: usize = 16 << 10;
/// Statements of a function that is compiled.
const MAX_STATEMENTS: u64 = 1500;
/// Statements that a call may run.
const MAX_RUN: u64 = 50_000;
/// Elements of a call's buffers.
const MAX_ELEMENTS: u64 = 1 << 14;

/// A function as text.
pub(super) fn kernel(data: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(data)
        .ok()
        .filter(|text| text.len() <= MAX_TEXT_BYTES)
    else {
        return false;
    };
    let function = match ir::parse(text) {
        Ok(function) => function,
        Err(error) => return one_line(&error).is_empty(),
    };
    if let Err(violations) = ir::verify(&function) {
        violations.as_slice().iter().for_each(|v| drop(one_line(v)));
        return false;
    }
    let printed = function.to_string();
    match ir::parse(&printed) {
        Ok(again) => {
            assert!(again == function, "printed and read again:\n{printed}");
            assert_eq!(again.to_string(), printed);
        }
        Err(error) => panic!("printed, but not read again: {error}\n{printed}"),
    }
    let choice = choice(data);
    statements(&function.body, &|_| 1) <= MAX_STATEMENTS && runs(function, choice)
}

/// Runs a verified function on everything that runs functions, unless its call leaves a buffer or takes long.
fn runs(mut function: Function, choice: u32) -> bool {
    let isa = Isa::ALL[choice as usize % Isa::ALL.len()];
    match rust::emit(&function, isa) {
        Ok(_) => {}
        // A name of the IR may be a word of Rust.
        Err(error @ EmitError::Name { .. }) => drop(one_line(&error)),
        Err(error) => panic!("{isa}: {error}\n{function}"),
    }
    made_nan::hide(&mut function);
    ir::verify(&function).expect("still valid");
    let Some(inputs) = inputs(&function, choice.into()) else {
        return false;
    };
    let Ok(expected) = inputs.interpret(&function) else {
        return false;
    };
    compiled(&function, &inputs, &expected);

    let mut optimised = function;
    passes::optimise(&mut optimised);
    if let Err(violations) = ir::verify(&optimised) {
        panic!("optimised: {violations}\n{optimised}");
    }
    match inputs.interpret(&optimised) {
        Ok(memory) => same(&optimised, &inputs, &memory, &expected),
        Err(trap) => panic!("optimised: {trap}\n{optimised}"),
    }
    if statements(&optimised.body, &|_| 1) <= MAX_STATEMENTS {
        compiled(&optimised, &inputs, &expected);
    }
    true
}

/// Compiles a function by every maker for this machine and calls it.
fn compiled(function: &Function, inputs: &Inputs, expected: &[u8]) {
    let tier = dispatch::detect();
    compiled_by(function, inputs, expected, Maker::narrow(tier));
    if let maker @ Maker::Wide(_) = Maker::of(tier) {
        compiled_by(function, inputs, expected, maker);
    }
}

fn compiled_by(function: &Function, inputs: &Inputs, expected: &[u8], maker: Maker) {
    let compiled = match Compiled::new(function, maker) {
        Ok(compiled) => compiled,
        Err(error) => panic!("{error}\n{function}"),
    };
    let mut memory = inputs.memory.clone();
    let base = memory.as_mut_ptr();
    let starts = inputs.buffers.iter().map(|range| range.start);
    let addresses: Vec<*mut u8> = starts.map(|start| base.wrapping_add(start)).collect();
    // SAFETY: every buffer has its length, apart from the others, and the interpreter did not leave any on these
    // inputs. What may differ here, the bits of a NaN, reaches no address: `made_nan` hides it.
    unsafe { compiled.call(&addresses, &inputs.dims, &inputs.scalars) };
    same(function, inputs, &memory, expected);
}

/// Checks that two memories are the same, but for the bits of NaNs in buffers of f32.
fn same(function: &Function, inputs: &Inputs, found: &[u8], expected: &[u8]) {
    let (mut found, mut expected) = (found.to_vec(), expected.to_vec());
    for (buffer, range) in function.buffers.iter().zip(&inputs.buffers) {
        if buffer.elem == Elem::F32 {
            for memory in [&mut found, &mut expected] {
                for word in memory[range.clone()].as_chunks_mut().0 {
                    *word = bits(f32::from_le_bytes(*word)).to_le_bytes();
                }
            }
        }
    }
    assert!(found == expected, "dims {:?}\n{function}", inputs.dims);
}

/// Arguments of a call that takes little time and memory, if the function has such.
fn inputs(function: &Function, seed: u64) -> Option<Inputs> {
    let mut rng = Rng::new(seed);
    let edges = [0, 1, 2, 3, 15, 16, 17, 20];
    let dims: Vec<u64> = function.dims.iter().map(|_| rng.pick(&edges)).collect();
    let times = |trip: &Size| trip.eval(&dims).unwrap_or(u64::MAX);
    if statements(&function.body, &times) > MAX_RUN {
        return None;
    }
    let (mut memory, mut buffers) = (vec![GAP; 4], Vec::new());
    for buffer in &function.buffers {
        let length = buffer.len.eval(&dims).filter(|n| *n <= MAX_ELEMENTS)?;
        let start = memory.len();
        memory.extend((0..length).flat_map(|_| word(&mut rng, buffer.elem).to_le_bytes()));
        buffers.push(start..memory.len());
        memory.resize(memory.len() + 64, GAP);
    }
    let scalars = function.scalars.iter();
    let scalars = scalars.map(|_| f32::from_bits(word(&mut rng, Elem::F32)));
    Some(Inputs {
        memory,
        buffers,
        scalars: scalars.collect(),
        dims,
    })
}

/// What lies between buffers.
const GAP: u8 = 0xa5;

/// An element: of modest size most often, of any bits at times.
fn word(rng: &mut Rng, elem: Elem) -> u32 {
    match elem {
        Elem::F32 if rng.one_in(8) => bits(f32::from_bits(rng.bits() as u32)),
        Elem::F32 => rng.tame_f32().to_bits(),
        Elem::I32 if rng.one_in(2) => rng.below(24) as u32,
        Elem::I32 => rng.bits() as u32,
    }
}

/// Statements of a block, those of a loop as often as `times` says.
fn statements(block: &Block, times: &impl Fn(&Size) -> u64) -> u64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::For(l) => times(&l.trip).saturating_mul(1 + statements(&l.body, times)),
        _ => 1,
    };
    block.iter().map(of).fold(0, u64::saturating_add)
}
