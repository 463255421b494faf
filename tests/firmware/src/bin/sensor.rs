//! Firmware: bytes in, a class out, nothing else.
#![no_std]
#![no_main]

// What a board needs.
use firmware as _;
use model::{Memory, Model};

/// What a sensor writes, and what a program reads.
#[unsafe(no_mangle)]
static mut INPUT: [u8; 32] = [0; 32];
#[unsafe(no_mangle)]
static mut CLASS: u32 = u32::MAX;

static mut MEMORY: Memory = Memory::new();

#[unsafe(no_mangle)]
fn main() {
    // SAFETY: nobody else has the memory, and it is asked for once.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    let mut model = Model::new(memory);
    // SAFETY: words that another part of the machine writes, or reads.
    let input = unsafe { (&raw const INPUT).read_volatile() };
    if let Ok(class) = model.classify(&input) {
        // SAFETY: as above.
        unsafe { (&raw mut CLASS).write_volatile(class) };
    }
}
