//! The AArch64 build on an emulated CPU.

use crate::question::Question;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// `sdot` of sixteen bytes, without its registers, which the mask leaves out. The emulator's own
/// disassembler may not know it.
const SDOT: u32 = 0x4e80_9400;
const SDOT_MASK: u32 = 0xffe0_fc00;

/// `usdot`, likewise.
const USDOT: u32 = 0x4e80_9c00;

/// An emulated CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cpu {
    /// With dot products.
    CortexA76,
    /// Without.
    CortexA72,
    /// With those of unsigned bytes too, and all else that there is.
    Max,
}

impl Cpu {
    fn name(self) -> &'static str {
        match self {
            Cpu::CortexA76 => "cortex-a76",
            Cpu::CortexA72 => "cortex-a72",
            Cpu::Max => "max",
        }
    }

    /// The best instructions that kernels have for it.
    pub(crate) fn isa(self) -> &'static str {
        match self {
            Cpu::CortexA76 => "dotprod",
            Cpu::CortexA72 => "neon",
            Cpu::Max => "i8mm",
        }
    }
}

/// The AArch64 binary and what runs it.
pub(crate) struct Emulator {
    binary: OsString,
}

impl Emulator {
    /// None, said on stderr, where there is no binary.
    pub(crate) fn find() -> Option<Emulator> {
        let binary = std::env::var_os("ATOME_AARCH64");
        if binary.is_none() {
            let required = std::env::var_os("ATOME_REQUIRE_AARCH64").is_some();
            assert!(!required, "ATOME_AARCH64 is not set");
            eprintln!("skipped: ATOME_AARCH64 names no binary; `.ci/aarch64` builds one");
        }
        Some(Emulator { binary: binary? })
    }

    pub(crate) fn command(&self, cpu: Cpu) -> Command {
        self.logging(cpu, &[])
    }

    fn logging(&self, cpu: Cpu, flags: &[&str]) -> Command {
        let mut command = Command::new("qemu-aarch64");
        command
            .args(["-cpu", cpu.name(), "-L", "/usr/aarch64-linux-gnu"])
            // Of the same release as the loader there: threads do not start with others.
            .args(["-E", "LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib"])
            .args(flags)
            .arg(&self.binary);
        command
    }

    /// Whether the answer to a question takes an `sdot`, and a `usdot`: the emulator lists every block of
    /// code that it runs.
    pub(crate) fn dots(&self, cpu: Cpu, question: &Question, backend: &str) -> (bool, bool) {
        let log = tempfile::NamedTempFile::new().unwrap();
        let path = log.path().to_str().unwrap();
        question.answer(self.logging(cpu, &["-d", "in_asm", "-D", path]), backend);
        let lines = BufReader::new(File::open(path).unwrap()).lines();
        let words: Vec<u32> = lines.filter_map(|line| word(&line.unwrap())).collect();
        assert!(!words.is_empty(), "the emulator lists nothing");
        let runs = |dot| words.iter().any(|word| word & SDOT_MASK == dot);
        (runs(SDOT), runs(USDOT))
    }
}

/// The instruction of a line such as `0x5500000000:  d503201f  nop`.
fn word(line: &str) -> Option<u32> {
    let word = line.strip_prefix("0x")?.split_whitespace().nth(1)?;
    u32::from_str_radix(word, 16).ok()
}
