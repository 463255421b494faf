//! Where a board has its memory: `ATOME_FLASH` and `ATOME_RAM` bytes of it.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=ATOME_FLASH");
    println!("cargo::rerun-if-env-changed=ATOME_RAM");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("board.x"), script()?)?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tboard.x");
    Ok(())
}

/// Where code, data and the stack lie.
fn script() -> Result<String, Box<dyn Error>> {
    let target = env::var("TARGET")?;
    let (flash, ram) = match target.starts_with("thumb") {
        true => ("0x00000000", "0x20000000"),
        false => ("0x80000000", "0x80200000"),
    };
    let room = |name: &str, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());
    let (flash_room, ram_room) = (room("ATOME_FLASH", "256K"), room("ATOME_RAM", "16K"));
    Ok(format!(
        "MEMORY {{\n  FLASH : ORIGIN = {flash}, LENGTH = {flash_room}\n  RAM : ORIGIN = {ram}, LENGTH = {ram_room}\n}}\n{SECTIONS}"
    ))
}

const SECTIONS: &str = "
ENTRY(reset)
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.reset) *(.text .text.*) } > FLASH
  .rodata : { *(.rodata .rodata.*) . = ALIGN(4); } > FLASH
  .data : { . = ALIGN(4); data_start = .; *(.data .data.* .sdata .sdata.*) . = ALIGN(4); data_end = .; } > RAM AT > FLASH
  data_load = LOADADDR(.data);
  .bss (NOLOAD) : { . = ALIGN(16); bss_start = .; *(.bss .bss.* .sbss .sbss.*) . = ALIGN(16); bss_end = .; } > RAM
  stack_top = ORIGIN(RAM) + LENGTH(RAM);
  /DISCARD/ : { *(.ARM.exidx .ARM.exidx.* .ARM.attributes .eh_frame .eh_frame_hdr .riscv.attributes) }
}
";
