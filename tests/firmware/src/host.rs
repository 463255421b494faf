//! Words to the machine that emulates the board, by semihosting, and instructions counted.

use core::arch::asm;

const WRITE: usize = 0x04;
const EXIT: usize = 0x20;

/// # Safety
/// The argument is what the call takes.
unsafe fn call(number: usize, argument: *const u8) {
    // SAFETY: the caller's promise; the call changes nothing but its result.
    #[cfg(target_arch = "arm")]
    unsafe {
        asm!("bkpt 0xab", inout("r0") number => _, in("r1") argument, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "riscv32")]
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            ".balign 16",
            "slli zero, zero, 0x1f",
            "ebreak",
            "srai zero, zero, 7",
            ".option pop",
            inout("a0") number => _,
            in("a1") argument,
            options(nostack),
        );
    }
}

/// Prints some text.
pub fn say(text: &str) {
    text.bytes().for_each(say_byte);
}

fn say_byte(byte: u8) {
    let text = [byte, 0];
    // SAFETY: a text that ends with 0.
    unsafe { call(WRITE, text.as_ptr()) };
}

/// Prints a number.
pub fn say_number(number: u32) {
    // The greatest has ten digits.
    let mut unit = 1_000_000_000;
    while unit > 1 && number < unit {
        unit /= 10;
    }
    while unit > 0 {
        say_byte(b'0' + (number / unit % 10) as u8);
        unit /= 10;
    }
}

/// Ends the emulation.
pub fn exit(status: u32) -> ! {
    // The application ended by itself.
    let reason = [0x20026, status];
    // SAFETY: two words.
    unsafe { call(EXIT, reason.as_ptr().cast()) };
    loop {}
}

/// Starts to count.
#[cfg(target_arch = "arm")]
pub fn start_counting() {
    let (control, reload, value) = (0xe000_e010, 0xe000_e014, 0xe000_e018);
    // SAFETY: the registers of SysTick, which nobody else uses.
    unsafe {
        core::ptr::without_provenance_mut::<u32>(reload).write_volatile(0x00ff_ffff);
        core::ptr::without_provenance_mut::<u32>(value).write_volatile(0);
        core::ptr::without_provenance_mut::<u32>(control).write_volatile(5);
    }
}

/// Ticks since counting started: of 40 instructions on the board with a Cortex-M4, 62.5 on that with an M0.
#[cfg(target_arch = "arm")]
pub fn count() -> u32 {
    // SAFETY: a register of SysTick.
    let left = unsafe { core::ptr::without_provenance::<u32>(0xe000_e018).read_volatile() };
    0x00ff_ffff - left
}

/// Starts to count.
#[cfg(target_arch = "riscv32")]
pub fn start_counting() {
    // SAFETY: a counter that nobody else uses.
    unsafe { asm!("csrw minstret, zero") };
}

/// Instructions since counting started.
#[cfg(target_arch = "riscv32")]
pub fn count() -> u32 {
    let count;
    // SAFETY: as above.
    unsafe { asm!("csrr {}, minstret", out(reg) count) };
    count
}

/// Instructions of so many ticks.
pub fn instructions(ticks: u32) -> u32 {
    match (cfg!(target_arch = "arm"), cfg!(target_abi = "eabihf")) {
        (true, true) => ticks * 40,
        (true, false) => ticks * 125 / 2,
        _ => ticks,
    }
}
