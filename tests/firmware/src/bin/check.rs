//! What the model answers on the board, against the runtime, bit for bit; instructions and stack of an inference.
#![no_std]
#![no_main]

use firmware::host::{count, exit, instructions, say, say_number, start_counting};
use model::{Memory, Model};

include!("../../../../target/firmware/answers.rs");

static mut MEMORY: Memory = Memory::new();

#[unsafe(no_mangle)]
fn main() {
    // SAFETY: nobody else has the memory, and it is asked for once.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    let mut model = Model::new(memory);
    let mut right = 0;
    for (i, (input, expected, bits)) in ANSWERS.iter().enumerate() {
        start_counting();
        let class = model.classify(input);
        let ticks = count();
        if i == 0 {
            say_number(input.len() as u32);
            say(" bytes: ");
            say_number(instructions(ticks));
            say(" instructions\n");
        }
        let found = model.logits().iter().map(|logit| logit.to_bits());
        let same = found.eq(bits.iter().copied()) && class == Ok(*expected);
        right += u32::from(same);
    }
    say_number(right);
    say(" of ");
    say_number(ANSWERS.len() as u32);
    say(" inputs have the runtime's bits\nstack: ");
    say_number(firmware::board::stack_used() as u32);
    say(" bytes\nmemory: ");
    say_number(Model::STATE as u32);
    say(" bytes\nweights: ");
    say_number(Model::WEIGHTS as u32);
    say(" bytes\n");
    if right as usize != ANSWERS.len() {
        exit(1);
    }
}
