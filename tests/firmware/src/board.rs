//! From reset to `main`: memory, the floating-point unit, the stack. Two ARM boards and a RISC-V one.

use core::arch::global_asm;
use core::panic::PanicInfo;

unsafe extern "C" {
    static mut bss_start: u32;
    static mut bss_end: u32;
    static mut data_start: u32;
    static mut data_end: u32;
    static data_load: u32;
    static mut stack_top: u32;
}

unsafe extern "Rust" {
    /// What the firmware does.
    safe fn main();
}

#[cfg(target_arch = "arm")]
global_asm!(
    ".section .vectors, \"a\"",
    ".word stack_top",
    ".word reset",
    ".rept 14",
    ".word fault",
    ".endr",
    ".text",
);

// The unit is off after reset, and nothing may use it before.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
global_asm!(
    ".section .reset, \"ax\"",
    ".thumb_func",
    ".global reset",
    "reset:",
    "ldr r0, =0xe000ed88",
    "ldr r1, [r0]",
    "orr r1, r1, #0xf00000",
    "str r1, [r0]",
    "dsb",
    "isb",
    "b start",
    ".pool",
    ".text",
);

#[cfg(all(target_arch = "arm", not(target_abi = "eabihf")))]
global_asm!(
    ".section .reset, \"ax\"",
    ".thumb_func",
    ".global reset",
    "reset:",
    "bl start",
    ".text",
);

#[cfg(target_arch = "riscv32")]
global_asm!(
    ".section .vectors, \"ax\"",
    ".global reset",
    "reset:",
    "la sp, stack_top",
    "la t0, fault",
    "csrw mtvec, t0",
    "j start",
    ".text",
);

/// What the stack holds where nothing was.
const UNUSED: u32 = 0x5a5a_a5a5;

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    let here = 0u32;
    // SAFETY: the linker's symbols are the ends of memory that nobody uses yet; the stack below this function's own frame
    // is free.
    unsafe {
        let bytes = |start: *const u32, end: *const u32| end.addr() - start.addr();
        let (bss, end) = (&raw mut bss_start, &raw mut bss_end);
        fill(bss, bytes(bss, end), 0);
        let data = &raw mut data_start;
        let words = bytes(data, &raw mut data_end) / 4;
        for i in 0..words {
            data.add(i)
                .write_volatile((&raw const data_load).add(i).read_volatile());
        }
        let free = (&raw const here).addr() - end.addr();
        fill(end, free.saturating_sub(128), UNUSED);
    }
    main();
    crate::host::exit(0)
}

/// # Safety
/// So many bytes are nobody's.
unsafe fn fill(start: *mut u32, bytes: usize, word: u32) {
    for i in 0..bytes / 4 {
        // SAFETY: the caller's promise.
        unsafe { start.add(i).write_volatile(word) };
    }
}

/// The most bytes of stack that were in use since reset.
pub fn stack_used() -> usize {
    let (low, top) = ((&raw const bss_end), (&raw const stack_top));
    let mut free = low;
    // SAFETY: all of the memory up to the stack's top may be read.
    while free < top && unsafe { free.read_volatile() } == UNUSED {
        free = free.wrapping_add(1);
    }
    top.addr() - free.addr()
}

#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    crate::host::say("fault\n");
    crate::host::exit(1)
}

/// Nothing calls it: `.ci/bare-metal` looks for what would.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    crate::host::exit(2)
}
